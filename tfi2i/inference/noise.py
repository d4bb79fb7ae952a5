"""Dropout at inference: the paper's way to more than one answer."""

import random

import keras
import tensorflow as tf

from tfi2i.data.transforms import RANDOM_ALGORITHM
from tfi2i.layers import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class Noise(keras.layers.Layer):
    """Dropout that is always on, with one mask for each size of image and seed.

    All images of a batch get the same mask, so that none depends on the others.

    Args:
        rate: share of activations dropped.
        seed: of the mask.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, rate, seed, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed

    def call(self, inputs):
        return tf.nn.experimental.stateless_dropout(
            inputs,
            self.rate,
            seed=(self.seed, 0),
            rng_alg=RANDOM_ALGORITHM,
            noise_shape=(1, *tf.unstack(tf.shape(inputs))[1:]),
        )

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


def with_noise(generator: keras.Model, seed: int) -> keras.Model:
    """Copies a generator, with dropout on while everything else is at inference.

    Args:
        generator: trained with dropout.
        seed: of the noise; an image and a seed give the same picture every time, in
            any batch.

    Raises:
        ValueError: the generator has no dropout.

    Source: pix2pix section 3, "noise only in the form of dropout".
    """
    seeds = random.Random(seed)
    found = []

    def copy(layer):
        if not isinstance(layer, keras.layers.Dropout):
            return layer.__class__.from_config(layer.get_config())
        found.append(layer.name)
        return Noise(layer.rate, seeds.randrange(2**31), name=layer.name)

    noisy = keras.models.clone_model(generator, clone_function=copy)
    if not found:
        raise ValueError(
            "This generator has no dropout, so there is no noise to paint with: train "
            "one with --model.generator.dropout 0.5."
        )
    noisy.set_weights(generator.get_weights())
    return noisy
