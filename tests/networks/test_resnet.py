"""ResNet generator: size, shape, start, and where it drops out."""

import keras
import numpy as np
import pytest

from tests import checks
from tfi2i.networks import resnet


@pytest.mark.parametrize(
    ("options", "trainable", "statistics"),
    [
        (dict(num_blocks=9), 11_378_179, 0),
        (dict(num_blocks=9, norm="instance_affine"), 11_388_675, 0),
        (dict(num_blocks=6), 7_837_699, 0),
        (dict(num_blocks=9, norm="batch"), 11_383_427, 10_496),
        (dict(num_blocks=6, norm="batch"), 7_841_411, 7_424),
        (dict(num_blocks=9, filters=32), 2_850_563, 0),
        (dict(num_blocks=6, filters=32), 1_965_059, 0),
    ],
    ids=str,
)
def test_parameters_are_the_reference_s(options, trainable, statistics):
    counted = checks.parameters(lambda: resnet(**options))
    assert counted == (trainable, trainable + statistics)


@pytest.mark.parametrize("num_blocks", [0, 1, 3])
@pytest.mark.parametrize("size", [(8, 8), (16, 28)])
def test_any_number_of_blocks_and_size(num_blocks, size):
    network = resnet(num_blocks, in_channels=1, out_channels=4, filters=2)
    output = network(checks.images(2, *size, 1)).numpy()
    assert output.shape == (2, *size, 4)
    assert np.isfinite(output).all()


@pytest.mark.parametrize("norm", ["batch", "instance", "instance_affine", "none"])
def test_every_weight_learns(norm):
    network = resnet(2, filters=2, norm=norm, seed=0)
    checks.check_gradients(network, checks.images(2, 16, 24, 3))


@pytest.mark.parametrize("norm", ["batch", "instance", "instance_affine"])
def test_starts_as_the_reference_does(norm):
    checks.check_initial_weights(resnet(3, filters=16, norm=norm, seed=4))


def test_seed_decides_the_start():
    network = resnet(2, filters=2, seed=1)
    assert checks.same_weights(network, resnet(2, filters=2, seed=1))
    assert not checks.same_weights(network, resnet(2, filters=2, seed=2))
    assert not checks.same_weights(resnet(2, filters=2), resnet(2, filters=2))


def test_drops_out_between_relu_and_padding():
    network = resnet(2, filters=2, dropout=0.3)
    dropouts = [
        layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)
    ]
    assert [layer.rate for layer in dropouts] == [0.3, 0.3]
    for index, layer in enumerate(dropouts, start=1):
        before = network.get_layer(f"block{index}_relu")
        after = network.get_layer(f"block{index}_conv2")
        assert layer.input is before.output
        assert after.input is layer.output


def test_dropout_is_the_noise():
    image = checks.images(1, 8, 8, 3)
    noisy = resnet(1, filters=2, dropout=0.5, seed=0)
    assert np.any(noisy(image, training=True) != noisy(image, training=True))
    np.testing.assert_array_equal(noisy(image), noisy(image))
    still = resnet(1, filters=2, seed=0)
    # Training takes other ways to the same numbers.
    trained, seen = still(image, training=True), still(image)
    np.testing.assert_allclose(trained, seen, rtol=0, atol=1e-5)


def test_blocks_add_to_what_they_receive():
    # With kernels of zero a block is the identity, so the depth makes no difference.
    image = checks.images(1, 16, 16, 3)
    outputs = []
    for num_blocks in (1, 3):
        network = resnet(num_blocks, filters=2, norm="none", seed=0)
        for layer in network.layers:
            if layer.name.startswith("block") and layer.weights:
                layer.kernel.assign(layer.kernel * 0)
            elif layer.weights:
                layer.kernel.assign(checks.images(*layer.kernel.shape) / 4)
        outputs.append(network(image))
    assert np.ptp(outputs[0]) > 0.1
    np.testing.assert_array_equal(*outputs)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (dict(norm="instance"), 3 + 2 + 2 + 1),
        (dict(norm="instance_affine"), 3 + 2 + 2 + 1),
        (dict(norm="batch"), 1),
        (dict(norm="none"), 1),
        (dict(norm="batch", use_bias=True), 3 + 2 + 2 + 1),
        (dict(norm="instance", use_bias=False), 1),
    ],
    ids=str,
)
def test_biases_are_where_the_reference_has_them_or_where_asked(options, count):
    network = resnet(1, filters=2, **options)
    biases = [w.path for w in network.trainable_weights if w.name == "bias"]
    assert len(biases) == count
    assert "head" in biases[-1]


def test_output_is_within_range():
    network = resnet(1, filters=2)
    for weight in network.trainable_weights:
        weight.assign(weight * 1000)
    output = network(checks.images(2, 16, 16, 3)).numpy()
    assert output.min() == -1
    assert output.max() == 1


def test_mixed_precision_gives_float32():
    with checks.dtype_policy("mixed_bfloat16"):
        network = resnet(1, filters=2)
    output = network(checks.images(1, 8, 8, 3))
    assert output.dtype == "float32"
    assert network.get_layer("block1_conv1").output.dtype == "bfloat16"


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 30, 32, 3), "multiples of 4 here. Received images of 30x32. Resize"),
        ((1, 32, 6, 3), "multiples of 4 here. Received images of 32x6. Resize"),
        ((1, 4, 4, 3), "more than 1 pixels a side"),
    ],
)
def test_size_that_does_not_fit(shape, words):
    network = resnet(1, filters=1)
    with pytest.raises(ValueError, match=words):
        network(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(num_blocks=-1), "num_blocks must be 0 or more. Received -1"),
        (dict(dropout=1.0), r"dropout must be in \[0, 1\). Received 1.0"),
        (dict(norm="layer"), 'norm must be one of "batch", .* Received "layer"'),
        (dict(upsample="bilinear"), 'upsample must be one of "transpose", .*bilin'),
        (dict(in_channels=0), "needs 1 channel or more. Received 0"),
    ],
    ids=str,
)
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        resnet(**{"filters": 1, **options})
