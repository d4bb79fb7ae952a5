"""Discriminators: size, map of scores, what one score sees, start, spectral norm."""

import keras
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
        (patchgan, 3, "instance_affine", 2_766_529, 0),
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


@pytest.mark.parametrize("norm", ["batch", "instance", "instance_affine", "none"])
@pytest.mark.parametrize("make", [patchgan, pixel_discriminator])
def test_every_weight_learns(make, norm):
    network = make(6, filters=2, norm=norm, seed=0)
    checks.check_gradients(network, checks.images(2, 32, 40, 6))


@pytest.mark.parametrize("norm", ["batch", "instance", "instance_affine"])
@pytest.mark.parametrize("make", [patchgan, pixel_discriminator])
def test_starts_as_the_reference_does(make, norm):
    checks.check_initial_weights(make(6, filters=32, norm=norm, seed=4))


@pytest.mark.parametrize("spectral_norm", [False, True])
@pytest.mark.parametrize("make", [patchgan, pixel_discriminator])
def test_seed_decides_the_start(make, spectral_norm):
    options = dict(filters=2, spectral_norm=spectral_norm)
    assert checks.same_weights(make(seed=1, **options), make(seed=1, **options))
    assert not checks.same_weights(make(seed=1, **options), make(seed=2, **options))
    assert not checks.same_weights(make(**options), make(**options))


EVERY_LAYER = {
    patchgan: ["conv1", "conv2", "conv3", "conv4", "scores_conv"],
    pixel_discriminator: ["conv1", "conv2", "scores_conv"],
}
FEWEST = {patchgan: ["conv1", "scores_conv"], pixel_discriminator: ["conv1"]}


@pytest.mark.parametrize(
    ("options", "with_bias"),
    [
        (dict(norm="batch"), FEWEST),
        (dict(norm="none"), FEWEST),
        (dict(norm="instance"), EVERY_LAYER),
        (dict(norm="instance_affine"), EVERY_LAYER),
        (dict(norm="batch", use_bias=True), EVERY_LAYER),
        (dict(norm="instance", use_bias=False), FEWEST),
    ],
    ids=str,
)
@pytest.mark.parametrize("make", [patchgan, pixel_discriminator])
def test_biases_are_where_the_reference_has_them_or_where_asked(
    make, options, with_bias
):
    network = make(filters=2, **options)
    biases = [w.path for w in network.trainable_weights if w.name == "bias"]
    assert [path.split("/")[-2] for path in biases] == with_bias[make]


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
    ("make", "outputs"), [(patchgan, 61), (pixel_discriminator, 13)]
)
def test_spectral_norm_adds_one_vector_for_each_kernel(make, outputs):
    plain = checks.parameters(lambda: make(6, filters=4))
    normed = checks.parameters(lambda: make(6, filters=4, spectral_norm=True))
    assert normed == (plain[0], plain[1] + outputs)


@pytest.mark.parametrize("make", [patchgan, pixel_discriminator])
def test_spectral_norm_keeps_names_and_start(make):
    plain, normed = (make(filters=2, spectral_norm=on, seed=0) for on in (False, True))
    assert [x.name for x in normed.layers] == [x.name for x in plain.layers]
    assert len({weight.path for weight in normed.weights}) == len(normed.weights)
    checks.check_initial_weights(make(6, filters=32, spectral_norm=True, seed=4))


def largest_singular_values(network):
    """NumPy's, of each kernel as a matrix with a column for each output."""
    kernels = [w.numpy() for w in network.weights if w.name == "kernel"]
    return [
        np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
        for kernel in kernels
    ]


@pytest.mark.parametrize("make", [patchgan, pixel_discriminator])
def test_spectral_norm_holds_kernels_at_one_while_they_train(make):
    network = make(3, filters=4, norm="none", spectral_norm=True, seed=0)
    images = checks.images(1, 32, 32, 3)
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(network.trainable_weights)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(network(images, training=True))
        weights = network.trainable_weights
        optimizer.apply(tape.gradient(loss, weights), weights)

    assert max(largest_singular_values(network)) < 0.7
    for _ in range(100):
        step()
    network(images, training=True)
    np.testing.assert_allclose(largest_singular_values(network), 1, atol=0.02)


def test_spectral_norm_changes_nothing_at_inference():
    network = patchgan(3, filters=2, spectral_norm=True, seed=0)
    before = network.get_weights()
    network(checks.images(1, 32, 32, 3), training=False)
    for value, old in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)


def test_spectral_norm_learns_in_every_weight():
    network = patchgan(6, filters=2, spectral_norm=True, seed=0)
    checks.check_gradients(network, checks.images(2, 32, 40, 6))


@pytest.mark.slow
@pytest.mark.parametrize("make", [patchgan, pixel_discriminator])
def test_spectral_norm_survives_saving(make, tmp_path):
    network = make(3, filters=2, spectral_norm=True, seed=0)
    images = checks.images(1, 32, 32, 3)
    network(images, training=True)
    network.save(tmp_path / "d.keras")
    loaded = keras.models.load_model(tmp_path / "d.keras")
    assert checks.same_weights(loaded, network)
    for training in (False, True, True):
        expected = network(images, training=training)
        np.testing.assert_array_equal(loaded(images, training=training), expected)


def test_spectral_norm_does_not_round_kernels_under_mixed_precision():
    with checks.dtype_policy("mixed_bfloat16"):
        network = patchgan(3, filters=2, spectral_norm=True, seed=0)
        plain = patchgan(3, filters=2, seed=0)
    images = checks.images(1, 32, 32, 3)
    assert network(images, training=True).dtype == tf.float32
    kernel = network.get_layer("conv2").layer.kernel.numpy()
    assert kernel.dtype == np.float32
    assert np.any(tf.cast(tf.cast(kernel, tf.bfloat16), tf.float32) != kernel)
    assert network.get_layer("conv2").layer.compute_dtype == "bfloat16"
    assert plain.get_layer("conv2").compute_dtype == "bfloat16"


def test_spectral_norm_on_two_devices_equals_one():
    devices = [d.name for d in tf.config.list_logical_devices("CPU")]
    images = checks.images(2, 32, 32, 3)
    options = dict(filters=2, num_layers=1, norm="instance", spectral_norm=True)
    one = patchgan(3, seed=0, **options)
    strategy = tf.distribute.MirroredStrategy(devices)
    with strategy.scope():
        two = patchgan(3, seed=0, **options)
    parts = strategy.experimental_distribute_values_from_function(
        lambda context: images[context.replica_id_in_sync_group, None]
    )
    judge = tf.function(lambda part: two(part, training=True))
    for _ in range(3):
        scores = strategy.experimental_local_results(strategy.run(judge, (parts,)))
        expected = one(images, training=True)
    np.testing.assert_allclose(tf.concat(scores, 0), expected, rtol=1e-4, atol=1e-5)
    for weight, alone in zip(two.weights, one.weights, strict=True):
        for copy in strategy.experimental_local_results(weight.value):
            np.testing.assert_allclose(copy, alone, rtol=1e-5, atol=1e-6)


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
