"""CycleGAN: each player by its own losses, on images of now and before."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import images, state, tiny_cyclegan, two_devices
from tfi2i import networks
from tfi2i.losses import ADVERSARIAL_LOSSES
from tfi2i.models import Adam, CycleGAN

NAMES = ["g_ab", "g_ba", "cycle_a", "cycle_b", "idt_a", "idt_b", "d_a", "d_b"]
LOSSES = list(ADVERSARIAL_LOSSES)


def _batch(count=2, seed=0):
    return images(count, 16, 16, 3, seed=seed), images(count, 16, 16, 3, seed=seed + 9)


def _step(model, seed):
    return model.train_on_batch(*_batch(seed=seed), return_dict=True)


def _values(model):
    return [weight.numpy() for weight in model.weights]


@pytest.mark.parametrize("loss", LOSSES)
def test_every_weight_of_four_networks_learns(loss):
    model = tiny_cyclegan(adversarial_loss=loss)
    model.compile(run_eagerly=True)
    before = _values(model)
    losses = _step(model, 0)
    extra = ["gp_a", "gp_b"] if loss == "wgan-gp" else []
    assert losses.keys() == {*NAMES, *extra}
    assert np.isfinite(list(losses.values())).all()
    for weight, old in zip(model.weights, before, strict=True):
        # Where real and fake pull a score alike, its offset does not matter.
        if weight.path != "scores_conv/bias" or loss in ("vanilla", "lsgan"):
            assert np.any(weight.numpy() != old), weight.path


def test_losses_are_what_their_names_say():
    model = tiny_cyclegan(
        cycle_weight_a=3.0, cycle_weight_b=5.0, identity_weight=0.25, pool_size=0
    )
    model.compile(run_eagerly=True)
    a, b = _batch()
    ab, ba = model.generator_ab, model.generator_ba
    score_a, score_b = model.discriminator_a, model.discriminator_b

    def gap(x, y):
        return float(np.abs(np.float64(x) - np.float64(y)).mean())

    def square(scores, target):
        return float(np.mean((np.float64(scores) - target) ** 2))

    expected = {
        "g_ab": square(score_b(ab(a)), 1),
        "g_ba": square(score_a(ba(b)), 1),
        "cycle_a": 3 * gap(a, ba(ab(a))),
        "cycle_b": 5 * gap(b, ab(ba(b))),
        "idt_a": 0.75 * gap(a, ba(a)),
        "idt_b": 1.25 * gap(b, ab(b)),
        "d_a": (square(score_a(a), 1) + square(score_a(ba(b)), 0)) / 2,
        "d_b": (square(score_b(b), 1) + square(score_b(ab(a)), 0)) / 2,
    }
    before = state(model)
    evaluated = model.evaluate(a, b, verbose=0, return_dict=True)
    assert evaluated == pytest.approx(expected, rel=1e-4)
    for old, new in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    # All are reported as they were before the step.
    assert _step(model, 0) == pytest.approx(expected, rel=1e-4)


def test_both_cycles_reach_both_generators():
    for name in ("cycle_a", "cycle_b"):
        model = tiny_cyclegan()
        with tf.GradientTape() as tape:
            painted = model._translate(*_batch(), training=True)
            loss = model._generator_losses(painted, training=True)[name]
        weights = [
            w.value for g in model.networks_of("generator") for w in g.trainable_weights
        ]
        for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
            assert np.any(gradient), (name, weight.name)


@pytest.mark.slow
def test_discriminators_learn_from_history():
    # Nobody learns, so each batch's images stay what they are.
    frozen = [keras.optimizers.SGD(0.0) for _ in range(4)]
    with_pool, without = tiny_cyclegan(pool_size=2), tiny_cyclegan(pool_size=0)
    with_pool.compile(*frozen[:2], run_eagerly=True)
    without.compile(*frozen[2:], run_eagerly=True)
    pairs = [(_step(with_pool, seed), _step(without, seed)) for seed in range(8)]
    assert pairs[0][0] == pairs[0][1]
    differing = [ours["d_b"] != theirs["d_b"] for ours, theirs in pairs]
    assert any(differing) and not all(differing)
    assert with_pool.pool_a.seed != with_pool.pool_b.seed
    for ours, theirs in pairs:
        assert ours["g_ab"] == theirs["g_ab"]
    stored = with_pool.pool_b.images.numpy()
    fakes = np.concatenate(
        [with_pool.generator_ab(_batch(seed=seed)[0]) for seed in range(8)]
    )
    for image in stored:
        assert np.abs(fakes - image).max(axis=(1, 2, 3)).min() < 1e-5


def test_without_identity():
    model = tiny_cyclegan(identity_weight=0.0)
    model.compile(run_eagerly=True)
    assert _step(model, 0).keys() == {n for n in NAMES if not n.startswith("idt")}


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        dict(dropout=0.5, pool_size=3),
        dict(adversarial_loss="wgan-gp", norm="none", identity_weight=0.0),
    ],
    ids=str,
)
def test_saved_model_goes_on_bit_for_bit(tmp_path, options):
    model = tiny_cyclegan(**options)
    averaged = Adam(use_ema=True, ema_momentum=0.9, global_clipnorm=1.0)
    model.compile(averaged, Adam(global_clipnorm=1.0), run_eagerly=True)
    for seed in range(3):
        _step(model, seed)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, CycleGAN)
    for seed in range(3, 6):
        assert _step(model, seed) == _step(loaded, seed)
    pairs = list(zip(state(model), state(loaded), strict=True))
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_averages_are_found_under_loss_scaling():
    model = tiny_cyclegan()
    scaled = keras.optimizers.LossScaleOptimizer(Adam(1e-2, use_ema=True), 64.0)
    model.compile(scaled, Adam(1e-2), run_eagerly=True)
    before = _values(model)
    with model.averaged():
        # There are none before the first step.
        for weight, old in zip(model.weights, before, strict=True):
            np.testing.assert_array_equal(weight.numpy(), old)
    for seed in range(2):
        _step(model, seed)
    trained = [w.numpy() for w in model.generator_ab.trainable_weights]
    with model.averaged():
        means = [w.numpy() for w in model.generator_ab.trainable_weights]
    assert all(np.any(a != b) for a, b in zip(means, trained, strict=True))


@pytest.mark.slow
def test_averages_are_the_running_means_of_generators():
    model = tiny_cyclegan()
    model.compile(
        Adam(1e-2, use_ema=True, ema_momentum=0.5), Adam(1e-2), run_eagerly=True
    )
    means = None
    for seed in range(4):
        _step(model, seed)
        weights = [
            w.numpy()
            for g in model.networks_of("generator")
            for w in g.trainable_weights
        ]
        if means is None:
            means = weights
        means = [0.5 * m + 0.5 * w for m, w in zip(means, weights, strict=True)]
    trained = [value.copy() for value in _values(model)]
    model.swap_averages()
    for network, start in ((model.generator_ab, 0), (model.generator_ba, 1)):
        count = len(network.trainable_weights)
        expected = means[start * count : (start + 1) * count]
        for weight, mean in zip(network.trainable_weights, expected, strict=True):
            np.testing.assert_allclose(weight.numpy(), mean, rtol=1e-5, atol=1e-7)
    assert any(np.any(a != b) for a, b in zip(_values(model), trained, strict=True))
    model.swap_averages()
    for ours, before in zip(_values(model), trained, strict=True):
        np.testing.assert_array_equal(ours, before)


@pytest.mark.slow
@pytest.mark.parametrize("pool_size", [pytest.param(0, marks=pytest.mark.slow), 3])
def test_two_devices_equal_one(tmp_path, pool_size):
    a, b = images(8, 16, 16, 3), images(8, 16, 16, 3, seed=1)
    results = []
    for strategy in (tf.distribute.get_strategy(), two_devices()):
        with strategy.scope():
            model = tiny_cyclegan(norm="none", pool_size=pool_size)
            # Far less than the gradients' norms.
            clip = {"global_clipnorm": 0.01} if pool_size else {}
            model.compile(Adam(**clip, use_ema=bool(pool_size)), Adam(**clip))
        dataset = tf.data.Dataset.from_tensor_slices((a, b))
        dataset = dataset.batch(4, drop_remainder=True).repeat(2)
        results.append((model, model.fit(dataset, verbose=0).history))
    (one, expected), (two, history) = results
    assert two.distribute_strategy.num_replicas_in_sync == 2
    for name in NAMES:
        np.testing.assert_allclose(history[name], expected[name], rtol=1e-5)
    for _ in range(1 + bool(pool_size)):
        for ours, single in zip(two.get_weights(), one.get_weights(), strict=True):
            np.testing.assert_allclose(ours, single, rtol=0, atol=1e-6)
        for model in (one, two):
            model.swap_averages()
    # Pools survive save and restore on two devices, and are those of one.
    two.save(tmp_path / "model.keras")
    with two.distribute_strategy.scope():
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    for ours, theirs, single in zip(loaded.pools, two.pools, one.pools, strict=True):
        assert ours.seen.numpy() == (0 if pool_size == 0 else 16)
        for name, variable in ours.state().items():
            for copy in two.distribute_strategy.experimental_local_results(variable):
                np.testing.assert_array_equal(copy, theirs.state()[name])
            np.testing.assert_allclose(variable, single.state()[name], atol=1e-5)


def test_paints_both_ways():
    model = tiny_cyclegan()
    a, b = _batch()
    painted = model.paint({"a": a, "b": b})
    assert list(painted) == [
        "real_a", "fake_b", "cycled_a", "real_b", "fake_a", "cycled_b",
    ]  # fmt: skip
    np.testing.assert_allclose(painted["fake_b"], model(a), atol=1e-6)
    np.testing.assert_allclose(painted["fake_a"], model.generator_ba(b), atol=1e-6)
    decisions = model.decisions(painted)
    for domain, judge in (("a", model.discriminator_a), ("b", model.discriminator_b)):
        real, fake = judge(painted[f"real_{domain}"]), judge(painted[f"fake_{domain}"])
        right = ((np.asarray(real) > 0.5).mean() + (np.asarray(fake) <= 0.5).mean()) / 2
        assert float(decisions[f"discriminator_{domain}"]) == pytest.approx(right)


def _networks(**channels):
    names = {"a": 3, "b": 3, **channels}
    a, b = names["a"], names["b"]
    return dict(
        generator_ab=networks.resnet(0, a, b, filters=2),
        generator_ba=networks.resnet(0, b, a, filters=2),
        discriminator_a=networks.patchgan(a, filters=2, norm="instance"),
        discriminator_b=networks.patchgan(b, filters=2, norm="instance"),
    )


def test_channels_may_differ_without_identity():
    model = CycleGAN(**_networks(b=1), identity_weight=0.0)
    model.compile(run_eagerly=True)
    losses = model.train_on_batch(
        images(1, 32, 32, 3), images(1, 32, 32, 1), return_dict=True
    )
    assert np.isfinite(list(losses.values())).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda n: CycleGAN(**n, adversarial_loss="wgan"), 'one of .* Received "wgan"'),
        (
            lambda n: CycleGAN(**n, cycle_weight_b=-1),
            "weight of cycle_b .* Received -1",
        ),
        (lambda n: CycleGAN(**n, identity_weight=float("nan")), "idt .* Received nan"),
        (lambda n: CycleGAN(**n, pool_size=-2), "0 or more. Received -2"),
        (
            lambda n: CycleGAN(**{**n, "generator_ba": n["generator_ab"]}),
            "One network is given twice",
        ),
        (lambda n: CycleGAN(**_networks(b=1)), "set identity_weight=0"),
        (
            lambda n: CycleGAN(**{**n, "discriminator_a": networks.patchgan(6)}),
            "discriminator_a takes 6: expected 3",
        ),
        (
            lambda n: CycleGAN(
                **{**n, "discriminator_a": networks.patchgan(3)},
                adversarial_loss="wgan-gp",
            ),
            "has batch norm",
        ),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(_networks())
