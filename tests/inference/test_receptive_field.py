"""How far generators look, as their gradients tell it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfi2i.inference.noise import with_noise
from tfi2i.inference.receptive_field import reach, statistics_layers
from tfi2i.networks.resnet import resnet
from tfi2i.networks.unet import unet

TINY = {"filters": 2, "norm": "none", "dropout": 0.0, "seed": 0}


def _seen(generator, size):
    """The farthest pixels that move any of the middle ones, before the tanh."""
    for weight in generator.weights:
        weight.assign(np.abs(weight.numpy()) + 0.01)
    linear = keras.Model(generator.inputs, generator.get_layer("tanh").input)
    image = tf.random.uniform((1, size, size, 3))
    farthest = 0
    for row in range(size // 2, size // 2 + 8):
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = linear(image)[0, row, size // 2, 0]
        moved = np.abs(tape.gradient(value, image)[0]).sum((1, 2))
        rows = np.nonzero(moved)[0]
        farthest = max(farthest, row - rows[0], rows[-1] - row)
    return farthest


@pytest.mark.parametrize(
    ("make", "options", "size"),
    [
        (resnet, {"num_blocks": 1}, 64),
        (resnet, {"num_blocks": 1, "upsample": "resize_conv"}, 64),
        (resnet, {"num_blocks": 0, "upsample": "subpixel"}, 64),
        (unet, {"num_downs": 3}, 64),
        (unet, {"num_downs": 3, "upsample": "resize_conv", "skips": False}, 64),
        (unet, {"num_downs": 3, "upsample": "subpixel"}, 64),
    ],
)
def test_is_what_gradients_say(make, options, size):
    generator = make(**TINY, **options)
    assert reach(generator) == _seen(generator, size)


def test_the_references_networks():
    assert reach(resnet(9, filters=2)) == 84
    assert reach(unet(8, filters=2)) == 765
    # The paper's rule: every level of 4x4 kernels adds three of its own pixels.
    assert reach(unet(5, filters=2)) == 3 * (2**5 - 1)


def test_noise_and_dropout_reach_nowhere():
    generator = unet(6, filters=2)
    assert reach(with_noise(generator, 0)) == reach(generator)


def test_what_is_not_known():
    inputs = keras.Input((None, None, 3))
    pooled = keras.layers.GlobalAveragePooling2D(keepdims=True)(inputs)
    assert reach(keras.Model(inputs, pooled * inputs)) is None
    halved = keras.layers.Conv2D(3, 2, strides=2)(inputs)
    assert reach(keras.Model(inputs, halved)) is None
    assert reach(lambda images: images) is None


def test_which_layers_look_at_what_they_paint():
    assert len(statistics_layers(resnet(1, filters=2))) == 7
    assert len(statistics_layers(unet(3, filters=2))) == 3
    for norm, statistics in (("batch", "stored"), ("none", "image")):
        network = unet(3, filters=2, norm=norm, statistics=statistics)
        assert statistics_layers(network) == []
