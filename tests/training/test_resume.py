"""Runs that are killed and resumed end bit for bit as if they had not been."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile

import h5py
import numpy as np
import pytest

CLI = [sys.executable, "-c", "from tfi2i.cli import main; main()"]
OPTIONS = [
    *("--epochs", "4", "--seed", "7", "--deterministic"),
    *("--model.generator.dropout", "0.5"),
    *("--data.crop-size", "64", "--data.load-size", "72", "--data.batch-size", "2"),
    *("--data.layout", "side_by_side", "--model.generator.filters", "8"),
    *("--model.discriminator.filters", "8", "--model.discriminator.num-layers", "2"),
]
EVERY_STEP = ("--backup-minutes", "0.00001")


@pytest.fixture(scope="module")
def uninterrupted(images, tmp_path_factory):
    """What a run that nobody disturbs ends with."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    assert _start(images, run).wait() == 0
    return _fingerprint(run)


def _start(images, run, *more, recipe="pix2pix-emoji"):
    """Starts a run, or resumes it where it exists."""
    words = ["--resume", str(run)]
    if not (run / "config.json").exists():
        words = [recipe, "--run", str(run), "--data.dir", str(images)]
        words += [*OPTIONS, *more]
    with _output(run).open("a") as output:
        return subprocess.Popen(
            [*CLI, "train", *words], stdout=output, stderr=subprocess.STDOUT
        )


def _output(run):
    return run.with_suffix(".txt")


def _fingerprint(run):
    """Hash of every array of the trained model, and every epoch's numbers."""
    hashes = {}
    with zipfile.ZipFile(run / "model.keras") as archive:
        with archive.open("model.weights.h5") as file, h5py.File(file) as arrays:
            arrays.visititems(
                lambda name, item: hashes.update(
                    {name: hashlib.sha256(item[()].tobytes()).hexdigest()}
                    if isinstance(item, h5py.Dataset)
                    else {}
                )
            )
    lines = (run / "metrics.jsonl").read_text().splitlines()
    numbers = [json.loads(line) for line in lines]
    for line in numbers:
        del line["seconds"], line["images_per_second"]
    assert any("optimizer" in name for name in hashes)
    assert any("random_state" in name or "pool_a" in name for name in hashes)
    return hashes, numbers


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
    process = _start(images, run)
    backup = run / "backup" / "state.npz"
    while not backup.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait() == 128 + number
    assert f"tfi2i train --resume {run}" in _output(run).read_text()
    assert _start(images, run).wait() == 0, _output(run).read_text()
    assert _fingerprint(run) == uninterrupted


@pytest.mark.slow
def test_sigkill_anywhere_resumes_exactly(images, uninterrupted, tmp_path):
    run = tmp_path / "run"
    backup = run / "backup" / "state.npz"

    def partials():
        return set((run / "backup").glob(".partial-*"))

    # Before the first backup.
    process = _start(images, run, *EVERY_STEP)
    _kill_when(process, lambda: any(run.glob("logs/*")))
    assert not backup.exists()
    # Twice at a random step.
    generator = random.Random(3)
    for _ in range(2):
        process = _start(images, run)
        before = backup.stat().st_mtime_ns if backup.exists() else 0
        _kill_when(
            process,
            lambda before=before: (
                backup.exists() and backup.stat().st_mtime_ns != before
            ),
            delay=0.4 * generator.random(),
        )
    # While a backup is being written.
    left = partials()
    process = _start(images, run)
    _kill_when(process, lambda: partials() - left)
    assert partials()
    assert _start(images, run).wait() == 0, _output(run).read_text()
    assert _fingerprint(run) == uninterrupted
    assert os.listdir(run / "backup") == []


@pytest.mark.slow
def test_sigkill_of_a_cyclegan_resumes_exactly(images, tmp_path):
    # Pools that are full and swap, running means, the penalty's random places.
    more = ("--model.pool-size", "5", "--optimizer.ema-momentum", "0.9")
    more += ("--model.adversarial-loss", "wgan-gp", "--optimizer.clip-norm", "5")
    more += ("--epochs", "2", "--model.generator.blocks", "1", *EVERY_STEP)
    runs = [tmp_path / name for name in ("whole", "killed")]
    processes = [_start(images, run, *more, recipe="cyclegan-emoji") for run in runs]
    backup = runs[1] / "backup" / "state.npz"

    def in_mid_epoch():
        if not backup.exists():
            return False
        with np.load(backup) as arrays:
            return json.loads(str(arrays["facts"]))["step"] > 5

    _kill_when(processes[1], in_mid_epoch)
    assert processes[0].wait() == 0, _output(runs[0]).read_text()
    assert _start(images, runs[1]).wait() == 0, _output(runs[1]).read_text()
    assert "resuming in epoch" in _output(runs[1]).read_text()
    assert _fingerprint(runs[0]) == _fingerprint(runs[1])
