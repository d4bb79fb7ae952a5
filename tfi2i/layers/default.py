"""A constant in place of an extra input."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfi2i.layers.base import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class Default(keras.layers.Layer):
    """The same value for each image of a batch.

    Args:
        value: for one image: a number, or numbers of any shape.
        **kwargs: of `keras.layers.Layer`; `dtype` is that of the output.

    Input: `(batch, ...)`, of which the batch size alone counts. Output:
    `(batch, *shape of value)`.
    """

    def __init__(self, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value = np.asarray(value).tolist()

    def call(self, inputs):
        value = tf.constant(self.value, self.compute_dtype)
        return tf.broadcast_to(value, tf.stack([tf.shape(inputs)[0], *value.shape]))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *np.shape(self.value))

    def get_config(self):
        return {**super().get_config(), "value": self.value}
