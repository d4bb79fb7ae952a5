"""The best epoch is kept, and waited for."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import images as images_in_range
from tests.checks import tiny_pix2pix
from tests.recipes.changes import changed
from tfi2i.recipes import build, stored
from tfi2i.recipes.config import TrainConfig
from tfi2i.recipes.cyclegan import CycleGANConfig
from tfi2i.recipes.pix2pix import Pix2PixConfig
from tfi2i.recipes.resolve import resolve
from tfi2i.recipes.validation import SCORES, measures
from tfi2i.training.best import (
    MOST_DECIBELS,
    EarlyStop,
    Measured,
    ValidationScores,
)
from tfi2i.training.run import resume, train


def _lines(run):
    text = (run / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def _measured(name, values):
    epochs = [{"epoch": i + 1, name: value} for i, value in enumerate(values)]
    return Measured(name, epochs, len(values))


def test_less_of_a_loss_and_more_of_a_score_is_better():
    values = [3.0, 1.0, 2.0, 1.0]
    assert _measured("val_g_l1", values).best_epoch == 2
    assert _measured("val_l1", values).best_epoch == 2
    assert _measured("val_psnr", values).best_epoch == 1
    assert _measured("val_ssim", values).best == 3.0


def test_equal_is_no_better():
    measured = _measured("val_g_l1", [2.0, 1.0])
    assert [measured.add(value) for value in (1.0, 1.5, 0.5, 0.5)] == [0, 0, 1, 0]


def test_epochs_that_nobody_told_of_are_not_waited_for():
    measured = Measured("val_g_l1", [{"epoch": 3, "val_g_l1": 7.0}], 4)
    assert (measured.best_epoch, measured.best, measured.waited()) == (3, 7.0, 0)
    nothing = Measured("val_g_l1", [], 2)
    assert (nothing.best_epoch, nothing.best, nothing.waited()) == (0, None, 0)


def test_patience_counts_from_the_best_epoch_or_from_where_a_run_went_on():
    measured = _measured("val_g_l1", [2.0, 1.0, 3.0, 4.0])
    assert EarlyStop(measured, 3, 0).reason is None
    assert "for 2 epochs (the best is 1 of epoch 2)" in EarlyStop(measured, 2, 0).reason
    # It went on after epoch 3, so it has waited for one.
    assert EarlyStop(measured, 2, 3).reason is None
    assert EarlyStop(measured, 1, 3).reason is not None


@pytest.mark.parametrize(
    "model",
    [
        Pix2PixConfig(),
        Pix2PixConfig(gan_weight=0.0, l2_weight=1.0),
        Pix2PixConfig(l1_weight=0.0),
        CycleGANConfig(),
        CycleGANConfig(identity_weight=0.0),
        CycleGANConfig(adversarial_loss="wgan-gp"),
    ],
)
def test_measures_are_the_trainer_s(model):
    small = replace(
        model,
        generator=replace(model.generator, filters=2),
        discriminator=replace(model.discriminator, filters=2),
    )
    trainer = build.build_model(resolve(TrainConfig(model=small)))
    losses = {f"val_{loss.name}" for loss in trainer.loss_trackers}
    scores = SCORES if model.takes_pairs else ()
    assert set(measures(TrainConfig(model=model))) == losses | set(scores)


@pytest.mark.parametrize(
    "changes, expected",
    [
        (
            {"keep_best": "g_l1"},
            "--keep-best is 'g_l1'; expected one of val_g_gan, val_",
        ),
        ({"early_stop": "val_cycle_a"}, "--early-stop is 'val_cycle_a'; expected one"),
        ({"patience": 3}, "--patience is 3, but applies only with --early-stop"),
        ({"early_stop": "val_l1", "patience": 0}, "--patience is 0; expected at least"),
        (
            {"keep_best": "val_ssim", "validation_images": 0},
            "--validation-images is 0; expected at least 1 with --keep-best val_ssim",
        ),
        (
            {"model": CycleGANConfig(), "keep_best": "val_psnr"},
            "expected one of val_g_ab, val_g_ba, val_cycle_a, ",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(changes, expected):
    with pytest.raises(ValueError) as error:
        resolve(changed(TrainConfig(model=Pix2PixConfig()), **changes))
    assert expected in str(error.value)


def test_patience_is_filled_in():
    assert (
        resolve(TrainConfig(model=Pix2PixConfig(), early_stop="val_l1")).patience == 10
    )
    assert resolve(TrainConfig(model=Pix2PixConfig())).patience is None


def test_without_validation_images_nothing_is_begun(config, images, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "train").symlink_to(images / "train")
    config = changed(config, data__dir=str(data), keep_best="val_g_l1")
    with pytest.raises(
        ValueError, match="--keep-best is 'val_g_l1', but .* has no val"
    ):
        train(config, tmp_path / "saved" / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_scores_are_means_over_images():
    model = tiny_pix2pix()
    model.compile()
    real_a, real_b = (images_in_range(3, 16, 16, 3, seed=s) for s in (0, 1))
    fake_b = model.generator(real_a, training=False).numpy().astype(np.float64)
    # Two that are painted as they should be, almost and wholly.
    real_b = np.stack([real_b[0], fake_b[1] + 1e-3, fake_b[2]]).astype(np.float32)
    data = tf.data.Dataset.from_tensor_slices({"a": real_a, "b": real_b}).batch(2)
    scores = ValidationScores(data)
    scores.set_model(model)
    logs = {"val_g_l1": 1.0}
    scores.on_epoch_end(0, logs)
    difference = np.abs(real_b - fake_b).reshape(3, -1)
    assert logs["val_l1"] == pytest.approx(difference.mean() / 2, rel=1e-5)
    decibels = 10 * np.log10(4 / np.square(difference).mean(axis=1)[:2])
    expected = (decibels.sum() + MOST_DECIBELS) / 3
    assert logs["val_psnr"] == pytest.approx(expected, rel=1e-4)
    assert 1 / 3 < logs["val_ssim"] < 1


@pytest.mark.slow
def test_the_best_epoch_is_kept_and_an_early_end_gone_on_from(config, tmp_path):
    run = tmp_path / "run"
    # A discriminator is fooled more and more by what gets better.
    config = changed(
        config,
        epochs=6,
        keep_best="val_d_fake",
        early_stop="val_d_fake",
        patience=1,
        optimizer__ema_momentum=0.5,
        optimizer__learning_rate=0.02,
    )
    train(config, run)
    values = [line["val_d_fake"] for line in _lines(run)]
    assert len(values) < 6
    assert values[-1] >= values[-2]
    best = json.loads((run / "best.json").read_text())
    epoch = values.index(min(values)) + 1
    assert best == {
        "metric": "val_d_fake",
        "value": min(values),
        "epoch": epoch,
        "step": 6 * epoch,
    }
    log = (run / "train.log").read_text()
    assert f"early after epoch {len(values)} of 6: val_d_fake got no better" in log

    model = keras.models.load_model(run / "best.keras")
    assert not model.compiled
    # It paints with the running means, without being asked to.
    model.compile()
    validation = build.load_data(stored.read(run), "val").evaluation(4)
    found = model.evaluate(validation, verbose=0, return_dict=True)
    assert found["d_fake"] == pytest.approx(best["value"], rel=1e-5)

    with pytest.raises(
        ValueError, match=f"early after epoch {len(values)} of 6. Go on"
    ):
        resume(run)
    resume(run, epochs=len(values) + 1)
    lines = _lines(run)
    assert [line["epoch"] for line in lines] == list(range(1, len(values) + 2))
    again = json.loads((run / "best.json").read_text())
    assert again["value"] == min(line["val_d_fake"] for line in lines)
    assert stored.read(run).epochs == len(lines)
