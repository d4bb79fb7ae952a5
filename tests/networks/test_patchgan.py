"""Discriminators: size, map of scores, what one score sees, start."""

import numpy as np
import pytest
import tensorflow as tf

from tests import checks
from tfi2i.networks import patchgan, pixel_discriminator


@pytest.mark.parametrize(
    ("num_layers", "batch", "statistics", "instance"),
    [
        (1, 139_585, 256, 136_385),
        (2, 666_433, 768, 662_977),
        (3, 2_768_705, 1_792, 2_764_737),
        (4, 6_964_033, 2_816, 6_959_553),
        (5, 11_159_361, 3_840, 11_154_369),
        (6, 15_354_689, 4_864, 15_349_185),
    ],
)
def test_parameters_are_the_reference_s(num_layers, batch, statistics, instance):
    counted = checks.parameters(lambda: patchgan(6, num_layers=num_layers))
    assert counted == (batch, batch + statistics)
    counted = checks.parameters(
        lambda: patchgan(3, num_layers=num_layers, norm="instance")
    )
    assert counted == (instance, instance)


@pytest.mark.parametrize(
    ("make", "in_channels", "norm", "trainable", "statistics"),
    [
        (patchgan, 3, "batch", 2_765_633, 1_792),
        (patchgan, 6, "instance", 2_767_809, 0),
        (pixel_discriminator, 6, "batch", 9_024, 256),
        (pixel_discriminator, 3, "instance", 8_705, 0),
    ],
)
def test_parameters_with_other_channels(make, in_channels, norm, trainable, statistics):
    counted = checks.parameters(lambda: make(in_channels, norm=norm))
    assert counted == (trainable, trainable + statistics)


@pytest.mark.parametrize(
    ("num_layers", "side"), [(1, 126), (2, 62), (3, 30), (4, 14), (5, 6), (6, 2)]
)
def test_map_of_scores(num_layers, side):
    network = patchgan(6, filters=1, num_layers=num_layers)
    assert network(np.zeros((1, 256, 256, 6))).shape == (1, side, side, 1)


def test_map_of_scores_of_pixels():
    network = pixel_discriminator(6, filters=2)
    assert network(np.zeros((2, 256, 40, 6))).shape == (2, 256, 40, 1)


@pytest.mark.parametrize(
    ("num_layers", "field"), [(0, 1), (1, 16), (2, 34), (3, 70), (4, 142), (5, 286)]
)
def test_what_one_score_sees(num_layers, field):
    side = 2 * field + 32
    if num_layers:
        network = patchgan(1, filters=1, num_layers=num_layers, norm="none", seed=0)
    else:
        network = pixel_discriminator(1, filters=2, norm="none", seed=0)
    image = tf.constant(checks.images(1, side, side, 1))
    with tf.GradientTape() as tape:
        tape.watch(image)
        scores = network(image)
        middle = scores.shape[1] // 2
        score = scores[0, middle, middle, 0]
    seen = tape.gradient(score, image).numpy()[0, :, :, 0] != 0
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    assert np.ptp(rows) + 1 == np.ptp(columns) + 1 == field
    assert seen.sum() == field**2


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("make", [patchgan, pixel_discriminator])
def test_every_weight_learns(make, norm):
    network = make(6, filters=2, norm=norm, seed=0)
    checks.check_gradients(network, checks.images(2, 32, 40, 6))


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("make", [patchgan, pixel_discriminator])
def test_starts_as_the_reference_does(make, norm):
    checks.check_initial_weights(make(6, filters=32, norm=norm, seed=4))


@pytest.mark.parametrize("make", [patchgan, pixel_discriminator])
def test_seed_decides_the_start(make):
    assert checks.same_weights(make(filters=2, seed=1), make(filters=2, seed=1))
    assert not checks.same_weights(make(filters=2, seed=1), make(filters=2, seed=2))
    assert not checks.same_weights(make(filters=2), make(filters=2))


@pytest.mark.parametrize(
    ("make", "norm", "with_bias"),
    [
        (patchgan, "batch", ["conv1", "scores_conv"]),
        (patchgan, "none", ["conv1", "scores_conv"]),
        (patchgan, "instance", ["conv1", "conv2", "conv3", "conv4", "scores_conv"]),
        (pixel_discriminator, "batch", ["conv1"]),
        (pixel_discriminator, "none", ["conv1"]),
        (pixel_discriminator, "instance", ["conv1", "conv2", "scores_conv"]),
    ],
)
def test_biases_are_where_the_reference_has_them(make, norm, with_bias):
    network = make(filters=2, norm=norm)
    biases = [w.path for w in network.trainable_weights if w.name == "bias"]
    assert [path.split("/")[-2] for path in biases] == with_bias


@pytest.mark.parametrize("make", [patchgan, pixel_discriminator])
def test_scores_are_raw_and_float32(make):
    with checks.dtype_policy("mixed_bfloat16"):
        network = make(3, filters=2)
    for weight in network.trainable_weights:
        weight.assign(weight * 100)
    scores = network(checks.images(1, 32, 32, 3)).numpy()
    assert scores.dtype == np.float32
    assert scores.min() < 0
    assert scores.max() > 1


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (patchgan, dict(num_layers=0), "num_layers must be 1 or more. Received 0"),
        (patchgan, dict(norm="layer"), 'norm must be one of "batch".*Received "layer"'),
        (patchgan, dict(in_channels=0), "needs 1 channel or more. Received 0"),
        (pixel_discriminator, dict(norm="layer"), 'norm must be one of.*"layer"'),
        (pixel_discriminator, dict(in_channels=0), "needs 1 channel or more"),
    ],
)
def test_bad_options(make, options, words):
    with pytest.raises(ValueError, match=words):
        make(**options)
