"""Images of one domain by index: in memory, in a file, or decoded on demand."""

from __future__ import annotations

import abc
import math
import os
import tempfile

import numpy as np
import tensorflow as tf

from tfi2i.data import memory
from tfi2i.data.pixels import PixelType

# Bytes; TensorFlow's kernels refuse memory of a lower alignment.
_ALIGNMENT = 64


class Images(abc.ABC):
    """Images of one domain by index; their sizes may differ.

    Attributes:
        shapes: int64 array `(count, 2)`, heights and widths.
        pixels: type of the pixels.
        dtype: of the values.
    """

    def __init__(self, shapes: np.ndarray, pixels: PixelType):
        self.shapes = np.asarray(shapes, np.int64).reshape(-1, 2)
        self.pixels = pixels
        self.dtype = tf.as_dtype(pixels.dtype)

    @abc.abstractmethod
    def get(self, index: tf.Tensor) -> tf.Tensor:
        """Looks up one image, in a graph or outside.

        Args:
            index: int64 scalar.

        Returns:
            `(height, width, channels)`, of `pixels.dtype`.
        """

    def __len__(self) -> int:
        """Number of images."""
        return len(self.shapes)

    def __getitem__(self, index: int | slice) -> tf.Tensor:
        """Looks up one image, or a slice of images of one size."""
        if isinstance(index, slice):
            return tf.stack([self[i] for i in range(*index.indices(len(self)))])
        return self.get(tf.constant(range(len(self))[index], tf.int64))

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """Stacks all images, which must be of one size."""
        return np.asarray(self[:].numpy(), dtype)

    def numpy(self) -> np.ndarray:
        """Stacks all images of one size, `(count, height, width, channels)`."""
        return np.asarray(self)

    @property
    def size(self) -> int:
        """Bytes that all images take when decoded."""
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
    """Decoded images, contiguous in memory or in a mapped file.

    Args:
        buffer: one-dimensional, of `pixels.dtype`; it is shared, not copied.
        shapes: int64 array `(count, 2)`, heights and widths.
        pixels: type of the pixels.
    """

    def __init__(self, buffer: np.ndarray, shapes: np.ndarray, pixels: PixelType):
        super().__init__(shapes, pixels)
        self._buffer = _as_tensor(buffer)
        self._ends = np.cumsum(self.shapes.prod(axis=1) * pixels.channels)

    @classmethod
    def of(cls, images: np.ndarray | tf.Tensor) -> Held:
        """Copies an array of images, `(count, height, width, channels)`."""
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
    """Allocates an uninitialised buffer of images, for `Held` and `views`.

    Args:
        shapes: int64 array `(count, 2)`.
        pixels: type of the pixels.
        on_disk: map a file without a name, which vanishes with its last user.

    Raises:
        MemoryError: too little memory.
        OSError: too little room on the disk; the message says which disk, how much is
            missing, and what to do.
    """
    size = bytes_needed(shapes, pixels)
    length = size // np.dtype(pixels.dtype).itemsize
    if not on_disk:
        return aligned(length, np.dtype(pixels.dtype))
    memory.check_room(size)
    with tempfile.TemporaryFile(prefix="tfi2i-") as file:
        # Writing to a mapped file on a full disk would end the process.
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
        except OSError as error:
            # Quotas and limits of file sizes appear only here.
            raise memory.no_room(size, error.strerror) from error
        return np.memmap(file, pixels.dtype, "r+", shape=(length,))


def bytes_needed(shapes: np.ndarray, pixels: PixelType) -> int:
    """Computes the bytes of decoded images.

    Args:
        shapes: int64 array `(count, 2)`.
        pixels: type of the pixels.
    """
    values = sum(height * width for height, width in shapes.tolist())
    return values * pixels.channels * np.dtype(pixels.dtype).itemsize


def views(
    buffer: np.ndarray, shapes: np.ndarray, pixels: PixelType
) -> list[np.ndarray]:
    """Splits a buffer into views, `(height, width, channels)`, one for each image."""
    found, start = [], 0
    for height, width in shapes.tolist():
        end = start + height * width * pixels.channels
        found.append(buffer[start:end].reshape(height, width, pixels.channels))
        start = end
    return found


def aligned(length: int, dtype: np.dtype) -> np.ndarray:
    """Allocates an uninitialised one-dimensional array that tensors can share."""
    room = np.empty(length * dtype.itemsize + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + length * dtype.itemsize].view(dtype)


def _as_tensor(array: np.ndarray) -> tf.Tensor:
    """Shares an array with TensorFlow; `tf.constant` would copy it twice."""
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
