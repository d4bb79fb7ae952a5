"""Three ways to double the size, and the checkerboard that two of them avoid."""

import keras
import numpy as np
import pytest

from tests import checks
from tfi2i.layers.subpixel import SubpixelInitializer
from tfi2i.networks import resnet, unet
from tfi2i.networks.blocks import Blocks


def _unet(upsample, norm):
    return unet(2, filters=8, norm=norm, upsample=upsample, seed=3), 64


def _resnet(upsample, norm):
    return resnet(1, filters=8, norm=norm, upsample=upsample, seed=3), 128


def _checkerboard(network, size):
    """Share of the 2-periodic component in the output for a grey image.

    Of the network before its tanh, far from the border: variance of the four
    means over even and odd rows and columns, over the mean square. A corner is darker,
    farther away than the network looks: an image of one colour is normalized to 0.
    """
    before_tanh = keras.Model(network.input, network.get_layer("tanh").input)
    image = np.full((1, size, size, 3), 0.5, np.float32)
    image[:, :4, :4] = -0.5
    output = before_tanh(image).numpy()
    inner = output[:, size // 4 : -size // 4, size // 4 : -size // 4]
    phases = [inner[:, i::2, j::2].mean(axis=(0, 1, 2)) for i in (0, 1) for j in (0, 1)]
    return np.var(phases, axis=0).sum() / np.mean(inner**2)


GENERATORS = pytest.mark.parametrize("make", [_unet, _resnet])


@GENERATORS
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_checkerboard_on_a_grey_image(make, norm):
    assert _checkerboard(*make("transpose", norm)) > 1e-2
    assert _checkerboard(*make("resize_conv", norm)) < 1e-8
    assert _checkerboard(*make("subpixel", norm)) < 1e-8


def test_subpixel_starts_without_checkerboard_thanks_to_its_initializer():
    network, size = _unet("subpixel", "none")
    kernel = network.get_layer("up1").kernel
    kernel.assign(0.02 * checks.images(*kernel.shape))
    assert _checkerboard(network, size) > 1e-2


@GENERATORS
@pytest.mark.parametrize("upsample", ["resize_conv", "subpixel"])
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_other_ways_are_whole_networks(make, upsample, norm):
    network, _ = make(upsample, norm)
    assert network(checks.images(2, 16, 24, 3)).shape == (2, 16, 24, 3)
    checks.check_gradients(network, checks.images(2, 16, 24, 3))


@GENERATORS
def test_resize_conv_starts_as_the_reference_does(make):
    checks.check_initial_weights(make("resize_conv", "batch")[0])


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_subpixel_is_resizing_and_a_convolution_at_the_start(norm):
    image = keras.Input((None, None, 5))
    blocks = Blocks(norm, upsample="subpixel", seed=0)
    subpixel = keras.Model(image, blocks.upsample(image, 3, 4, "up"))
    kernel = subpixel.get_layer("up").kernel.numpy()
    # Each output pixel sees the same 3x3 inputs through the same kernel.
    x = checks.images(1, 6, 7, 5)
    small = keras.ops.conv(x, kernel[..., :3], padding="same")
    expected = np.repeat(np.repeat(small, 2, axis=1), 2, axis=2)
    np.testing.assert_allclose(subpixel(x), expected, rtol=0, atol=1e-6)
    checks.check_normal(
        SubpixelInitializer(seed=1)((3, 3, 64, 256)).numpy()[..., :64], 0
    )
