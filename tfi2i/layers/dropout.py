"""Dropout that stays on at inference."""

from typing import Any

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE

# Gives the same numbers on every device.
_RANDOM_ALGORITHM = "philox"


@keras.saving.register_keras_serializable(package=PACKAGE)
class Noise(keras.layers.Layer):
    """Dropout that is always on, with a mask that follows from seed and image size.

    All images of a batch share the mask, so that no image depends on the others.

    Args:
        rate: share of activations to drop.
        seed: integer that decides the mask.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, rate: float, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed

    def call(self, inputs):
        return tf.nn.experimental.stateless_dropout(
            inputs,
            self.rate,
            seed=(self.seed, 0),
            rng_alg=_RANDOM_ALGORITHM,
            noise_shape=(1, *tf.unstack(tf.shape(inputs))[1:]),
        )

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
