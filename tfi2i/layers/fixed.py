"""Normalization by given statistics, instead of those of its input."""

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class FixedNormalization(keras.layers.Layer):
    """`scale * (x - mean) / sqrt(variance + epsilon) + offset`, all of them given.

    Args:
        epsilon: added to the variance.
        **kwargs: of `keras.layers.Layer`.

    Input: `(batch, height, width, channels)`, float. Output: the same shape.
    """

    def __init__(self, epsilon, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        for name, start in (
            ("mean", "zeros"),
            ("variance", "ones"),
            ("scale", "ones"),
            ("offset", "zeros"),
        ):
            weight = self.add_weight(
                name=name,
                shape=(input_shape[-1],),
                initializer=start,
                trainable=False,
                autocast=False,
            )
            setattr(self, name, weight)

    def call(self, inputs):
        centred = tf.cast(inputs, tf.float32) - self.mean
        outputs = centred * (1.0 / tf.sqrt(self.variance + self.epsilon))
        return tf.cast(outputs * self.scale + self.offset, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
