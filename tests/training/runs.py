"""Runs in processes of their own, that can be killed, and what they end with."""

import hashlib
import json
import subprocess
import sys
import zipfile

import h5py
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

CLI = "import sys; from tfi2i.cli import main; main(sys.argv[1:])"
KILL = """
import os, signal, sys
event, name, count = {0!r}, {1!r}, {2!r}
def die():
    global count
    count -= 1
    if count == 0:
        os.kill(os.getpid(), signal.SIGKILL)
def audit(what, args):
    # Of a rename the new name.
    paths = [str(part) for part in args if isinstance(part, (str, os.PathLike))]
    last = paths[-1 if what == "os.rename" else 0] if paths else ""
    if what == event and last.endswith(name):
        die()
def profile(frame, what, _):
    if what == "call" and frame.f_code.co_name == name:
        die()
sys.setprofile(profile) if event == "call" else sys.addaudithook(audit)
"""
EVERY_STEP = ("--backup-minutes", "0.00001")


def start(run, words, code=CLI):
    """Starts a run with the words of `tfi2i train`, or resumes it where it exists."""
    if (run / "config.json").exists():
        words = ["--resume", run]
    else:
        words = [*words, "--run", run]
    with output(run).open("a") as file:
        return subprocess.Popen(
            [sys.executable, "-c", code, "train", *map(str, words)],
            stdout=file,
            stderr=subprocess.STDOUT,
        )


def killed_at(event, name, count=1):
    """The command, which is killed right before something happens.

    Args:
        event: an audit event of Python, such as `os.rename`, or `call`.
        name: how the path ends that it is about, or of the function that is called.
        count: the how manieth.
    """
    return KILL.format(event, name, count) + CLI


def output(run):
    return run.with_suffix(".txt")


def fingerprint(run):
    """Hashes of the arrays of a finished run's models, and every number it recorded.

    Times and speeds are left out.
    """
    hashes = {path.name: _hashes(path) for path in sorted(run.glob("*.keras"))}
    names = list(hashes["model.keras"])
    assert any("optimizer" in name for name in names)
    assert any("random_state" in name or "pool_a" in name for name in names)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    numbers = [json.loads(line) for line in lines]
    for line in numbers:
        del line["seconds"], line["images_per_second"]
    best = run / "best.json"
    best = json.loads(best.read_text()) if best.exists() else None
    return hashes, numbers, best, events(run)


def events(run):
    """Steps and values of all that TensorBoard's own reader finds, by name."""
    found = EventAccumulator(str(run / "logs"), size_guidance={"tensors": 0})
    found.Reload()
    return {
        tag: [
            (
                event.step,
                _hash(repr(tf.make_ndarray(event.tensor_proto).tolist()).encode()),
            )
            for event in found.Tensors(tag)
        ]
        for tag in found.Tags()["tensors"]
        if not tag.endswith("per_second")
    }


def _hashes(path):
    hashes = {}

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            hashes[name] = _hash(item[()].tobytes())

    with zipfile.ZipFile(path) as archive:
        with archive.open("model.weights.h5") as file, h5py.File(file) as arrays:
            arrays.visititems(add)
    return hashes


def _hash(data):
    return hashlib.sha256(data).hexdigest()
