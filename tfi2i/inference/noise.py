"""Dropout at inference, for several outputs from one image."""

import random

import keras

from tfi2i.layers import Noise


def with_noise(generator: keras.Model, seed: int) -> keras.Model:
    """Copies a generator with dropout that stays on at inference.

    Args:
        generator: trained with dropout.
        seed: of the noise; the same image and seed give the same output, in any batch.

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
