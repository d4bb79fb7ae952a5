"""Padding by reflection."""

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE, check_image_batch


@keras.saving.register_keras_serializable(package=PACKAGE)
class ReflectionPadding2D(keras.layers.Layer):
    """Pads height and width by reflection, without repeating the edge.

    Args:
        padding: pixels added on each of the four sides; images must be larger
            than this.
        **kwargs: of `keras.layers.Layer`.

    Input: `(batch, height, width, channels)`. Output: `(batch, height + 2 padding,
    width + 2 padding, channels)`.
    """

    def __init__(self, padding=1, **kwargs):
        super().__init__(**kwargs)
        if padding < 0 or padding != int(padding):
            raise ValueError(
                f"padding must be a whole number of pixels, 0 or more. Received "
                f"padding={padding}."
            )
        self.padding = padding

    def build(self, input_shape):
        check_image_batch(self, input_shape)

    def call(self, inputs):
        p = self.padding
        # Not in build, which happens once: a network may meet any size later.
        if any(side is not None and side <= p for side in inputs.shape[1:3]):
            raise ValueError(
                f"ReflectionPadding2D(padding={p}) needs images of more than {p} "
                f"pixels a side. Received shape {tuple(inputs.shape)}: use larger "
                "images."
            )
        return tf.pad(inputs, [[0, 0], [p, p], [p, p], [0, 0]], mode="REFLECT")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (
            batch,
            None if height is None else height + 2 * self.padding,
            None if width is None else width + 2 * self.padding,
            channels,
        )

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Cropping2D(keras.layers.Cropping2D):
    """As Keras' layer, whose gradient takes twice as long.

    Arguments, input and output are those of `keras.layers.Cropping2D`.
    """

    def call(self, inputs):
        (top, bottom), (left, right) = self.cropping
        if bottom or right or self.data_format != "channels_last":
            return super().call(inputs)
        return tf.slice(inputs, [0, top, left, 0], [-1, -1, -1, -1])
