"""Two replicas under MirroredStrategy against one device."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import images, tiny_pix2pix, two_devices
from tfi2i.models import Adam


def _train(strategy, optimizer, steps=1, norm="instance", **options):
    """Trains on batches of four and returns the model and its history."""
    real_a, real_b = images(4 * steps, 16, 16, 3), images(4 * steps, 16, 16, 3, seed=1)
    with strategy.scope():
        model = tiny_pix2pix(norm=norm, **options)
        model.compile(optimizer(), optimizer())
    dataset = tf.data.Dataset.from_tensor_slices((real_a, real_b))
    # In the package's own data shapes are known; in other people's they may not be.
    dataset = dataset.batch(4, drop_remainder=norm == "instance")
    return model, model.fit(dataset, verbose=0).history


@pytest.mark.slow
@pytest.mark.parametrize(
    # Adam turns rounding into whole steps where a gradient vanishes, as that of a
    # bias before a normalization does.
    ("norm", "loss", "optimizer"),
    [
        ("none", "vanilla", Adam),
        ("instance", "lsgan", lambda: keras.optimizers.SGD(0.1)),
    ],
    ids=["Adam", "instance norm"],
)
def test_two_devices_equal_one(norm, loss, optimizer):
    options = dict(norm=norm, adversarial_loss=loss, l1_weight=10.0)
    one, expected = _train(tf.distribute.get_strategy(), optimizer, **options)
    two, history = _train(two_devices(), optimizer, **options)
    assert two.distribute_strategy.num_replicas_in_sync == 2
    assert history.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-6)
    start = tiny_pix2pix(**options).get_weights()
    for ours, single in zip(two.get_weights(), one.get_weights(), strict=True):
        np.testing.assert_allclose(ours, single, rtol=0, atol=1e-6)
    # The step was far larger than what the two may differ by.
    moved = [np.abs(a - b).max() for a, b in zip(one.get_weights(), start, strict=True)]
    assert np.median(moved) > 5e-5


@pytest.mark.slow
def test_evaluates_with_the_statistics_that_are_saved():
    """Each replica has its own after a step, of which nobody sees the network."""
    model, _ = _train(two_devices(), Adam, norm="batch")
    with tf.distribute.get_strategy().scope():
        saved = tiny_pix2pix(norm="batch")
        saved.compile()
    saved.set_weights(model.get_weights())
    for network in (
        model.networks_of("generator")
        + model.networks_of("discriminator")
        + saved.networks_of("generator")
    ):
        for layer in network.layers:
            if hasattr(layer, "statistics"):
                layer.statistics = "stored"
    for layer in saved.discriminator.layers:
        if hasattr(layer, "statistics"):
            layer.statistics = "stored"
    pairs = images(4, 16, 16, 3, seed=5), images(4, 16, 16, 3, seed=6)
    data = tf.data.Dataset.from_tensor_slices(pairs).batch(4)
    found = model.evaluate(data, verbose=0, return_dict=True)
    expected = saved.evaluate(data, verbose=0, return_dict=True)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_evaluate_on_two_devices_equals_one():
    real_a, real_b = images(6, 16, 16, 3), images(6, 16, 16, 3, seed=1)
    results = []
    for strategy in (tf.distribute.get_strategy(), two_devices()):
        with strategy.scope():
            model = tiny_pix2pix()
            model.compile()
        dataset = tf.data.Dataset.from_tensor_slices((real_a, real_b)).batch(4)
        results.append(model.evaluate(dataset, verbose=0, return_dict=True))
    assert results[1] == pytest.approx(results[0], rel=1e-5)


@pytest.mark.slow
def test_replicas_agree_with_dropout_and_batch_norm(tmp_path):
    model, history = _train(two_devices(), Adam, steps=3, norm="batch", dropout=0.5)
    assert np.isfinite(list(history.values())).all()
    variables = [
        *model.variables,
        *model.generator_optimizer.variables,
        *model.discriminator_optimizer.variables,
    ]
    for variable in variables:
        copies = model.distribute_strategy.experimental_local_results(variable.value)
        assert len(copies) == 2
        first, second = (copy.numpy() for copy in copies)
        assert np.isfinite(first).all()
        if "moving" in variable.path:
            # Each replica follows its own images; who asks gets the mean.
            expected = (first + second) / 2
            np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6)
        else:
            np.testing.assert_array_equal(first, second, err_msg=variable.path)
    # What is saved there loads on one device.
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert loaded.generator_optimizer.iterations.numpy() == 3
    # And what one device has saved reaches both.
    model.set_weights(loaded.get_weights())
    for ours, theirs in zip(model.weights, loaded.get_weights(), strict=True):
        for copy in model.distribute_strategy.experimental_local_results(ours.value):
            np.testing.assert_array_equal(copy.numpy(), theirs)
