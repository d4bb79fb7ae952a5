"""Proof that an export paints what the trained model paints."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfi2i.data.transforms import resize, to_float, to_uint8
from tfi2i.inference.engines import KerasEngine

Paint = Callable[[np.ndarray], np.ndarray]

_ROUNDED = {"mean": 2e-3, "worst": 5e-2, "worst_levels": 8}


@dataclass(frozen=True)
class Parity:
    """How far an export is from the trained model.

    Attributes:
        images: different ones that were compared.
        sizes: different heights and widths of them.
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


class Painted(NamedTuple):
    """What the trained model makes of a batch.

    Attributes:
        images: uint8 `(batch, height, width, channels)`.
        floats: its translation in [-1, 1].
    """

    images: np.ndarray
    floats: np.ndarray


def sizes_to_compare(size: int, stride: int) -> list[tuple[int, int]]:
    """Four heights and widths: one odd and oblong, one below the stride.

    Args:
        size: side at which the model was trained.
        stride: of which the network's sizes are multiples.
    """
    small = max(3, stride // 2 - 1)
    return [
        (size, size),
        (size + size // 4 + 1, size - size // 4 - 1),
        (small, small + 2),
        (2 * size, size),
    ]


def paint(
    generator, photos: np.ndarray, sizes: Sequence[tuple[int, int]]
) -> list[Painted]:
    """Paints real images with the trained model, a share of them at each size.

    Args:
        generator: `keras.Model` on [-1, 1].
        photos: uint8 `(count, height, width, channels)`, all different.
        sizes: heights and widths.
    """
    engine = KerasEngine(generator)
    painted = []
    for share, shape in zip(np.array_split(photos, len(sizes)), sizes, strict=True):
        images = tf.stack([resize(photo, *shape) for photo in share])
        painted.append(Painted(images.numpy(), engine.run(to_float(images))))
    return painted


def compare(
    trained: Sequence[Painted],
    on_floats: Paint,
    on_bytes: Paint,
    on_files: Callable[[list[bytes]], list[bytes]] | None = None,
) -> Parity:
    """Paints the same images with an export, in each way that it offers.

    Args:
        trained: from `paint`.
        on_floats: from float32 `(batch, height, width, channels)` in [-1, 1] to the
            same.
        on_bytes: from uint8 to uint8.
        on_files: from PNG files of several sizes to PNG files.
    """
    gaps, levels, files, wanted = [], [], [], []
    for images, expected in trained:
        gaps.append(np.abs(expected - on_floats(to_float(images).numpy())).ravel())
        as_bytes = to_uint8(expected).numpy()
        levels.append(_levels(as_bytes, on_bytes(images)))
        files.append(tf.io.encode_png(images[0]).numpy())
        wanted.append(as_bytes[0])
    if on_files is not None:
        for expected, contents in zip(wanted, on_files(files), strict=True):
            levels.append(_levels(expected, tf.io.decode_png(contents).numpy()))
    gaps = np.concatenate(gaps)
    first = to_float(trained[0].images[:1]).numpy()
    return Parity(
        images=sum(len(images) for images, _ in trained),
        sizes=tuple(dict.fromkeys(images.shape[1:3] for images, _ in trained)),
        mean=float(gaps.mean()),
        worst=float(gaps.max()),
        worst_levels=max(levels),
        milliseconds=_milliseconds(on_floats, first),
    )


def check(path: Path, parity: Parity, generator: keras.Model, quantize: str) -> None:
    """Refuses an export that does not paint what the model paints.

    Args:
        path: where it would be published.
        parity: from `compare`.
        generator: the trained one; what adds up many residuals rounds more.
        quantize: of the weights: `"none"` or `"float16"`.

    Raises:
        ValueError: a difference is above its bound.
    """
    is_residual = any(isinstance(x, keras.layers.Add) for x in generator.layers)
    worst = 2e-4 if is_residual else 2e-5
    exact = {"mean": 1e-5, "worst": worst, "worst_levels": 1}
    for name, bound in (exact if quantize == "none" else _ROUNDED).items():
        value = getattr(parity, name)
        if not value <= bound:
            raise ValueError(
                f"'{path}' would not paint what the model paints: {name} differs by "
                f"{value:.2g}, expected at most {bound:.2g}. It was not published."
            )


def _levels(expected, got):
    return int(np.abs(np.int32(expected) - got).max())


def _milliseconds(paint, image):
    times = []
    for _ in range(6):
        began = time.perf_counter()
        paint(image)
        times.append(time.perf_counter() - began)
    # The first call may still trace.
    return round(1000 * statistics.median(times[1:]), 2)
