"""What a run recorded stays up to where it goes on, and no further."""

import json

import pytest
import tensorflow as tf

from tests.training.runs import events
from tfi2i.recipes import stored
from tfi2i.training import history
from tfi2i.training.backup import Position


def _write(run, first, last, steps=3):
    """Records steps and epochs as a process does that trains from `first` on."""
    writer = tf.summary.create_file_writer(str(run / "logs"))
    with writer.as_default(), (run / "metrics.jsonl").open("a") as lines:
        for step in range(first + 1, last + 1):
            tf.summary.scalar("losses/g_l1", float(step), step=step)
            if step % steps == 0:
                epoch = step // steps
                tf.summary.scalar("epoch/g_l1", float(step), step=epoch)
                tf.summary.image("samples", tf.zeros((1, 4, 4, 3)), step=epoch)
                lines.write(json.dumps({"epoch": epoch, "g_l1": 0.1 * epoch}) + "\n")
    writer.close()


def _steps(run, tag):
    # Files of one second are in no order.
    return sorted(step for step, _ in events(run)[tag])


@pytest.mark.parametrize(
    "position", [Position(0, 0), Position(1, 0), Position(1, 2), Position(2, 1)]
)
def test_no_step_comes_twice(position, tmp_path):
    _write(tmp_path, 0, 8)
    done = 3 * position.epoch + position.step
    history.forget_after(tmp_path, position, 3)
    assert [line["epoch"] for line in stored.recorded_epochs(tmp_path)] == [1, 2][
        : position.epoch
    ]
    # Killed again without a backup, and then not.
    _write(tmp_path, done, done + 1)
    history.forget_after(tmp_path, position, 3)
    _write(tmp_path, done, 12)
    assert _steps(tmp_path, "losses/g_l1") == list(range(1, 13))
    assert _steps(tmp_path, "epoch/g_l1") == [1, 2, 3, 4]
    assert _steps(tmp_path, "samples") == [1, 2, 3, 4]
    told = [(line["epoch"], line["g_l1"]) for line in stored.recorded_epochs(tmp_path)]
    assert told == [(epoch, 0.1 * epoch) for epoch in (1, 2, 3, 4)]


def test_what_a_power_cut_left_half_written_is_dropped(tmp_path):
    _write(tmp_path, 0, 7)
    (path,) = (tmp_path / "logs").iterdir()
    with path.open("ab") as file:
        file.write(b"\x20\0\0\0\0\0\0\0crc.half")
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"epoch": 3, "g_l\xff')
    history.forget_after(tmp_path, Position(2, 1), 3)
    _write(tmp_path, 7, 9)
    assert _steps(tmp_path, "losses/g_l1") == list(range(1, 10))
    assert [line["epoch"] for line in stored.recorded_epochs(tmp_path)] == [1, 2, 3]


def test_nothing_recorded(tmp_path):
    history.forget_after(tmp_path, Position(3, 0), 3)
    assert stored.recorded_epochs(tmp_path) == []
