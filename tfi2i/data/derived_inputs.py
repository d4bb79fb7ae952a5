"""Makes inputs from targets: edges, grey, or downscaled.

So a folder of photographs is enough to learn drawing to photograph, colourisation or
super-resolution.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import cv2
import numpy as np
import tensorflow as tf

from tfi2i.data import transforms
from tfi2i.data.pixels import RGB, PixelType

# Thresholds of `is_drawing`.
# Paper is at least so light, relative to the lightest part.
_PAPER = 0.75
# Least share of paper, and of pixels near paper.
_LEAST_PAPER = 0.5
_LEAST_NEAR = 0.95
# Most half width of a line, relative to the image's side.
_THIN = 1 / 50
# Most difference of a grey pixel's channels, in levels; most share of other pixels.
_GREY = 24
_MOST_COLOUR = 0.1
# Larger images are reduced to this side, in pixels.
_MOST_SIDE = 512

Input = Literal["files", "edges", "grayscale", "downscale"]
INPUTS = ("files", "edges", "grayscale", "downscale")


@dataclasses.dataclass(frozen=True)
class Derivation:
    """How an input is made from its target.

    Attributes:
        kind: `edges` are black lines on white, by Canny's detector; `grayscale` is
            the luma, one channel; `downscale` is the target reduced and enlarged
            again.
        factor: of the reduction.
        method: interpolation of the downscaling: that of the target's file, so that
            labels stay labels.
    """

    kind: Literal["edges", "grayscale", "downscale"]
    factor: int = 4
    method: transforms.Method = "bicubic"

    def pixels(self, target: PixelType) -> PixelType:
        """The pixel type of the input.

        Raises:
            ValueError: this input cannot be made from such a target.
        """
        if self.kind == "downscale":
            return target
        if target.channels != 3 or (self.kind == "edges" and target != RGB):
            of = "8-bit colour" if self.kind == "edges" else "colour"
            raise ValueError(
                f"--data.input {self.kind} is made from {of}, but targets have "
                f"{target.channels} channels of {target.dtype}: expected files as "
                "inputs, or other targets (--data.domain-b)"
            )
        channels = 3 if self.kind == "edges" else 1
        return dataclasses.replace(target, channels=channels)

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """Makes an input, in a graph or outside.

        Args:
            image: the target, `(height, width, channels)`.

        Returns:
            An image of the same height, width and dtype.
        """
        if self.kind == "edges":
            lines = tf.numpy_function(edges, [image], tf.uint8, stateful=False)
            return tf.ensure_shape(lines, image.shape)
        if self.kind == "grayscale":
            grey = transforms.luma(tf.cast(image, tf.float32))
            return transforms.stored(grey, image.dtype)
        shape = tf.shape(image)
        small = tf.maximum(shape[:2] // self.factor, 1)
        image = transforms.resize(image, small[0], small[1], self.method)
        return transforms.resize(image, shape[0], shape[1], self.method)


def edges(image: np.ndarray) -> np.ndarray:
    """Draws the edges of an image: black lines on white, by Canny's detector.

    OpenCV takes the channel with the largest gradient at each pixel, so that colours
    of equal brightness are separated, too.

    Args:
        image: uint8 `(height, width, 3)`, RGB.

    Returns:
        uint8 `(height, width, 3)`, every value 0 (edge) or 255.
    """
    smooth = cv2.GaussianBlur(image, ksize=(3, 3), sigmaX=0)
    lines = cv2.Canny(smooth, threshold1=50, threshold2=150, L2gradient=True)
    return np.repeat(255 - lines[..., None], 3, axis=2)


def is_drawing(image: np.ndarray) -> bool:
    """Whether an image is dark lines on light paper, as `edges` makes them.

    Most of a drawing is light, it has no colours, and nearly all pixels are near a
    light one, because lines are thin. The last excludes photographs of things on
    white, and the first excludes white lines on black.

    Args:
        image: uint8 `(height, width, 3)`, RGB.
    """
    is_binary = ((image == 0) | (image == 255)).all()
    factor = _MOST_SIDE / max(image.shape[:2])
    if factor < 0.5 and not is_binary:
        # Large scans would take long.
        image = cv2.resize(
            image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA
        )
    darkest = image.min(axis=2)
    is_colourful = image.max(axis=2).astype(int) - darkest > _GREY
    if is_colourful.mean() > _MOST_COLOUR:
        return False
    # Half of the pixels may be lines where a texture is drawn.
    if is_binary:
        return bool((darkest == 255).mean() > _LEAST_PAPER / 2)
    paper = np.percentile(darkest, 95)
    is_light = (darkest >= _PAPER * paper).astype(np.uint8)
    if paper < 128 or is_light.mean() < _LEAST_PAPER:
        return False
    reach = max(2, round(_THIN * min(image.shape[:2])))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return bool(cv2.dilate(is_light, kernel).mean() > _LEAST_NEAR)
