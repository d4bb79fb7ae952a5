"""Comparison of an export with the trained model."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfi2i.data.pixels import RGB, PixelType, from_float, to_float
from tfi2i.data.transforms import resized
from tfi2i.inference.engines import KerasEngine

Translate = Callable[[np.ndarray], np.ndarray]

_FLOAT16_BOUNDS = {"mean": 2e-3, "worst": 5e-2}


@dataclass(frozen=True)
class Parity:
    """Differences between the outputs of an export and of the trained model.

    Attributes:
        images: number of images compared.
        sizes: their heights and widths.
        mean: mean absolute difference in [-1, 1] units, over all pixels.
        worst: largest absolute difference, likewise.
        worst_levels: largest difference of stored outputs, in levels.
        milliseconds: median time for one image at the training size.
        levels: steps from black to white of stored outputs: 255 for 8 bits, 65535 for
            16 bits; 255 for floats, which have none.
    """

    images: int
    sizes: tuple[tuple[int, int], ...]
    mean: float
    worst: float
    worst_levels: int
    milliseconds: float
    levels: int = 255


class Painted(NamedTuple):
    """A batch and its translation by the trained model.

    Attributes:
        images: `(batch, height, width, channels)` of `input_pixels`.
        floats: their translation in [-1, 1].
        input_pixels: pixel type of inputs.
        output_pixels: pixel type of outputs.
    """

    images: np.ndarray
    floats: np.ndarray
    input_pixels: PixelType = RGB
    output_pixels: PixelType = RGB

    @property
    def inputs(self) -> np.ndarray:
        """The images in [-1, 1]."""
        return to_float(self.images, self.input_pixels).numpy()

    @property
    def stored(self) -> np.ndarray:
        """The translations as `output_pixels`."""
        return from_float(self.floats, self.output_pixels).numpy()


def sizes_to_compare(shape: tuple[int, int], stride: int) -> list[tuple[int, int]]:
    """Four heights and widths, one of them odd, one smaller than the stride.

    Args:
        shape: height and width at which the model was trained.
        stride: divides the sizes that the network takes.
    """
    height, width = shape
    small = max(3, stride // 2 - 1)
    return [
        (height, width),
        (height + height // 4 + 1, width - width // 4 - 1),
        (small, small + 2),
        (2 * height, width),
    ]


def paint(
    engine: KerasEngine, photos: np.ndarray, sizes: Sequence[tuple[int, int]]
) -> list[Painted]:
    """Translates real images with the trained model, an equal share at each size.

    Args:
        engine: runs the model.
        photos: `(count, height, width, channels)` of its `input_pixels`, all
            different.
        sizes: heights and widths.
    """
    painted = []
    for share, shape in zip(np.array_split(photos, len(sizes)), sizes, strict=True):
        images = np.stack([resized(photo, *shape) for photo in share])
        floats = engine.run(to_float(images, engine.input_pixels).numpy())
        pixels = engine.input_pixels, engine.output_pixels
        painted.append(Painted(images, floats, *pixels))
    return painted


def compare(
    trained: Sequence[Painted],
    on_floats: Translate,
    on_stored: Translate,
    on_files: Callable[[list[bytes]], list[bytes]] | None = None,
) -> Parity:
    """Translates the same images with an export, by all of its functions.

    Args:
        trained: from `paint`.
        on_floats: takes and returns float32 `(batch, height, width, channels)` in
            [-1, 1].
        on_stored: takes images of `input_pixels`, returns images of `output_pixels`.
        on_files: takes and returns PNG files, of several sizes.
    """
    gaps, levels, files, wanted = [], [], [], []
    for batch in trained:
        gaps.append(np.abs(batch.floats - on_floats(batch.inputs)).ravel())
        stored = batch.stored
        levels.append(_levels(stored, on_stored(batch.images), batch))
        if on_files is not None:
            files.append(tf.io.encode_png(batch.images[0]).numpy())
            wanted.append((batch, stored[0]))
    if on_files is not None:
        for (batch, expected), contents in zip(wanted, on_files(files), strict=True):
            image = tf.io.decode_png(contents, dtype=batch.output_pixels.dtype)
            levels.append(_levels(expected, image.numpy(), batch))
    gaps = np.concatenate(gaps)
    first = trained[0].inputs[:1]
    return Parity(
        images=sum(len(batch.images) for batch in trained),
        sizes=tuple(dict.fromkeys(batch.images.shape[1:3] for batch in trained)),
        mean=float(gaps.mean()),
        worst=float(gaps.max()),
        worst_levels=max(levels),
        milliseconds=_milliseconds(on_floats, first),
        levels=_steps(trained[0].output_pixels),
    )


def check(path: Path, parity: Parity, generator: keras.Model, quantize: str) -> None:
    """Refuses an export whose outputs differ from the model's.

    Args:
        path: where it would be published.
        parity: from `compare`.
        generator: the trained one; sums of many residuals have larger bounds.
        quantize: of the weights: `"none"` or `"float16"`.

    Raises:
        ValueError: a difference exceeds its bound.
    """
    is_residual = any(isinstance(x, keras.layers.Add) for x in generator.layers)
    worst = 2e-4 if is_residual else 2e-5
    bounds = {"mean": 1e-5, "worst": worst} if quantize == "none" else _FLOAT16_BOUNDS
    # All levels lie between -1 and 1, hence the half.
    worst_levels = math.ceil(bounds["worst"] * parity.levels / 2)
    for name, bound in {**bounds, "worst_levels": worst_levels}.items():
        value = getattr(parity, name)
        if not value <= bound:
            raise ValueError(
                f"'{path}' would not paint what the model paints: {name} differs by "
                f"{value:.4g}, expected at most {bound:.4g}. It was not published."
            )


def _levels(expected, got, batch):
    """The largest difference in levels, rounded up."""
    pixels = batch.output_pixels
    gap = np.abs(expected.astype(np.float64) - got).max()
    step = (pixels.high - pixels.low) / _steps(pixels)
    return math.ceil(gap / step - 1e-3)


def _steps(pixels):
    is_integer = pixels.dtype != "float32"
    return round(pixels.high - pixels.low) if is_integer else 255


def _milliseconds(translate, image):
    times = []
    for _ in range(6):
        began = time.perf_counter()
        translate(image)
        times.append(time.perf_counter() - began)
    # The first call may include tracing.
    return round(1000 * statistics.median(times[1:]), 2)
