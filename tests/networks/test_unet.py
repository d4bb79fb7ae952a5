"""U-Net: size, shape, start, and where it drops out."""

import keras
import numpy as np
import pytest

from tests import checks
from tfi2i.networks import unet


@pytest.mark.parametrize(
    ("options", "trainable", "statistics"),
    [
        (dict(num_downs=8), 54_413_955, 9_856),
        (dict(num_downs=8, norm="instance"), 54_409_603, 0),
        (dict(num_downs=8, in_channels=1, out_channels=2), 54_409_858, 9_856),
        (dict(num_downs=8, in_channels=1, out_channels=1), 54_407_809, 9_856),
        (dict(num_downs=8, in_channels=1, out_channels=3), 54_411_907, 9_856),
        (dict(num_downs=7), 41_828_995, 7_808),
        (dict(num_downs=7, norm="instance"), 41_825_667, 0),
        (dict(num_downs=8, filters=32), 13_608_259, 4_928),
        (dict(num_downs=7, filters=32), 10_461_507, 3_904),
        # The original has 5,504 biases before normalizations that the port has not.
        (dict(num_downs=8, skips=False), 39_075_459, 9_856),
        (dict(num_downs=8, skips=False, use_bias=True), 39_080_963, 9_856),
    ],
    ids=str,
)
def test_parameters_are_the_reference_s(options, trainable, statistics):
    counted = checks.parameters(lambda: unet(**options))
    assert counted == (trainable, trainable + statistics)


@pytest.mark.parametrize("num_downs", range(2, 11))
def test_any_depth(num_downs):
    side = 2**num_downs
    network = unet(num_downs, filters=1)
    output = network(checks.images(1, side, side, 3)).numpy()
    assert output.shape == (1, side, side, 3)
    assert np.isfinite(output).all()


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_images_that_are_not_square(norm):
    network = unet(3, in_channels=1, out_channels=2, filters=2, norm=norm)
    assert network(checks.images(2, 16, 40, 1)).shape == (2, 16, 40, 2)


@pytest.mark.parametrize("norm", ["batch", "instance", "instance_affine", "none"])
@pytest.mark.parametrize("skips", [True, False])
def test_every_weight_learns(norm, skips):
    network = unet(5, filters=2, norm=norm, skips=skips, seed=0)
    checks.check_gradients(network, checks.images(2, 32, 64, 3))


@pytest.mark.parametrize("norm", ["batch", "instance", "instance_affine"])
def test_starts_as_the_reference_does(norm):
    checks.check_initial_weights(unet(6, filters=16, norm=norm, seed=4))


def test_seed_decides_the_start():
    network = unet(6, filters=2, seed=1)
    assert checks.same_weights(network, unet(6, filters=2, seed=1))
    assert not checks.same_weights(network, unet(6, filters=2, seed=2))
    assert not checks.same_weights(unet(6, filters=2), unet(6, filters=2))


def test_seed_decides_the_dropout():
    image = checks.images(1, 64, 64, 3)
    outputs = [
        unet(6, filters=2, norm="none", seed=seed)(image, training=True)
        for seed in (1, 1)
    ]
    np.testing.assert_array_equal(*outputs)


@pytest.mark.parametrize(
    ("num_downs", "sides"), [(8, [4, 8, 16]), (7, [4, 8]), (6, [4])]
)
def test_drops_out_where_the_reference_does(num_downs, sides):
    network = unet(num_downs, filters=1)
    dropouts = [
        layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)
    ]
    probe = keras.Model(network.input, [layer.output for layer in dropouts])
    outputs = keras.tree.flatten(probe(checks.images(1, 2**num_downs, 2**num_downs, 3)))
    assert [output.shape for output in outputs] == [(1, n, n, 8) for n in sides]
    assert all(layer.rate == 0.5 for layer in dropouts)
    # After the normalization of its own level.
    names = [layer.name.removesuffix("_dropout") for layer in dropouts]
    assert [layer.input.name for layer in dropouts] == [
        network.get_layer(f"{name}_norm").output.name for name in names
    ]


@pytest.mark.slow
def test_dropout_is_the_noise():
    image = checks.images(1, 64, 64, 3)
    noisy = unet(6, filters=2, norm="instance", seed=0)
    assert np.any(noisy(image, training=True) != noisy(image, training=True))
    np.testing.assert_array_equal(noisy(image), noisy(image))
    still = unet(6, filters=2, norm="instance", dropout=0.0, seed=0)
    # Training takes other ways to the same numbers.
    trained, seen = still(image, training=True), still(image)
    np.testing.assert_allclose(trained, seen, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("norm", "together"), [("batch", False), ("instance", True)])
