"""Warnings fire on failures that were made, and stay silent in healthy runs."""

import itertools
import logging
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.checks import (
    images,
    state,
    tiny_cyclegan,
    tiny_pix2pix,
    two_devices,
)
from tfi2i.data import bundled
from tfi2i.data.pixels import to_float
from tfi2i.models import Adam, CycleGAN, Pix2Pix
from tfi2i.networks import patchgan
from tfi2i.recipes.cyclegan import CycleGANConfig
from tfi2i.recipes.named import get
from tfi2i.recipes.pix2pix import Pix2PixConfig
from tfi2i.training import health
from tfi2i.training.backup import Backup, Position
from tfi2i.training.callbacks import Clock, KeepBackup
from tfi2i.training.health import (
    PATIENCE,
    WARM_UP,
    Diverged,
    Health,
    StopOnNonFinite,
    check_finite,
    diversity,
    luminance_correlation,
)
from tfi2i.training.run import train


def emoji(count, size=16):
    """Bundled pairs: flat and shaded drawings of the same."""
    pairs = []
    for path in sorted((bundled() / "val").glob("*.webp"))[:count]:
        pairs.append(keras.utils.img_to_array(keras.utils.load_img(path)))
    pairs = tf.stack(pairs)
    return tuple(
        to_float(tf.cast(tf.image.resize(side, (size, size)), tf.uint8))
        for side in tf.split(pairs, 2, axis=2)
    )


def test_correlation_is_numpys():
    x, y = images(3, 8, 6, 3), images(3, 8, 6, 3, seed=1) + 0.3 * images(3, 8, 6, 3)
    luminance = [z.astype(float) @ [0.2989, 0.5870, 0.1140] for z in (x, y)]
    pairs = zip(*luminance, strict=True)
    expected = np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs])
    assert float(luminance_correlation(x, y)) == pytest.approx(expected, abs=1e-5)
    assert float(luminance_correlation(x, 0.2 - 0.5 * x)) == pytest.approx(-1, abs=1e-5)
    grey = x[..., :1]
    assert float(luminance_correlation(grey, grey)) == pytest.approx(1, abs=1e-5)


def test_correlation_of_a_constant_image_is_0():
    x = images(2, 64, 64, 3)
    # Rounding makes its centred pixels differ from 0 all alike.
    y = np.stack([np.full_like(x[0], 0.3), x[1]])
    assert float(luminance_correlation(x, y)) == pytest.approx(0.5, abs=1e-5)


def test_diversity_is_the_mean_over_pairs():
    x = images(4, 8, 6, 3)
    pairs = itertools.combinations(x.astype(float), 2)
    expected = np.mean([np.abs(a - b).mean() for a, b in pairs])
    assert float(diversity(x)) == pytest.approx(expected, rel=1e-6)
    assert float(diversity(np.stack([x[0], x[0], x[0]]))) == 0
    with pytest.raises(ValueError, match="two images or more. Received 1"):
        diversity(x[:1])


def batches(real_a, real_b, size=4):
    return tf.data.Dataset.from_tensor_slices((real_a, real_b)).batch(size)


def compiled(model, learning_rate=2e-4, **options):
    """Ready for a few steps, which take less time than tracing one would."""
    optimizers = Adam(learning_rate, **options), Adam(learning_rate)
    model.compile(*optimizers, run_eagerly=True)
    return model


def is_finite(model):
    return all(np.isfinite(weight).all() for weight in model.get_weights())


class Losses(keras.callbacks.Callback):
    """Keeps each step's losses."""

    def on_train_begin(self, logs=None):
        self.steps = []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(list(logs.values()))


