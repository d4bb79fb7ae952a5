"""Losses that the networks' own layers add: each to its player, once."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import images, tiny_cyclegan, tiny_pix2pix, two_devices
from tfi2i.models import CycleGAN, Pix2Pix

PAIR = images(4, 16, 16, 3), images(4, 16, 16, 3, seed=1)


@keras.saving.register_keras_serializable(package="tests")
class AddsMean(keras.layers.Layer):
    """Adds the mean square of its input to the loss."""

    def call(self, inputs):
        self.add_loss(tf.reduce_mean(tf.square(inputs)))
        return inputs


def _network(channels, seed, adds=False, strength=0.0, activity=0.0):
    inputs = keras.Input((None, None, channels))
    outputs = keras.layers.Conv2D(
        3,
        3,
        padding="same",
        kernel_initializer=keras.initializers.RandomNormal(0.0, 0.1, seed=seed),
        kernel_regularizer=keras.regularizers.L2(strength) if strength else None,
        activity_regularizer=keras.regularizers.L2(activity) if activity else None,
    )(inputs)
    return keras.Model(inputs, AddsMean()(outputs) if adds else outputs)


def _pix2pix(generator=None, discriminator=None):
    return Pix2Pix(
        _network(3, 1, **(generator or {})), _network(6, 2, **(discriminator or {}))
    )


def _cyclegan(generator=None, discriminator=None):
    generators = [_network(3, seed, **(generator or {})) for seed in (1, 2)]
    return CycleGAN(
        *generators,
        *(_network(3, seed, **(discriminator or {})) for seed in (3, 4)),
        seed=5,
    )


def _sgd(rate=1e-3):
    return [keras.optimizers.SGD(rate) for _ in range(2)]


def test_weights_shrink_by_their_regularizer():
    # Gradient descent by rate r on s * w**2 leaves 1 - 2 r s of w in each step.
    model = Pix2Pix(_network(3, 1, strength=1e4), gan_weight=0.0)
    model.compile(keras.optimizers.SGD(1e-6))
    kernel = model.generator.layers[1].kernel
    before = np.abs(kernel.numpy()).sum()
    for _ in range(20):
        model.train_on_batch(*PAIR)
    assert np.abs(kernel.numpy()).sum() / before == pytest.approx(0.98**20, rel=0.02)


@pytest.mark.parametrize(
    "make", [_pix2pix, pytest.param(_cyclegan, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_loss_belongs_to_its_player_in_full(make, player):
    # Beside the same step without it, the weights differ by rate * 2 * strength * w.
    kernels = {}
    for strength in (0.0, 10.0):
        model = make(**{player: {"strength": strength}})
        model.compile(*_sgd())
        before = [w.numpy() for w in model.trainable_weights if w.name == "kernel"]
        logs = model.train_on_batch(*PAIR, return_dict=True)
        kernels[strength] = [
            (w.path, w.numpy()) for w in model.trainable_weights if w.name == "kernel"
        ]
    name = f"{player[0]}_regularization"
    assert {log for log in logs if log.endswith("regularization")} == {name}
    count = len(before) // 2
    places = range(count) if player == "generator" else range(count, 2 * count)
    squares = sum((before[place] ** 2).sum() for place in places)
    assert logs[name] == pytest.approx(10.0 * squares, rel=1e-5)
    for place, (old, plain, moved) in enumerate(
        zip(before, *kernels.values(), strict=True)
    ):
        difference = plain[1] - moved[1]
        if place in places:
            expected = 1e-3 * 2 * 10.0 * old
            np.testing.assert_allclose(difference, expected, rtol=0, atol=3e-6)
        elif player == "discriminator" and make is _cyclegan:
            np.testing.assert_array_equal(difference, 0)


def test_every_call_of_a_network_counts():
    model = _cyclegan(generator={"adds": True}, discriminator={"adds": True})
    model.compile(*_sgd())
    real_a, real_b = map(tf.constant, PAIR)
    seen = model.paint({"a": real_a, "b": real_b})
    outputs = {"g": [seen[n] for n in ("fake_b", "cycled_a", "fake_a", "cycled_b")]}
    outputs["g"] += [model.generator_ba(real_a), model.generator_ab(real_b)]
    outputs["d"] = [
        judge(seen[f"{kind}_{domain}"])
        for domain, judge in zip("ab", model.networks_of("discriminator"), strict=True)
        for kind in ("real", "fake")
    ]
    expected = {
        f"{player}_regularization": sum(np.mean(np.square(x)) for x in of)
        for player, of in outputs.items()
    }
    for found in (
        model.test_on_batch(*PAIR, return_dict=True),
        model.evaluate(*PAIR, verbose=0, return_dict=True),
        model.train_on_batch(*PAIR, return_dict=True),
    ):
        added = {name: found[name] for name in expected}
        assert added == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("make", [_pix2pix, _cyclegan])
def test_two_devices_equal_one(make, jit_compile):
    options = {"adds": True, "strength": 0.1, "activity": 0.1}
    results = []
    for strategy in (tf.distribute.get_strategy(), two_devices()):
        with strategy.scope():
            model = make(generator=options, discriminator=options)
            model.compile(*_sgd(0.01), jit_compile=jit_compile)
        history = model.fit(*PAIR, epochs=2, batch_size=4, shuffle=False, verbose=0)
        results.append((history.history, model.get_weights()))
    (expected, weights), (found, others) = results
    for name in expected:
        assert found[name] == pytest.approx(expected[name], rel=1e-5), name
    for weight, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(other, weight, rtol=0, atol=1e-6)


def test_models_with_them_are_saved(tmp_path):
    model = _pix2pix(generator={"adds": True, "strength": 0.1})
    model.compile()
    model.train_on_batch(*PAIR)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    expected = model.test_on_batch(*PAIR, return_dict=True)
    assert again.test_on_batch(*PAIR, return_dict=True) == pytest.approx(expected)
    assert "g_regularization" in expected


def test_frozen_weights_are_not_regularized():
    model = _pix2pix(generator={"strength": 10.0})
    model.generator.trainable = False
    model.compile(*_sgd())
    assert model.test_on_batch(*PAIR, return_dict=True)["g_regularization"] == 0.0


@pytest.mark.parametrize("make", [tiny_pix2pix, tiny_cyclegan])
def test_ours_add_none(make):
    model = make()
    model.compile()
    assert not [name for name in model.metrics_names if "regularization" in name]
