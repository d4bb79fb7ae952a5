"""Inputs that are made from targets: edges, grey, small.

They need no input images: a folder of photographs is enough to learn drawing to
photograph, colourisation or super-resolution.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import cv2
import numpy as np
import tensorflow as tf

from tfi2i.data import transforms
from tfi2i.data.pixels import RGB, PixelType

# Of a drawing: how dark its paper is at most, beside its lightest part; the share of
# paper, and of what is near some, at least; half the width of lines at most, beside the
# image's side; levels between the channels of grey, and the share of colours at most.
_PAPER = 0.75
_LEAST_PAPER = 0.5
_LEAST_NEAR = 0.95
_THIN = 1 / 50
_GREY = 24
_MOST_COLOUR = 0.1
# Side in pixels.
_LOOKED_AT = 512

Input = Literal["files", "edges", "grayscale", "downscale"]
INPUTS = ("files", "edges", "grayscale", "downscale")


@dataclasses.dataclass(frozen=True)
class Derivation:
    """How an input is made from its target.

    Attributes:
        kind: `edges` are black lines on white, by Canny's detector; `grayscale` is
            the luma, one channel; `downscale` is the target made smaller and
            enlarged again.
        factor: how much smaller.
        method: how the target is made smaller and larger, as its file was resized, so
            that the input of labels has no values that are no labels.
    """

    kind: Literal["edges", "grayscale", "downscale"]
    factor: int = 4
    method: transforms.Method = "bicubic"

    def pixels(self, target: PixelType) -> PixelType:
        """What the input's pixels are.

        Raises:
            ValueError: this cannot be made from such a target.
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
        """Make an input, in a graph or outside.

        Args:
            image: the target, `(height, width, channels)`.

        Returns:
            As high and wide, of the same dtype.
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
    """Draw the edges of an image: black lines on white, by Canny's detector.

    OpenCV follows, at each pixel, the channel that changes most, so colours of
    equal brightness are separated too.

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

    Most of it is light, nearly all of it is near something light, since lines are
    thin, and it has no colours. Photographs of things on white fail the second, and
    white lines on black the first.

    Args:
        image: uint8 `(height, width, 3)`, RGB.
    """
    is_binary = ((image == 0) | (image == 255)).all()
    factor = _LOOKED_AT / max(image.shape[:2])
    if factor < 0.5 and not is_binary:
        # Large scans take long, and are the same drawing if they are smaller.
        image = cv2.resize(
            image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA
        )
    darkest = image.min(axis=2)
    is_colourful = image.max(axis=2).astype(int) - darkest > _GREY
    if is_colourful.mean() > _MOST_COLOUR:
        return False
    # Of a texture there may be as many lines as paper.
    if is_binary:
        return bool((darkest == 255).mean() > _LEAST_PAPER / 2)
    paper = np.percentile(darkest, 95)
    is_light = (darkest >= _PAPER * paper).astype(np.uint8)
    if paper < 128 or is_light.mean() < _LEAST_PAPER:
        return False
    reach = max(2, round(_THIN * min(image.shape[:2])))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return bool(cv2.dilate(is_light, kernel).mean() > _LEAST_NEAR)
