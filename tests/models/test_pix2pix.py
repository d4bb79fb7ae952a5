"""Pix2Pix: it learns, each player by its own loss, and it is a Keras model."""

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfi2i
from tests.checks import dtype_policy, images, state, tiny_pix2pix
from tfi2i import losses, networks
from tfi2i.models import Adam, Pix2Pix

NAMES = {"g_gan", "g_l1", "d_real", "d_fake"}


def _batch(count=2, seed=0):
    return images(count, 16, 16, 3, seed=seed), images(count, 16, 16, 3, seed=seed + 1)


def _emoji_pairs(count=4):
    files = sorted((Path(tfi2i.__file__).parent / "data/emoji/test").glob("*.webp"))
    pairs = [np.asarray(Image.open(file).convert("RGB")) for file in files[:count]]
    sides = np.split(np.float32(pairs) / 127.5 - 1, 2, axis=2)
    assert sides[0].shape == (count, 64, 64, 3)
    return sides


def _overfit(model, dataset, pairs, steps=400):
    """Trains until the four are learnt or the steps are over; returns L1 of 1."""
    real_a, real_b = pairs
    for _ in range(steps // 50):
        model.fit(dataset.repeat(), steps_per_epoch=50, verbose=0)
        gap = np.abs(model.predict(real_a, verbose=0) - real_b).mean() / 2
        if gap < 0.03:
            break
    return gap


@pytest.mark.slow
def test_overfits_four_pairs():
    pairs = _emoji_pairs()
    model = Pix2Pix(
        networks.unet(6, filters=16, norm="instance", seed=0),
        networks.patchgan(6, filters=8, norm="instance", seed=1),
    )
    model.compile(Adam(1e-3), Adam(1e-3))
    dataset = tf.data.Dataset.from_tensor_slices(tuple(pairs)).batch(4)
    assert _overfit(model, dataset, pairs) < 0.03


@pytest.mark.slow
def test_overfits_four_pairs_one_by_one_as_the_reference_trains():
    pairs = _emoji_pairs()
    model = Pix2Pix(networks.unet(6, seed=0), networks.patchgan(6, seed=1))
    model.compile()
    dataset = tf.data.Dataset.from_tensor_slices(tuple(pairs)).batch(1)
    assert _overfit(model, dataset, pairs) < 0.03


class _Recorder(keras.optimizers.SGD):
    """Gradient descent that remembers what it was given."""

    def apply(self, grads, trainable_variables=None):
        self.seen = list(zip(trainable_variables, grads, strict=True))
        super().apply(grads, trainable_variables)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_each_optimizer_gets_every_gradient_of_its_network(norm):
    model = tiny_pix2pix(norm)
    model.compile(_Recorder(1e-4), _Recorder(1e-4), run_eagerly=True)
    model.train_on_batch(*_batch())
    for optimizer, network in (
        (model.generator_optimizer, model.generator),
        (model.discriminator_optimizer, model.discriminator),
    ):
        variables = [variable for variable, _ in optimizer.seen]
        assert len(variables) == len(network.trainable_weights)
        for variable, weight in zip(variables, network.trainable_weights, strict=True):
            assert variable is weight
        for variable, gradient in optimizer.seen:
            assert gradient is not None, variable.path
            assert np.isfinite(gradient).all(), variable.path
            assert np.any(gradient), variable.path


@pytest.mark.parametrize("loss", ["vanilla", "lsgan"])
def test_every_weight_changes_in_one_step(loss):
    model = tiny_pix2pix("batch", adversarial_loss=loss)
    model.compile(run_eagerly=True)
    before = [weight.numpy() for weight in model.weights]
    model.train_on_batch(*_batch())
    for weight, old in zip(model.weights, before, strict=True):
        assert np.isfinite(weight.numpy()).all(), weight.path
        assert np.any(weight.numpy() != old), weight.path


def test_generator_meets_the_updated_discriminator():
    real_a, real_b = _batch()
    model = tiny_pix2pix()
    fake_b = model.generator(real_a)
    pair = tf.concat([real_a, fake_b], -1)
    against_old = losses.vanilla_loss(model.discriminator(pair), is_real=True)
    # A generator that does not learn, against a discriminator that learns a lot.
    model.compile(*map(keras.optimizers.SGD, (0.0, 10.0)), run_eagerly=True)
    reported = model.train_on_batch(real_a, real_b, return_dict=True)
    against_new = losses.vanilla_loss(model.discriminator(pair), is_real=True)
    assert reported["g_gan"] == pytest.approx(float(against_new), rel=1e-5)
    assert abs(against_new - against_old) > 0.01
    # The discriminator's own losses are those before its update.
    again = tiny_pix2pix()
    again.compile(run_eagerly=True)
    evaluated = again.evaluate(real_a, real_b, verbose=0, return_dict=True)
    for name in ("d_real", "d_fake"):
        assert reported[name] == pytest.approx(evaluated[name], rel=1e-5)


@pytest.mark.parametrize("loss", ["vanilla", "lsgan"])
@pytest.mark.parametrize("conditional", [True, False])
def test_reported_losses_are_those_of_the_paper(loss, conditional):
    real_a, real_b = _batch()
    model = tiny_pix2pix(
        adversarial_loss=loss, gan_weight=2.0, l2_weight=7.0, conditional=conditional
    )
    model.compile(run_eagerly=True)
    reported = model.evaluate(real_a, real_b, verbose=0, return_dict=True)
    fake_b = model.generator(real_a).numpy()

    def scores(b):
        seen = np.concatenate([real_a, b], -1) if conditional else b
        return np.float64(model.discriminator(seen))

    if loss == "vanilla":
        expected = {
            "d_real": np.log1p(np.exp(-scores(real_b))).mean(),
            "d_fake": np.log1p(np.exp(scores(fake_b))).mean(),
            "g_gan": 2 * np.log1p(np.exp(-scores(fake_b))).mean(),
        }
    else:
        expected = {
            "d_real": ((scores(real_b) - 1) ** 2).mean(),
            "d_fake": (scores(fake_b) ** 2).mean(),
            "g_gan": 2 * ((scores(fake_b) - 1) ** 2).mean(),
        }
    expected["g_l1"] = 100 * np.abs(real_b - fake_b).mean()
    expected["g_l2"] = 7 * ((real_b - fake_b) ** 2).mean()
    assert reported.keys() == expected.keys()
    for name, value in expected.items():
        assert reported[name] == pytest.approx(value, rel=1e-4), name


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (dict(gan_weight=0.0), {"g_l1"}),
        (dict(gan_weight=0.0, l1_weight=0.0, l2_weight=1.0), {"g_l2"}),
        (dict(l1_weight=0.0), {"g_gan", "d_real", "d_fake"}),
        (dict(conditional=False), NAMES),
        (dict(l2_weight=1.0), NAMES | {"g_l2"}),
    ],
    ids=str,
)
def test_ablations_train(options, names):
    model = tiny_pix2pix(**options)
    model.compile(Adam(1e-2), Adam(1e-3), run_eagerly=True)
    before = model.generator.get_weights()
    history = model.fit(*_batch(), batch_size=2, epochs=3, verbose=0).history
    assert history.keys() == names
    assert np.isfinite(list(history.values())).all()
    assert any(map(np.any, map(np.subtract, model.generator.get_weights(), before)))
    for name in names & {"g_l1", "g_l2"}:
        assert history[name][-1] < history[name][0]
    assert (model.discriminator is None) == (options.get("gan_weight") == 0)