def test_an_absurd_learning_rate_stops_at_the_first_bad_loss():
    clock, losses = Clock(8, 1, Position(0, 0)), Losses()
    with pytest.raises(Diverged) as error:
        compiled(tiny_cyclegan(), 1e30).fit(
            batches(*emoji(32)),
            callbacks=[clock, losses, StopOnNonFinite(clock, None)],
            verbose=0,
        )
    *before, last = losses.steps
    assert len(before) >= 1
    assert np.isfinite(before).all()
    assert not np.isfinite(last).all()
    message = str(error.value)
    assert f"stopped in epoch 1 after step {len(losses.steps)}, because " in message
    assert "there is no backup yet" in message
    assert "--optimizer.learning-rate" in message
    assert "\n" not in message


def test_a_bad_step_is_noticed_before_it_is_saved(tmp_path):
    real_a, real_b = images(12, 8, 8, 3), images(12, 8, 8, 3, seed=1)
    real_b[9] = np.nan
    clock = Clock(3, 1, Position(0, 0))
    backup = Backup(tmp_path / "state.npz")
    model = compiled(tiny_pix2pix())
    with pytest.raises(Diverged) as error:
        model.fit(
            batches(real_a, real_b),
            callbacks=[
                clock,
                StopOnNonFinite(clock, backup.path),
                KeepBackup(backup, clock, ["x"], 1, 0.0, {}, lambda: False, int),
            ],
            verbose=0,
        )
    message = str(error.value)
    assert "epoch 1 after step 3" in message
    assert "d_real is nan" in message
    assert f"the last finite backup is kept in '{backup.path}'" in message
    assert not is_finite(model)
    position, _ = backup.restore(model, ["x"])
    assert position == Position(0, 2)
    assert is_finite(model)


def test_a_bad_validation_loss_stops_the_run():
    good, bad = images(4, 8, 8, 3), np.full((4, 8, 8, 3), np.nan, np.float32)
    clock = Clock(1, 2, Position(0, 0))
    with pytest.raises(Diverged, match="epoch 1 after step 1, because val_g_l1 is nan"):
        compiled(tiny_pix2pix(gan_weight=0)).fit(
            batches(good, good),
            validation_data=batches(bad, good),
            epochs=2,
            callbacks=[clock, StopOnNonFinite(clock, None)],
            verbose=0,
        )


def test_lost_weights_are_refused(tmp_path):
    arrays = {
        "kernel": np.ones((2, 2), np.float32),
        "iterations": np.int64(3),
        "bias": np.array([0.0, -np.inf, np.nan], np.float32),
        "gamma": np.array([np.nan], np.float32),
    }
    with pytest.raises(Diverged, match="epoch 3 after step 7, because bias holds -inf"):
        check_finite(arrays, 2, 7, tmp_path / "none.npz")
    check_finite({name: arrays[name] for name in ("kernel", "iterations")}, 2, 7, None)


def warnings_of(caplog):
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == health.__name__ and record.levelno >= logging.WARNING
    ]


