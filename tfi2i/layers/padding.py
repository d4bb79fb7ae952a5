"""Padding by zeros or by reflection, and cropping."""

from typing import Any

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE, check_image_batch

PAD_MODES = {"zeros": "CONSTANT", "reflect": "REFLECT"}
"""TensorFlow's names of the modes."""


def pad_images(images, pixels, mode):
    """Pads all four sides by `pixels`; `mode` is one of `PAD_MODES`."""
    if not pixels:
        return images
    paddings = [[0, 0], [pixels, pixels], [pixels, pixels], [0, 0]]
    return tf.pad(images, paddings, mode=PAD_MODES[mode])


def check_pixels(name, pixels):
    """Refuses anything but a whole number of pixels, 0 or more.

    Raises:
        ValueError: naming the argument.
    """
    if not isinstance(pixels, int) or pixels < 0:
        raise ValueError(
            f"{name} must be a whole number of pixels, 0 or more. Received "
            f"{name}={pixels}."
        )


def check_reflection(layer, shape, pixels):
    """Refuses images that are too small to be padded by reflection.

    Raises:
        ValueError: naming the layer, its class and the shape.
    """
    # Checked in each call, because a network is built once for images of any size.
    if any(side is not None and side <= pixels for side in shape[1:3]):
        raise ValueError(
            f"{type(layer).__name__} '{layer.name}' pads by {pixels}, which needs "
            f"images of more than {pixels} pixels a side. Received shape "
            f"{tuple(shape)}: use larger images."
        )


@keras.saving.register_keras_serializable(package=PACKAGE)
class ReflectionPadding2D(keras.layers.Layer):
    """Pads height and width by reflection, without repeating the edge.

    Args:
        padding: pixels added on each of the four sides; images must be larger.
        **kwargs: of `keras.layers.Layer`.

    Input: `(batch, height, width, channels)`. Output: `(batch, height + 2 padding,
    width + 2 padding, channels)`.
    """

    def __init__(self, padding: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_pixels("padding", padding)
        self.padding = padding

    def build(self, input_shape):
        check_image_batch(self, input_shape)

    def call(self, inputs):
        check_reflection(self, inputs.shape, self.padding)
        return pad_images(inputs, self.padding, "reflect")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        height, width = (side and side + 2 * self.padding for side in (height, width))
        return batch, height, width, channels

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Cropping2D(keras.layers.Cropping2D):
    """`keras.layers.Cropping2D`, whose gradient takes half the time here.

    Arguments, input and output are the same.
    """

    def call(self, inputs):
        (top, bottom), (left, right) = self.cropping
        if bottom or right or self.data_format != "channels_last":
            return super().call(inputs)
        return tf.slice(inputs, [0, top, left, 0], [-1, -1, -1, -1])
