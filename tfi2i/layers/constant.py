"""A value that does not depend on the image."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfi2i.layers.base import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class Constant(keras.layers.Layer):
    """The same value for each image of a batch.

    Args:
        value: for one image: a number, nested sequence of numbers, or array.
        **kwargs: of `keras.layers.Layer`.

    Example:
        >>> label = Constant([1.0, 0.0])(images)  # (batch, 2)
    """

    def __init__(self, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value = np.asarray(value).tolist()

    def call(self, inputs):
        value = tf.constant(self.value, self.compute_dtype)
        return tf.repeat(value[None], tf.shape(inputs)[0], axis=0)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *np.shape(self.value))

    def get_config(self):
        return {**super().get_config(), "value": self.value}
