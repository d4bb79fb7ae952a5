"""Channels that become pixels, and the kernels for them."""

import keras
import numpy as np

from tests import checks
from tfi2i.layers import DepthToSpace
from tfi2i.layers.subpixel import SubpixelInitializer


def test_depth_to_space_moves_channels():
    x = np.arange(2 * 1 * 2 * 8, dtype=np.float32).reshape(2, 1, 2, 8)
    y = DepthToSpace(2)(x).numpy()
    for row in range(2):
        for column in range(2):
            channels = 2 * (2 * row + column)
            expected = x[..., channels : channels + 2]
            np.testing.assert_array_equal(y[:, row::2, column::2], expected)
    checks.check_layer(DepthToSpace(3), checks.images(1, 2, 3, 18))


def test_initializer_config_round_trip():
    initializer = SubpixelInitializer(factor=3, stddev=0.1, seed=5)
    config = keras.saving.serialize_keras_object(initializer)
    again = keras.saving.deserialize_keras_object(config)
    shape = (3, 3, 2, 18)
    np.testing.assert_array_equal(again(shape), initializer(shape))
