"""Runs that go on after their end, or to another number of epochs."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.recipes.changes import changed
from tests.training.runs import fingerprint
from tfi2i.recipes import stored
from tfi2i.recipes.config import TrainConfig
from tfi2i.recipes.pix2pix import Pix2PixConfig
from tfi2i.recipes.resolve import resolve
from tfi2i.training.backup import Position
from tfi2i.training.going_on import check_position, what_changes, with_epochs
from tfi2i.training.run import resume, train

# From 64 pixels on a U-Net has a layer that drops.
WITH_DROPOUT = {
    "model__generator__dropout": 0.5,
    "data__crop_size": 64,
    "data__load_size": 72,
}


def _rates(run):
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["learning_rate"] for line in lines]


def test_the_decay_moves_to_the_new_end():
    before = resolve(TrainConfig(model=Pix2PixConfig(), epochs=200))
    after = with_epochs(before, 300)
    assert (after.epochs, after.decay_epochs) == (300, 100)
    (line,) = what_changes(before, after, Position(200, 0))
    rate = f"{2e-4 * 100 / 101:.4g}"
    assert line.startswith("to epoch 300 instead of 200: the learning rate falls over ")
    assert line.endswith(
        f"the last 100 epochs (--decay-epochs), and is {rate} in epoch 201"
    )
    assert what_changes(before, with_epochs(before, 200), Position(7, 0)) == []


def test_fewer_epochs_than_the_decay_takes():
    after = with_epochs(resolve(TrainConfig(model=Pix2PixConfig(), epochs=200)), 80)
    assert (after.epochs, after.decay_epochs) == (80, 80)
    with pytest.raises(ValueError, match="--epochs is 0; expected at least 1"):
        with_epochs(after, 0)


def test_fewer_epochs_than_are_done():
    config = TrainConfig(model=Pix2PixConfig(), epochs=3)
    check_position(Position(3, 0), config, 5)
    with pytest.raises(
        ValueError, match="--epochs is 3, but 3 epochs and 2 steps of .*4"
    ):
        check_position(Position(3, 2), config, 5)
    with pytest.raises(
        ValueError, match="an epoch has 2 steps: restore data.batch_size"
    ):
        check_position(Position(1, 2), config, 2)


@pytest.mark.slow
def test_a_finished_run_goes_on_exactly(config, tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    config = changed(
        config,
        decay_epochs=0,
        keep_best="val_g_l1",
        optimizer__ema_momentum=0.5,
        **WITH_DROPOUT,
    )
    train(replace(config, epochs=3), whole)
    train(replace(config, epochs=1), run)
    resume(run, epochs=3)
    assert fingerprint(run) == fingerprint(whole)
    assert stored.read(run) == stored.read(whole)


@pytest.mark.slow
def test_the_rate_falls_to_zero_again(config, tmp_path):
    run = tmp_path / "run"
    train(replace(config, epochs=2, decay_epochs=1), run)
    before = (run / "model.keras").read_bytes()
    for epochs in (1, 2, None):
        with pytest.raises(
            ValueError, match="is finished: all 2 epochs .*--epochs N, wh"
        ):
            resume(run, epochs=epochs)
    assert (run / "model.keras").read_bytes() == before
    resume(run, epochs=4)
    rate = config.optimizer.learning_rate
    assert _rates(run) == pytest.approx([rate, rate / 2, rate, rate / 2])
    assert (
        "to epoch 4 instead of 2: the learning rate" in (run / "train.log").read_text()
    )
    assert stored.read(run).epochs == 4


@pytest.mark.slow
def test_a_run_that_is_stopped_while_it_goes_on_keeps_both(config, tmp_path):
    run = tmp_path / "run"
    train(changed(config, epochs=1, **WITH_DROPOUT), run)
    finished = (run / "model.keras").read_bytes()

    stopped = tmp_path / "stopped"
    shutil.copytree(run, stopped)
    samples = stopped / "samples"
    shutil.rmtree(samples)
    # The second epoch's panel cannot be written.
    samples.write_text("in the way")
    with pytest.raises(OSError):
        resume(stopped, epochs=3)
    assert (stopped / "model.keras").read_bytes() == finished
    assert (stopped / "backup" / "state.npz").is_file()
    samples.unlink()
    resume(stopped)
    resume(run, epochs=3)
    (hashes, numbers, *_), (expected, told, *_) = fingerprint(stopped), fingerprint(run)
    assert hashes == expected
    assert numbers == told
    assert not np.array_equal(finished, (stopped / "model.keras").read_bytes())