def test_no_discriminator_is_needed_without_a_gan():
    model = Pix2Pix(networks.resnet(0, filters=1), gan_weight=0.0)
    model.compile(run_eagerly=True)
    assert model.networks_of("discriminator") == []
    assert model.train_on_batch(*_batch(), return_dict=True).keys() == {"g_l1"}


def test_evaluate_weighs_examples_not_batches():
    real_a, real_b = _batch(3)
    model = tiny_pix2pix()
    model.compile()
    pairs = tf.data.Dataset.from_tensor_slices((real_a, real_b))
    whole = model.evaluate(pairs.batch(3), verbose=0, return_dict=True)
    split = model.evaluate(pairs.batch(2), verbose=0, return_dict=True)
    assert split.keys() == NAMES
    assert split == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_evaluate_and_predict_change_nothing(norm):
    model = tiny_pix2pix(norm, dropout=0.5)
    model.compile()
    before = state(model)
    model.evaluate(*_batch(), verbose=0)
    model.predict(_batch()[0], verbose=0)
    for value, old in zip(state(model), before, strict=True):
        np.testing.assert_array_equal(value, old)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_predict_is_the_generator_at_inference(norm):
    real_a, _ = _batch(3)
    model = tiny_pix2pix(norm, dropout=0.5)
    model.compile()
    expected = model.generator(real_a, training=False)
    np.testing.assert_array_equal(model(real_a), expected)
    predicted = model.predict(real_a, batch_size=2, verbose=0)
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=1e-6)
    assert np.abs(model(real_a, training=True) - expected).max() > 1e-6


