"""Dropout that stays on at inference."""

from typing import Any

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE

# Equal on every device.
_RANDOM_ALGORITHM = "philox"


@keras.saving.register_keras_serializable(package=PACKAGE)
class Noise(keras.layers.Layer):
    """Dropout that is always on, with one mask for each size of image and seed.

    All images of a batch get the same mask, so that none depends on the others.

    Args:
        rate: share of activations dropped.
        seed: of the mask.
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
