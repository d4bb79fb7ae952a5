"""A split's images from disk into memory, decoded and resized on all cores."""

from __future__ import annotations

import collections
import concurrent.futures
import itertools
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import track

from tfi2i.data import decoding, headers, transforms

# TensorFlow's kernels refuse memory that is aligned less.
_ALIGNMENT = 64


def load(
    files_a: Sequence[headers.ImageFile | None],
    files_b: Sequence[headers.ImageFile],
    *,
    size: int,
    colour: tuple[int, int, int],
    edges: bool = False,
    progress: bool,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode and resize the images of a split.

    Args:
        files_a: images of domain A, None for those that are drawn from edges.
        files_b: images of domain B, as many or not; where one is the right half
            of a file, that of A at its place is the left half.
        size: side in pixels of the images wanted.
        colour: red, green, blue under transparent pixels, 0 to 255.
        edges: draw the images of A from the edges of those of B.
        progress: show a bar on stderr, if that is a terminal.

    Returns:
        Two uint8 tensors `(count, size, size, 3)`, domains A and B. They need
        little more memory than that, since nothing is held twice.

    Raises:
        ValueError: naming every file that cannot be decoded; too little memory; a
            size below 1.
    """
    if size < 1:
        raise ValueError(f"--data.load-size is {size}, expected at least 1")
    array_a, array_b = _allocate((len(files_a), len(files_b)), size)
    background = tf.constant(colour, tf.int32)
    places = list(itertools.zip_longest(files_a, files_b))
    damaged: list[Path] = []

    def fill(index: int) -> None:
        image_a, image_b = _read(*places[index], size, background, damaged)
        if image_b is not None:
            array_b[index] = image_b
        if edges and image_b is not None:
            image_a = transforms.edges(image_b)
        if image_a is not None:
            array_a[index] = image_a

    _in_threads(fill, len(places), progress)
    if damaged:
        names = [f"'{path}'" for path in sorted(damaged)]
        raise ValueError(
            f"truncated or damaged images ({len(names)}): "
            f"{headers.shortened(names)}; replace or remove them"
        )
    return _as_tensor(array_a), _as_tensor(array_b)


def read_image(path: str | Path, background: str = "white") -> np.ndarray:
    """Decode one image at its own size, as training sees it.

    EXIF orientation is applied and alpha is composited.

    Args:
        path: a JPEG, PNG or WebP file.
        background: colour under transparent pixels, CSS name or `#rrggbb`.

    Returns:
        uint8 `(height, width, 3)`, RGB.

    Raises:
        OSError: there is no such file, or it may not be read.
        ValueError: it is empty, truncated, animated or of another kind; or the
            background is no colour. All messages are one line without the path.
        tf.errors.ResourceExhaustedError: memory is too small for it.
    """
    colour = tf.constant(decoding.parse_colour(background), tf.int32)
    image = headers.read(Path(path))
    try:
        pixels = _read_own_size(
            tf.constant(str(path)), tf.constant(image.orientation), colour
        )
    except tf.errors.ResourceExhaustedError:
        # The image may be sound; it is memory that is short.
        raise
    except tf.errors.OpError:
        # TensorFlow's message names graph nodes, and not the reason.
        raise ValueError("truncated or damaged") from None
    return pixels.numpy()


def _read(
    file_a: headers.ImageFile | None,
    file_b: headers.ImageFile | None,
    size: int,
    background: tf.Tensor,
    damaged: list[Path],
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Decode an image of A and of B; None for one absent or added to `damaged`."""

    def read(image: headers.ImageFile | None, reader: Callable) -> list:
        if image is None:
            return [None]
        path = tf.constant(str(image.path))
        try:
            images = reader(path, tf.constant(image.orientation), background, size)
        except tf.errors.OpError:
            # TensorFlow's message names graph nodes, and not the file.
            damaged.append(image.path)
            return [None, None]
        return [image.numpy() for image in images]

    if file_b is not None and file_b.half == "right":
        left, right = read(file_b, _read_halves)
        return left, right
    return read(file_a, _read_whole)[0], read(file_b, _read_whole)[0]


_FILE = (
    tf.TensorSpec((), tf.string),
    tf.TensorSpec((), tf.int32),
    tf.TensorSpec((3,), tf.int32),
    tf.TensorSpec((), tf.int32),
)


@tf.function(input_signature=_FILE[:3])
def _read_own_size(path, orientation, background):
    with tf.device("CPU:0"):
        return decoding.decode(path, orientation, background)


@tf.function(input_signature=_FILE)
def _read_whole(path, orientation, background, size):
    with tf.device("CPU:0"):
        image = decoding.decode(path, orientation, background)
        return (transforms.resize(image, size, size),)


@tf.function(input_signature=_FILE)
def _read_halves(path, orientation, background, size):
    with tf.device("CPU:0"):
        image = decoding.decode(path, orientation, background)
        middle = tf.shape(image)[1] // 2
        left, right = image[:, :middle], image[:, middle:]
        return (
            transforms.resize(left, size, size),
            transforms.resize(right, size, size),
        )


def _in_threads(work: Callable[[int], None], count: int, progress: bool) -> None:
    """Call `work` with 0 to `count - 1`, on all cores, showing how far it is."""
    console = Console(stderr=True)
    # TensorFlow releases the interpreter lock, so threads use all cores.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        done = track(
            pool.map(work, range(count)),
            description="Reading images",
            total=count,
            console=console,
            transient=True,
            disable=not (progress and console.is_terminal),
        )
        collections.deque(done, maxlen=0)


def _allocate(counts: Sequence[int], size: int) -> list[np.ndarray]:
    """Uninitialised uint8 `(count, size, size, 3)` that tensors can share."""
    try:
        return [_aligned((count, size, size, 3)) for count in counts]
    except MemoryError as error:
        needed = sum(counts) * size * size * 3 / 1e9
        raise ValueError(
            f"{sum(counts)} images at {size} pixels need {needed:.1f} GB of memory, "
            "more than there is: choose a smaller --data.load-size or fewer images"
        ) from error


def _aligned(shape: tuple[int, ...]) -> np.ndarray:
    length = math.prod(shape)
    buffer = np.empty(length + _ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % _ALIGNMENT
    return buffer[start : start + length].reshape(shape)


def _as_tensor(array: np.ndarray) -> tf.Tensor:
    """Give an array to TensorFlow without a copy; `tf.constant` makes two."""
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
