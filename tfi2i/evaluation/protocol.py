"""Scores of a translator on pairs, and the baselines that it should beat."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfi2i import metrics
from tfi2i.data.pixels import RGB, PixelType, from_float, to_float
from tfi2i.ways import A2B, Way


class Scores(NamedTuple):
    """Means over the images of a split.

    Attributes:
        l1: mean absolute difference, on a scale of 0 to 1.
        psnr: peak signal-to-noise ratio in decibels; infinite where an image is
            equal.
        ssim: structural similarity; 1 for equal images.
        images: how many.
    """

    l1: float
    psnr: float
    ssim: float
    images: int


def score(
    translate: Callable[[tf.Tensor], tf.Tensor],
    batches: tf.data.Dataset,
    way: Way = A2B,
    pixels: PixelType = RGB,
) -> Scores:
    """Compares translations with the truth, image by image.

    Outputs are rounded first, as they would be in a file.

    Args:
        translate: from `(batch, height, width, channels)` to the same shape, in
            [-1, 1].
        batches: of pairs by domain in [-1, 1], at least 11 pixels a side.
        way: that is scored.
        pixels: of the outputs' files.

    Returns:
        Each image counts the same, whatever the batches.
    """
    measures = (metrics.l1, metrics.psnr, metrics.ssim)
    values = []
    for batch in batches:
        fakes = to_float(from_float(translate(batch[way.input]), pixels), pixels)
        values.append([measure(batch[way.target], fakes) for measure in measures])
    by_image = np.concatenate(values, axis=1)
    l1, psnr, ssim = map(float, by_image.mean(axis=1))
    return Scores(l1, psnr, ssim, by_image.shape[1])


def mean_image(targets: tf.Tensor) -> tf.Tensor:
    """The mean of training targets: the best answer that ignores the input.

    Args:
        targets: uint8 `(count, height, width, channels)`.

    Returns:
        float32 `(1, height, width, channels)` in [-1, 1].
    """
    total = np.zeros(targets.shape[1:], np.int64)
    for target in targets:
        total += target.numpy()
    return tf.constant(total / len(targets) / 127.5 - 1, tf.float32)[None]
