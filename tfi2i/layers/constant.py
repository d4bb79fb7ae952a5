"""A value that does not depend on the image."""

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class Constant(keras.layers.Layer):
    """The same value for each image of a batch.

    Args:
        value: nested sequence of numbers, or array.
        **kwargs: of `keras.layers.Layer`.

    Example:
        >>> label = Constant([1.0, 0.0])(images)  # (batch, 2)
    """

    def __init__(self, value, **kwargs):
        super().__init__(**kwargs)
        self.value = value

    def call(self, inputs):
        value = tf.cast(tf.convert_to_tensor(self.value), self.compute_dtype)
        return tf.repeat(value[None], tf.shape(inputs)[0], axis=0)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *tf.convert_to_tensor(self.value).shape)

    def get_config(self):
        return {**super().get_config(), "value": self.value}
