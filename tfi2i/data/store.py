"""Decoded images of one domain, wherever they are: in memory, in a file, or nowhere."""

from __future__ import annotations

import abc
import math
import os
import tempfile

import numpy as np
import tensorflow as tf

from tfi2i.data import memory
from tfi2i.data.pixels import PixelType

# TensorFlow's kernels refuse memory that is aligned less.
_ALIGNMENT = 64


class Images(abc.ABC):
    """Images of one domain, which may differ in size, by index.

    Attributes:
        shapes: int64 array `(count, 2)`, heights and widths.
        pixels: what they are made of.
        dtype: of the numbers.
    """

    def __init__(self, shapes: np.ndarray, pixels: PixelType):
        self.shapes = np.asarray(shapes, np.int64).reshape(-1, 2)
        self.pixels = pixels
        self.dtype = tf.as_dtype(pixels.dtype)

    @abc.abstractmethod
    def get(self, index: tf.Tensor) -> tf.Tensor:
        """Look one image up, inside a graph or outside.

        Args:
            index: int64 scalar.

        Returns:
            `(height, width, channels)`, of `pixels.dtype`.
        """

    def __len__(self) -> int:
        """Number of images."""
        return len(self.shapes)

    def __getitem__(self, index: int | slice) -> tf.Tensor:
        """One image, or those of a slice, which must be of one size."""
        if isinstance(index, slice):
            return tf.stack([self[i] for i in range(*index.indices(len(self)))])
        return self.get(tf.constant(range(len(self))[index], tf.int64))

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """All images, of one size, as an array."""
        return np.asarray(self[:].numpy(), dtype)

    def numpy(self) -> np.ndarray:
        """All images, of one size, `(count, height, width, channels)`."""
        return np.asarray(self)

    @property
    def size(self) -> int:
        """Bytes that all images take, decoded."""
        return bytes_needed(self.shapes, self.pixels)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Count, height, width, channels; None for sides that differ."""
        return (len(self), *self.image_shape)

    @property
    def image_shape(self) -> tuple[int | None, int | None, int]:
        """Height, width and channels of every image; None for sides that differ."""
        first = self.shapes[0]
        sides = [
            int(side) if same else None
            for side, same in zip(first, (self.shapes == first).all(0), strict=True)
        ]
        return (*sides, self.pixels.channels)

    @property
    def is_uniform(self) -> bool:
        """Whether all images have one size."""
        return None not in self.image_shape


class Held(Images):
    """Images that lie one behind the other in memory, or in a file that is mapped.

    Args:
        buffer: one-dimensional, of `pixels.dtype`, shared and not copied.
        shapes: int64 array `(count, 2)`, heights and widths.
        pixels: what they are made of.
    """

    def __init__(self, buffer: np.ndarray, shapes: np.ndarray, pixels: PixelType):
        super().__init__(shapes, pixels)
        self._buffer = _as_tensor(buffer)
        self._ends = np.cumsum(self.shapes.prod(axis=1) * pixels.channels)

    @classmethod
    def of(cls, images: np.ndarray | tf.Tensor) -> Held:
        """Images that are there already, `(count, height, width, channels)`."""
        images = np.asarray(images)
        buffer = aligned(images.size, images.dtype)
        buffer[:] = images.ravel()
        pixels = PixelType.of(images.shape[-1], images.dtype.name)
        return cls(buffer, [images.shape[1:3]] * len(images), pixels)

    def get(self, index: tf.Tensor) -> tf.Tensor:
        height, width, channels = self.image_shape
        if self.is_uniform:
            shape = (height, width, channels)
            length = math.prod(shape)
            begin = index * length
        else:
            sides = tf.gather(self.shapes, index)
            shape = tf.concat([sides, [channels]], axis=0)
            length = tf.reduce_prod(shape)
            begin = tf.gather(self._ends, index) - length
        flat = tf.slice(self._buffer, [begin], [length])
        return tf.ensure_shape(tf.reshape(flat, shape), (height, width, channels))


def allocate(shapes: np.ndarray, pixels: PixelType, on_disk: bool) -> np.ndarray:
    """Uninitialised room for images, for `Held` and `places`.

    Args:
        shapes: int64 array `(count, 2)`.
        pixels: what they are made of.
        on_disk: map a file that has no name, and is gone when nothing uses it.

    Raises:
        MemoryError: memory is too small.
        OSError: the disk is; the message says which, by how much, and what to do.
    """
    size = bytes_needed(shapes, pixels)
    length = size // np.dtype(pixels.dtype).itemsize
    if not on_disk:
        return aligned(length, np.dtype(pixels.dtype))
    memory.check_room(size)
    with tempfile.TemporaryFile(prefix="tfi2i-") as file:
        # Memory that is mapped onto a disk without room would end the process.
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
        except OSError as error:
            # Quotas and limits of a file's size are seen only here.
            raise memory.no_room(size, error.strerror) from error
        return np.memmap(file, pixels.dtype, "r+", shape=(length,))


def bytes_needed(shapes: np.ndarray, pixels: PixelType) -> int:
    """Bytes of decoded images.

    Args:
        shapes: int64 array `(count, 2)`.
        pixels: what they are made of.
    """
    values = sum(height * width for height, width in shapes.tolist())
    return values * pixels.channels * np.dtype(pixels.dtype).itemsize


def views(
    buffer: np.ndarray, shapes: np.ndarray, pixels: PixelType
) -> list[np.ndarray]:
    """Views of a buffer, `(height, width, channels)`, one for each image."""
    found, start = [], 0
    for height, width in shapes.tolist():
        end = start + height * width * pixels.channels
        found.append(buffer[start:end].reshape(height, width, pixels.channels))
        start = end
    return found


def aligned(length: int, dtype: np.dtype) -> np.ndarray:
    """Uninitialised one-dimensional array that tensors can share."""
    room = np.empty(length * dtype.itemsize + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + length * dtype.itemsize].view(dtype)


def _as_tensor(array: np.ndarray) -> tf.Tensor:
    """Give an array to TensorFlow without a copy; `tf.constant` makes two."""
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
