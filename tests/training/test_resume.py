"""Runs that are killed and resumed end bit for bit as if they had not been."""

import json
import os
import random
import signal
import time

import numpy as np
import pytest

from tests.training.runs import EVERY_STEP, fingerprint, killed_at, output, start

OPTIONS = [
    *("--epochs", "4", "--seed", "7", "--deterministic"),
    *("--model.generator.dropout", "0.5"),
    *("--data.crop-size", "64", "--data.load-size", "72", "--data.batch-size", "2"),
    *("--data.layout", "side_by_side", "--model.generator.filters", "8"),
    *("--model.discriminator.filters", "8", "--model.discriminator.num-layers", "2"),
]


def _words(images, *more, recipe="pix2pix-emoji"):
    return [recipe, "--data.dir", images, *OPTIONS, *more]


@pytest.fixture(scope="module")
def uninterrupted(images, tmp_path_factory):
    """What a run that nobody disturbs ends with."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    assert start(run, _words(images)).wait() == 0
    return fingerprint(run)


def _kill_when(process, condition, delay=0.0):
    """Kills a training process some time after something has come true."""
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.0005)
    time.sleep(delay)
    process.kill()
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_resumes_exactly(number, images, uninterrupted, tmp_path):
    run = tmp_path / "run"
    process = start(run, _words(images))
    backup = run / "backup" / "state.npz"
    while not backup.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait() == 128 + number
    assert f"tfi2i train --resume {run}" in output(run).read_text()
    assert start(run, []).wait() == 0, output(run).read_text()
    assert fingerprint(run) == uninterrupted


@pytest.mark.slow
def test_sigkill_at_random_resumes_exactly(images, uninterrupted, tmp_path):
    run = tmp_path / "run"
    backup = run / "backup" / "state.npz"

    # Before the first backup.
    process = start(run, _words(images, *EVERY_STEP))
    _kill_when(process, lambda: any(run.glob("logs/*")))
    assert not backup.exists()
    # Twice at a random step.
    generator = random.Random(3)
    for _ in range(2):
        process = start(run, [])
        before = backup.stat().st_mtime_ns if backup.exists() else 0
        _kill_when(
            process,
            lambda before=before: (
                backup.exists() and backup.stat().st_mtime_ns != before
            ),
            delay=0.4 * generator.random(),
        )
    # While a backup is being written.
    process = start(run, [])
    _kill_when(process, lambda: any((run / "backup").glob(".partial*")))
    assert any((run / "backup").glob(".partial*"))
    assert start(run, []).wait() == 0, output(run).read_text()
    assert fingerprint(run) == uninterrupted
    assert os.listdir(run / "backup") == []


SMALL = [
    *("--epochs", "5", "--seed", "7", "--deterministic", "--backup-epochs", "1"),
    *("--data.crop-size", "64", "--data.load-size", "72", "--data.batch-size", "4"),
    *("--data.layout", "side_by_side", "--model.generator.filters", "4"),
    *("--model.discriminator.filters", "4", "--model.discriminator.num-layers", "2"),
    *("--model.generator.dropout", "0.5", "--optimizer.ema-momentum", "0.5"),
    *("--keep-best", "val_g_l1"),
    # Which ends it after the fourth epoch, since the first is the best.
    *("--early-stop", "val_g_gan", "--patience", "3"),
]
# Where a process of the same run is killed, one after the other: right before a file
# takes its name, is opened or removed, or a function is called. Each one's epochs are
# counted from where it is resumed.
PLACES = [
    ("call", "on_test_begin"),
    ("open", "metrics.jsonl"),
    ("os.rename", "epoch_0001.png"),
    ("os.rename", "best.keras"),
    ("os.rename", "best.json"),
    ("os.rename", "state.npz"),
    # When the first epoch is saved, then in the next one's first steps, after its
    # validation, at its records, and one epoch further.
    ("call", "restore_means", 2),
    ("call", "on_train_batch_end", 12),
    ("call", "on_test_end"),
    ("os.rename", "epoch_0002.png"),
    ("os.rename", "state.npz", 2),
    ("os.rename", "model.keras"),
    ("os.remove", "state.npz"),
]


@pytest.mark.slow
def test_sigkill_everywhere_resumes_exactly(images, tmp_path):
    words = ["pix2pix-emoji", "--data.dir", images, *SMALL]
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert start(whole, words).wait() == 0, output(whole).read_text()
    for place in PLACES:
        killed = start(run, words, killed_at(*place)).wait()
        assert killed == -signal.SIGKILL, (place, output(run).read_text())
    assert start(run, words).wait() == 0, output(run).read_text()
    assert fingerprint(run) == fingerprint(whole)
    assert "stopped early after epoch 4 of 5" in output(run).read_text()


@pytest.mark.slow
def test_sigkill_of_a_cyclegan_resumes_exactly(images, tmp_path):
    # Pools that are full and swap, running means, the penalty's random places.
    more = ("--model.pool-size", "5", "--optimizer.ema-momentum", "0.9")
    more += ("--model.adversarial-loss", "wgan-gp", "--optimizer.clip-norm", "5")
    more += ("--epochs", "2", "--model.generator.blocks", "1", *EVERY_STEP)
    runs = [tmp_path / name for name in ("whole", "killed")]
    words = _words(images, *more, recipe="cyclegan-emoji")
    processes = [start(run, words) for run in runs]
    backup = runs[1] / "backup" / "state.npz"

    def in_mid_epoch():
        if not backup.exists():
            return False
        with np.load(backup) as arrays:
            return json.loads(str(arrays["facts"]))["step"] > 5

    _kill_when(processes[1], in_mid_epoch)
    assert processes[0].wait() == 0, output(runs[0]).read_text()
    assert start(runs[1], words).wait() == 0, output(runs[1]).read_text()
    assert "resuming in epoch" in output(runs[1]).read_text()
    assert fingerprint(runs[0]) == fingerprint(runs[1])