def test_images_of_a_batch_meet_in_batch_norm_only(norm, together):
    network = unet(3, filters=2, norm=norm, seed=0)
    pair = checks.images(2, 16, 16, 3)
    alone = np.concatenate([network(pair[i : i + 1], training=True) for i in (0, 1)])
    assert np.allclose(network(pair, training=True), alone, atol=1e-6) == together
    # At inference never, since statistics are each image's own by default.
    alone = np.concatenate([network(pair[i : i + 1]) for i in (0, 1)])
    np.testing.assert_allclose(network(pair), alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("skips", "widths"),
    [
        (True, [512, 1024, 1024, 1024, 1024, 512, 256, 128]),
        (False, [512, 512, 512, 512, 512, 256, 128, 64]),
    ],
)
def test_widths_of_the_decoder(skips, widths):
    network = unet(8, filters=2, skips=skips)
    kernels = [network.get_layer(f"up{level}").kernel for level in range(8, 0, -1)]
    assert [kernel.shape[-1] * 32 for kernel in kernels] == widths


def test_encoder_decoder_sees_through_the_bottleneck_only():
    pair = checks.images(2, 32, 32, 3)
    for skips in (True, False):
        network = unet(5, filters=2, norm="none", skips=skips, seed=0)
        network.get_layer("down5").kernel.assign(np.zeros((4, 4, 16, 16)))
        first, second = network(pair).numpy()
        assert np.array_equal(first, second) != skips


def test_bottleneck_tells_images_apart():
    # A normalization of its one pixel would leave nothing of the image.
    network = unet(5, filters=4, norm="instance", skips=False, seed=0)
    first, second = network(checks.images(2, 32, 32, 3)).numpy()
    assert np.abs(first - second).max() > 1e-4


EVERY_LAYER = ["down1", "down2", "down3", "up3", "up2", "up1"]


@pytest.mark.parametrize(
    ("options", "with_bias"),
    [
        (dict(norm="batch"), ["up1"]),
        (dict(norm="none"), ["up1"]),
        (dict(norm="instance"), EVERY_LAYER),
        (dict(norm="instance_affine"), EVERY_LAYER),
        (dict(norm="batch", use_bias=True), EVERY_LAYER),
        (dict(norm="instance", use_bias=False), ["up1"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("upsample", ["transpose", "resize_conv", "subpixel"])
def test_biases_are_where_the_reference_has_them_or_where_asked(
    options, with_bias, upsample
):
    network = unet(3, filters=2, upsample=upsample, **options)
    biases = [w.path for w in network.trainable_weights if w.name == "bias"]
    assert [path.split("/")[-2] for path in biases] == with_bias


def test_output_is_within_range():
    network = unet(2, filters=2, norm="none")
    for weight in network.trainable_weights:
        weight.assign(weight * 1000)
    output = network(checks.images(2, 16, 16, 3)).numpy()
    assert output.min() == -1
    assert output.max() == 1


def test_mixed_precision_gives_float32():
    with checks.dtype_policy("mixed_bfloat16"):
        network = unet(3, filters=2)
    output = network(checks.images(1, 8, 8, 3))
    assert output.dtype == "float32"
    assert network.get_layer("up2").output.dtype == "bfloat16"
    assert all(weight.dtype == "float32" for weight in network.trainable_weights)


@pytest.mark.parametrize("shape", [(1, 300, 256, 3), (1, 256, 128, 3)])
def test_size_that_does_not_fit(shape):
    network = unet(8, filters=1)
    words = "multiples of 256 .* {}x{}. This U-Net halves 8 times: resize, or pass a"
    with pytest.raises(ValueError, match=words.format(*shape[1:3])):
        network(np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match=words.format(*shape[1:3])):
        network.predict(np.zeros(shape, np.float32), verbose=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(num_downs=1), "num_downs must be 2 or more. Received 1"),
        (dict(dropout=1.0), r"dropout must be in \[0, 1\). Received 1.0"),
        (dict(dropout=-0.1), r"dropout must be in \[0, 1\). Received -0.1"),
        (dict(norm="layer"), 'norm must be one of "batch", .* Received "layer"'),
        (dict(upsample="bilinear"), 'upsample must be one of "transpose", .*bilin'),
        (dict(statistics="batch"), 'statistics must be one of "stored", .*"batch"'),
        (dict(in_channels=0), "needs 1 channel or more. Received 0"),
    ],
    ids=str,
)
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        unet(**{"filters": 1, **options})