def start(model, batch, folder):
    """A callback that checks at each step, past the warm-up."""
    clock = Clock(10, 1000, Position(WARM_UP // 10, 0))
    writer = tf.summary.create_file_writer(str(folder))
    kinds = {Pix2Pix: Pix2PixConfig, CycleGAN: CycleGANConfig}
    remedies = next(kinds[k].remedies for k in type(model).__mro__ if k in kinds)
    batch = dict(zip("ab", batch, strict=True))
    check = Health(batch, remedies, clock=clock, writer=writer, every=1)
    check.set_model(model)
    return check


def run(check, steps):
    for step in range(steps):
        check.clock.on_train_batch_end(step)
        check.on_train_batch_end(step)


def generator(scale):
    """Paints `scale` times its input."""
    inputs = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(3, 1, use_bias=False)
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([scale * np.eye(3, dtype=np.float32)[None, None]])
    return model


def pix2pix(scale):
    return compiled(Pix2Pix(generator(scale), gan_weight=0))


def cyclegan(scale_ab, scale_ba):
    discriminators = [
        patchgan(3, filters=2, num_layers=1, seed=seed) for seed in (1, 2)
    ]
    generators = generator(scale_ab), generator(scale_ba)
    return CycleGAN(*generators, *discriminators, seed=5)


def test_inverted_colours_are_told_once_until_they_are_gone(caplog, tmp_path):
    model = pix2pix(-1.0)
    check = start(model, emoji(4), tmp_path)
    run(check, PATIENCE - 1)
    assert warnings_of(caplog) == []
    run(check, 1)
    (message,) = warnings_of(caplog)
    assert f"step {WARM_UP + PATIENCE}: a2b inverts colours" in message
    assert "correlates by -1.00" in message
    assert "raise --model.l1-weight" in message
    run(check, 3 * PATIENCE)
    inverted, right = model.get_weights(), pix2pix(1.0).get_weights()
    # Too short to count as gone.
    model.set_weights(right)
    run(check, PATIENCE - 1)
    model.set_weights(inverted)
    run(check, 3 * PATIENCE)
    assert len(warnings_of(caplog)) == 1
    model.set_weights(right)
    run(check, PATIENCE)
    model.set_weights(inverted)
    run(check, PATIENCE)
    assert len(warnings_of(caplog)) == 2


def test_the_way_back_is_told_by_its_name(caplog, tmp_path):
    model = compiled(Pix2Pix(generator(-1.0), gan_weight=0, direction="b2a"))
    check = start(model, emoji(4), tmp_path)
    run(check, PATIENCE)
    check.writer.flush()
    (message,) = warnings_of(caplog)
    assert "b2a inverts colours" in message
    assert scalars(tmp_path).keys() == {
        "health/correlation_b2a",
        "health/diversity_b2a",
    }


def test_pairs_may_be_negatives_of_each_other(caplog, tmp_path):
    real_a, _ = emoji(4)
    run(start(pix2pix(-1.0), (real_a, -real_a), tmp_path), 2 * PATIENCE)
    assert warnings_of(caplog) == []


def test_cyclegan_is_told_which_direction_inverts(caplog, tmp_path):
    check = start(compiled(cyclegan(0.9, -1.0)), emoji(4), tmp_path)
    run(check, PATIENCE)
    (message,) = warnings_of(caplog)
    assert "b2a inverts colours" in message
    assert (
        "raise --model.identity-weight, or start again with another --seed" in message
    )


def test_collapse_is_told_after_the_warm_up(caplog, tmp_path):
    check = start(pix2pix(0.0), emoji(4), tmp_path / "a")
    check.clock.step = WARM_UP - PATIENCE
    run(check, 2 * PATIENCE - 1)
    assert warnings_of(caplog) == []
    run(check, 1)
    (message,) = warnings_of(caplog)
    assert "a2b paints nearly the same for every image" in message
    assert "0.00 times as much as inputs" in message
    assert "raise --model.l1-weight" in message

    caplog.clear()
    run(
        start(compiled(cyclegan(0.0, 1.0)), emoji(4), tmp_path / "b"),
        PATIENCE,
    )
    (message,) = warnings_of(caplog)
    assert "a2b paints nearly the same" in message
    assert "--model.cycle-weight-a" in message


@pytest.mark.parametrize("targets", [0.02, 0.0])
def test_outputs_need_not_differ_more_than_examples_do(targets, caplog, tmp_path):
    real_a, _ = emoji(4)
    batch = real_a, targets * real_a
    run(start(pix2pix(targets), batch, tmp_path), 2 * PATIENCE)
    assert warnings_of(caplog) == []


def scalars(folder):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: {
            e.step: float(tf.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)
        }
        for tag in events.Tags()["tensors"]
        if tag.startswith("health/")
    }


def test_single_and_equal_images_have_no_diversity(caplog, tmp_path):
    real_a, real_b = emoji(2)
    batch_1, equal = (real_a[:1], real_b[:1]), (tf.stack([real_a[0]] * 2), real_b)
    for name, batch in (("one", batch_1), ("equal", equal)):
        check = start(pix2pix(0.0), batch, tmp_path / name)
        run(check, 2 * PATIENCE)
        check.writer.flush()
        assert scalars(tmp_path / name).keys() == {"health/correlation_a2b"}
    assert warnings_of(caplog) == []


def test_a_discriminator_that_nobody_fools(caplog, tmp_path):
    """Trained against a generator that paints black and never learns."""
    real_a, real_b = emoji(16)
    judge = patchgan(6, filters=4, num_layers=1, norm="instance", seed=1)
    model = Pix2Pix(generator(0.0), judge, l1_weight=0)
    model.compile(keras.optimizers.SGD(0.0), Adam(0.02))
    check = start(model, (real_a[:4], real_b[:4]), tmp_path)
    check.clock.step = 0
    model.fit(
        batches(real_a, real_b).repeat(4),
        callbacks=[check.clock, check],
        verbose=0,
    )
    (message,) = warnings_of(caplog)
    assert "the discriminator is right about " in message
    assert "--model.discriminator.spectral-norm" in message


@pytest.mark.parametrize(
    "make",
    [tiny_pix2pix, pytest.param(lambda: cyclegan(0.9, 0.8), marks=pytest.mark.slow)],
    ids=["pix2pix", "cyclegan"],
)
def test_a_healthy_run_is_silent_and_unchanged(make, caplog, tmp_path):
    real_a, real_b = emoji(4 * PATIENCE)
    model = compiled(make(), 2e-3, use_ema=True, ema_momentum=0.5)
    # In the middle of an epoch of a resumed run.
    clock = Clock(30, 40, Position(WARM_UP // 30 + 1, 9))
    writer = tf.summary.create_file_writer(str(tmp_path))
    paired = isinstance(model, Pix2Pix)
    batch = {"a": real_a[:4], "b": real_b[:4]}
    check = Health(batch, Pix2PixConfig.remedies, clock, writer, every=1)
    model.fit(batches(real_a, real_b), callbacks=[clock, check], verbose=0)
    assert warnings_of(caplog) == []

    before = state(model)
    check.check()
    for now, then in zip(state(model), before, strict=True):
        np.testing.assert_array_equal(now, then)

    names = {"correlation_a2b", "diversity_a2b", "right_discriminator"}
    if not paired:
        names = {"correlation_a2b", "correlation_b2a", "diversity_a2b"}
        names |= {"diversity_b2a", "right_discriminator_a", "right_discriminator_b"}
    writer.flush()
    numbers = scalars(tmp_path)
    assert numbers.keys() == {f"health/{name}" for name in names}
    for values in numbers.values():
        assert list(values) == [520, 521, 522, 523, 524]


def test_checks_follow_the_steps_of_the_run(tmp_path):
    check = start(pix2pix(1.0), emoji(2), tmp_path)
    check.every, check.clock.step = 3, 40
    run(check, 6)
    check.writer.flush()
    assert list(scalars(tmp_path)["health/diversity_a2b"]) == [42, 45]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "epochs"), [("edges2emoji", 12), ("cyclegan-emoji", 3)]
)
def test_recipes_stay_silent(recipe, epochs, caplog, tmp_path):
    """Long enough for every warning to fire."""
    config = get(recipe).config
    if not config.model.takes_pairs:
        # A narrower one, for time.
        narrow = replace(config.model.generator, filters=8, blocks=2)
        config = replace(config, model=replace(config.model, generator=narrow))
    train(replace(config, epochs=epochs), tmp_path / "run")
    assert warnings_of(caplog) == []
    for values in scalars(tmp_path / "run" / "logs").values():
        assert sum(step > WARM_UP for step in values) >= PATIENCE


def test_two_devices_are_watched(tmp_path):
    real_a, real_b = emoji(4)
    with two_devices().scope():
        model = compiled(tiny_pix2pix())
    check = start(model, (real_a, real_b), tmp_path)
    check.check()
    check.writer.flush()
    (value,) = scalars(tmp_path)["health/correlation_a2b"].values()
    alone = tiny_pix2pix()
    alone.set_weights(model.get_weights())
    expected = luminance_correlation(real_a, alone(real_a))
    assert value == pytest.approx(float(expected), abs=1e-5)
