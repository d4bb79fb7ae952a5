"""Truncates the records of a run, `metrics.jsonl` and events, where it goes on."""

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError

from tfi2i.files import whole
from tfi2i.recipes import stored
from tfi2i.training.backup import Position

BY_EPOCH = ("epoch/", "samples")
"""Beginnings of the names whose steps in TensorBoard are epochs."""


def forget_after(run: Path, position: Position, steps_per_epoch: int) -> None:
    """Drops the records of steps that are trained again.

    Args:
        run: the run's folder.
        position: where training goes on.
        steps_per_epoch: of the run.
    """
    path = run / stored.METRICS
    if path.is_file():
        kept = [
            line
            for line in stored.recorded_epochs(run)
            if line["epoch"] <= position.epoch
        ]
        with whole(path) as partial:
            lines = (json.dumps(line) + "\n" for line in kept)
            partial.write_text("".join(lines), encoding="utf-8")
    done = position.epoch * steps_per_epoch + position.step
    for events in (run / "logs").glob("events.out.tfevents.*"):
        _truncate(events, position.epoch, done)


def _truncate(path: Path, epoch: int, step: int) -> None:
    """Ends a file of events before the first one of a later time."""
    for offset, record in _records(path):
        event = _event(record)
        if event is None or any(
            event.step > (epoch if value.tag.startswith(BY_EPOCH) else step)
            for value in event.summary.value
        ):
            os.truncate(path, offset)
            return


def _event(record):
    """The event of a record; None where it was not written to its end."""
    try:
        return None if record is None else tf.compat.v1.Event.FromString(record)
    except DecodeError:
        return None


def _records(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Where each record of a TFRecord file begins, and its content.

    None stands for the content of one that was not written to its end. TensorFlow's
    own reader does not say where a record begins.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        while (offset := file.tell()) < size:
            # The length and its checksum, the content and its checksum.
            header = file.read(12)
            length = struct.unpack("<Q", header[:8])[0] if len(header) == 12 else size
            if offset + 12 + length + 4 > size:
                yield offset, None
                return
            yield offset, file.read(length)
            file.seek(4, os.SEEK_CUR)
