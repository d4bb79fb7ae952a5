"""Proof that an export paints what the trained model paints."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfi2i.data.transforms import resize, to_float, to_uint8

Paint = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Parity:
    """How far an export is from the trained model.

    Attributes:
        images: compared.
        sizes: heights and widths of the images.
        mean: absolute difference in [-1, 1] units, over all pixels.
        worst: the largest.
        worst_levels: the largest of 8-bit outputs.
        milliseconds: median time for one image at the training size.
    """

    images: int
    sizes: tuple[tuple[int, int], ...]
    mean: float
    worst: float
    worst_levels: int
    milliseconds: float


def test_images(photos: np.ndarray, size: int, stride: int) -> list[np.ndarray]:
    """Real images at four sizes: one odd and oblong, one below the stride.

    Args:
        photos: uint8 `(count, height, width, channels)`.
        size: side at which the model was trained.
        stride: of which the network's sizes are multiples.

    Returns:
        One uint8 batch `(count / 4, height, width, channels)` for each size.
    """
    small = max(3, stride // 2 - 1)
    sizes = [
        (size, size),
        (size + size // 4 + 1, size - size // 4 - 1),
        (small, small + 2),
        (2 * size, size),
    ]
    quarters = np.array_split(photos, len(sizes))
    return [
        tf.stack([resize(photo, *shape) for photo in quarter]).numpy()
        for quarter, shape in zip(quarters, sizes, strict=True)
    ]


def compare(trained: Paint, exported: Paint, batches: list[np.ndarray]) -> Parity:
    """Paints the same images both ways.

    Args:
        trained: from float32 `(batch, height, width, channels)` in [-1, 1] to the
            same.
        exported: likewise.
        batches: uint8, from `test_images`.
    """
    gaps, levels = [], []
    for batch in batches:
        images = to_float(batch).numpy()
        expected, got = trained(images), exported(images)
        gaps.append(np.abs(expected - got).ravel())
        as_bytes = [np.int32(to_uint8(output)) for output in (expected, got)]
        levels.append(np.abs(as_bytes[0] - as_bytes[1]).max())
    gaps = np.concatenate(gaps)
    return Parity(
        images=sum(map(len, batches)),
        sizes=tuple(batch.shape[1:3] for batch in batches),
        mean=float(gaps.mean()),
        worst=float(gaps.max()),
        worst_levels=int(max(levels)),
        milliseconds=_milliseconds(exported, to_float(batches[0][:1]).numpy()),
    )


def _milliseconds(paint, image):
    times = []
    for _ in range(6):
        began = time.perf_counter()
        paint(image)
        times.append(time.perf_counter() - began)
    # The first call may still trace.
    return round(1000 * statistics.median(times[1:]), 2)
