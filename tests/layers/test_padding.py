"""Padding and cropping against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import check_layer, dtype_policy, images
from tfi2i.layers import Cropping2D, ReflectionPadding2D


class TestReflectionPadding2D:
    @pytest.mark.parametrize("padding", [0, 1, 3])
    def test_equals_numpy(self, padding):
        x = images(2, 4, 7, 3)
        sides = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
        expected = np.pad(x, sides, mode="reflect")
        np.testing.assert_array_equal(ReflectionPadding2D(padding)(x), expected)

    @pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
    def test_is_a_good_layer(self, policy):
        with dtype_policy(policy):
            layer = ReflectionPadding2D(2)
        check_layer(layer, images(2, 4, 6, 3))

    @pytest.mark.parametrize("padding", [-1, 1.5])
    def test_bad_padding(self, padding):
        with pytest.raises(ValueError, match=f"0 or more. Received padding={padding}"):
            ReflectionPadding2D(padding)

    @pytest.mark.parametrize("shape", [(1, 3, 8, 2), (1, 8, 3, 2)])
    def test_image_that_is_too_small(self, shape):
        layer = ReflectionPadding2D(3)
        layer(np.zeros((1, 4, 4, 2)))
        with pytest.raises(ValueError, match="more than 3 pixels a side.*larger"):
            layer(np.zeros(shape))


@pytest.mark.parametrize("cropping", [((1, 0), (1, 0)), ((0, 0), (2, 0)), (1, 2)])
def test_cropping_and_its_gradient_are_keras(cropping):
    x = tf.constant(images(2, 6, 7, 3))
    found = []
    for layer in (Cropping2D(cropping), keras.layers.Cropping2D(cropping)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x)
            loss = tf.reduce_sum(outputs**2)
        found.append((outputs, tape.gradient(loss, x)))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