def test_history_holds_the_epoch_s_means():
    steps = []
    model = tiny_pix2pix()
    model.compile()
    history = model.fit(
        tf.data.Dataset.from_tensor_slices(_batch(5)).batch(2),
        epochs=2,
        verbose=0,
        callbacks=keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda step, logs: steps.append(dict(logs))
        ),
    ).history
    assert history.keys() == NAMES
    for name in NAMES:
        values = np.array([step[name] for step in steps]).reshape(2, 3)
        expected = values @ [2 / 5, 2 / 5, 1 / 5]
        np.testing.assert_allclose(history[name], expected, rtol=1e-5)
        assert len(np.unique(values)) == 6


@pytest.mark.slow
def test_fit_raises_no_warning():
    model = tiny_pix2pix("batch", dropout=0.5)
    model.compile(steps_per_execution=2)
    pairs = tf.data.Dataset.from_tensor_slices(_batch(4)).batch(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(pairs, validation_data=pairs, epochs=2, verbose=0)


def test_there_are_two_optimizers_and_no_third():
    model = tiny_pix2pix()
    model.compile()
    players = [model.generator_optimizer, model.discriminator_optimizer]
    assert model.optimizer.optimizers == players
    for optimizer in players:
        assert float(optimizer.learning_rate) == pytest.approx(2e-4)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.999)
    assert model.generator_optimizer is not model.discriminator_optimizer


def test_mixed_precision_takes_the_step_of_float32():
    steps = []
    for policy in ("float32", "mixed_float16"):
        with dtype_policy(policy):
            model = tiny_pix2pix()
        optimizers = [keras.optimizers.SGD(0.1) for _ in range(2)]
        if policy == "mixed_float16":
            optimizers = [
                keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=256.0)
                for optimizer in optimizers
            ]
        model.compile(*optimizers, run_eagerly=True)
        # Biases before a normalization have no gradient but rounding.
        kernels = [w for w in model.trainable_weights if w.name == "kernel"]
        before = [kernel.numpy() for kernel in kernels]
        model.train_on_batch(*_batch())
        steps.append([k.numpy() - old for k, old in zip(kernels, before, strict=True)])
    for exact, rounded in zip(*steps, strict=True):
        assert np.linalg.norm(rounded - exact) < 0.2 * np.linalg.norm(exact)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            dict(l1_weight=-1.0),
            "weight of g_l1 must be 0 or more, and finite. Received -1.0",
        ),
        (dict(gan_weight=float("nan")), "weight of g_gan .* Received nan"),
        (dict(gan_weight=0.0, l1_weight=0.0), "weights are 0: set one"),
        (
            dict(adversarial_loss="wgan"),
            '"vanilla", "lsgan", "hinge", "wgan-gp". Received "wgan"',
        ),
    ],
    ids=str,
)
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        tiny_pix2pix(**options)


@pytest.mark.parametrize(
    ("in_channels", "conditional", "words"),
    [
        (3, True, r"should take 4 channels \(A and B joined\), but takes 3: .*ls=4"),
        (4, False, r"should take 3 channels \(B alone\), but takes 4: .*ls=3"),
    ],
)
def test_discriminator_of_other_channels(in_channels, conditional, words):
    generator = networks.resnet(0, in_channels=1, filters=1)
    discriminator = networks.pixel_discriminator(in_channels, filters=1)
    with pytest.raises(ValueError, match=words):
        Pix2Pix(generator, discriminator, conditional=conditional)


def test_gan_needs_a_discriminator():
    with pytest.raises(ValueError, match="gan_weight=1.0 needs a discriminator"):
        Pix2Pix(networks.resnet(0, filters=1))


def test_one_optimizer_for_both():
    optimizer = Adam()
    with pytest.raises(ValueError, match="one object.*make two"):
        tiny_pix2pix().compile(optimizer, optimizer)


def test_target_of_other_channels():
    model = tiny_pix2pix(gan_weight=0.0)
    model.compile(run_eagerly=True)
    real_a, real_b = _batch()
    with pytest.raises(ValueError, match="out_channels of the generator"):
        model.train_on_batch(real_a, real_b[..., :1])


def test_batches_that_are_not_pairs():
    model = tiny_pix2pix()
    model.compile(run_eagerly=True)
    real_a, real_b = _batch()
    with pytest.raises(ValueError, match="needs pairs.*Received x alone"):
        model.fit(real_a, verbose=0)
    with pytest.raises(ValueError, match="Sample weights are not supported"):
        model.fit(real_a, real_b, sample_weight=np.ones(2), verbose=0)
