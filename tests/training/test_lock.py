"""One process at a time trains a run, and dead ones are in nobody's way."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tfi2i.training import lock
from tfi2i.training.lock import LOCK, locked

# Without TensorFlow, which `tfi2i.training` imports.
HOLD = f"""
import runpy, sys, time
from pathlib import Path
locked = runpy.run_path({lock.__file__!r})["locked"]
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds a run's lock."""
    root = Path(lock.__file__).parents[2]
    words = [sys.executable, "-c", HOLD, tmp_path / "run"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=root) as held:
        assert held.stdout.readline() == "locked\n"
        yield held
        held.kill()


def _left_by(run, **changes):
    """What a process leaves that was killed, with changes."""
    with locked(run):
        said = json.loads((run / LOCK).read_text())
    (run / LOCK).write_text(json.dumps(said | changes))


def test_a_second_process_is_told_of_the_first(holder, tmp_path):
    expected = f"being trained by process {holder.pid} on {socket.gethostname()} "
    with pytest.raises(ValueError, match=expected):
        with locked(tmp_path / "run"):
            pass
    # It is still the first's.
    assert (tmp_path / "run" / LOCK).exists()


def test_a_killed_process_is_in_nobody_s_way(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "run" / LOCK).exists()
    with locked(tmp_path / "run"):
        pass
    assert list((tmp_path / "run").iterdir()) == []


def test_the_same_process_cannot_train_a_run_twice(tmp_path):
    with locked(tmp_path), pytest.raises(ValueError, match="is being trained"):
        with locked(tmp_path):
            pass


def test_a_lock_of_another_machine_is_explained(tmp_path):
    _left_by(tmp_path, host="node7", pid=123, boot="x", machine="y")
    expected = "by process 123 on node7 .* delete '.*train.lock' and try again"
    with pytest.raises(ValueError, match=expected):
        with locked(tmp_path):
            pass
    (tmp_path / LOCK).unlink()
    with locked(tmp_path):
        pass


def test_a_machine_of_the_same_name_is_another(tmp_path):
    _left_by(tmp_path, boot="x", machine="y")
    with pytest.raises(ValueError, match="cannot be checked"):
        with locked(tmp_path):
            pass


@pytest.mark.parametrize(
    "changes",
    [
        # A container that was started again, under another name.
        {"host": "3f2a", "machine": ""},
        # A machine that was started again.
        {"boot": "x"},
    ],
)
def test_what_this_machine_left_is_taken_over(changes, tmp_path):
    if "boot" in changes and not lock._ourselves()["machine"]:
        pytest.skip("this machine has no number, so it cannot know itself again")
    _left_by(tmp_path, **changes)
    with locked(tmp_path):
        holder = json.loads((tmp_path / LOCK).read_text())
        assert holder["pid"] == os.getpid()
        assert holder["boot"] == lock._ourselves()["boot"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": 3}', "[" * 5000])
def test_a_lock_that_says_nothing_is_taken_over(text, tmp_path):
    (tmp_path / LOCK).write_text(text)
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["host"]
