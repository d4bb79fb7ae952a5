"""What a training run keeps: backups, numbers, pictures."""

import json
import logging
import os
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from tfi2i.data.pixels import to_uint8
from tfi2i.files import whole
from tfi2i.recipes import stored
from tfi2i.training.backup import Backup, Position, restore_means
from tfi2i.training.history import forget_after

log = logging.getLogger(__name__)


class Stopped(Exception):
    """Training was asked to stop, and its state is saved."""


class Clock(keras.callbacks.Callback):
    """Counts the run's steps, in which the other callbacks tell the time.

    Args:
        steps_per_epoch: of the run.
        epochs: of the run.
        start: where this process begins.
    """

    def __init__(self, steps_per_epoch: int, epochs: int, start: Position):
        super().__init__()
        self.steps_per_epoch = steps_per_epoch
        self.total = steps_per_epoch * epochs
        self.start = start
        self.epoch = start.epoch
        self.step = start.epoch * steps_per_epoch + start.step
        self._mark = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.epoch_began = time.monotonic(), self.step

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self._mark is None:
            # The first step also traces and compiles.
            self._mark = time.monotonic(), self.step

    @property
    def position(self) -> Position:
        """The next step to train."""
        epoch, step = divmod(self.step, self.steps_per_epoch)
        return Position(epoch, step, self.start.patience_from)

    def steps_per_second(self) -> float:
        """Mean speed of this process, pauses for pictures and backups included."""
        began, step = self._mark
        elapsed = time.monotonic() - began
        return (self.step - step) / elapsed if elapsed > 0 and self.step > step else 0.0

    def seconds_left(self) -> float:
        """Time to the end of the run at that speed; infinite where unknown."""
        if self.step == self.total:
            return 0.0
        speed = self.steps_per_second()
        return (self.total - self.step) / speed if speed else float("inf")


class KeepBackup(keras.callbacks.Callback):
    """Saves the run's state now and then, and when it is asked to stop.

    Must come last, so that a backup covers an epoch only when all its records are
    written.

    Args:
        backup: where to.
        clock: of the run.
        images: names of the training images.
        epochs: between backups.
        minutes: between backups within an epoch.
        means: of the epoch that is continued, from `Backup.restore`.
        should_stop: whether someone wants the run to end after this step.
        flush: puts on disk what was recorded of the steps that a backup covers.

    Raises:
        Stopped: out of `fit`, once the state is saved.
    """

    def __init__(
        self,
        backup: Backup,
        clock,
        images,
        epochs,
        minutes,
        means,
        should_stop,
        flush,
    ):
        super().__init__()
        self.backup = backup
        self.clock = clock
        self.images = images
        self.epochs = epochs
        self.seconds = minutes * 60
        self.means = means
        self.should_stop = should_stop
        self.flush = flush
        self._saved = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        restore_means(self.model, self.means)
        self.means = {}

    def on_train_batch_end(self, batch, logs=None):
        # An epoch's last step is saved with the epoch.
        if self.clock.position.step > 0:
            self._keep(due=False)

    def on_epoch_end(self, epoch, logs=None):
        self._keep(due=(epoch + 1) % self.epochs == 0)

    def _keep(self, due):
        stop = self.should_stop()
        if due or stop or time.monotonic() - self._saved >= self.seconds:
            self.flush()
            self.backup.save(self.model, self.clock.position, self.images)
            self._saved = time.monotonic()
        if stop:
            raise Stopped


class Record(keras.callbacks.Callback):
    """Writes losses and speed to TensorBoard, `metrics.jsonl` and the log.

    TensorBoard gets the losses of every step and, as `epoch/...`, their means.

    Args:
        run: the run's folder.
        clock: of the run.
        batch_size: images per step.
        seconds: between lines of the log within an epoch.
    """

    def __init__(self, run: Path, clock: Clock, batch_size: int, seconds: float):
        super().__init__()
        self.path = run / stored.METRICS
        self.clock = clock
        self.batch_size = batch_size
        self.seconds = seconds
        self._logged = time.monotonic()
        forget_after(run, clock.start, clock.steps_per_epoch)
        self.writer = tf.summary.create_file_writer(str(run / "logs"))

    def on_train_batch_end(self, batch, logs=None):
        self._write(logs, "losses", self.clock.step)
        if time.monotonic() - self._logged >= self.seconds:
            speed = self.clock.steps_per_second() * self.batch_size
            self._log({**logs, "images_per_second": speed})

    def on_epoch_end(self, epoch, logs=None):
        began, first_step = self.clock.epoch_began
        seconds = time.monotonic() - began
        images = (self.clock.step - first_step) * self.batch_size
        numbers = {
            **logs,
            "learning_rate": self._learning_rate(),
            "images_per_second": images / seconds,
        }
        self._write(numbers, "epoch", epoch + 1)
        place = {"epoch": epoch + 1, "step": self.clock.step}
        line = {**place, **numbers, "seconds": round(seconds, 3)}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.writer.flush()
        self._log(numbers)

    def on_train_end(self, logs=None):
        self.writer.flush()

    def _learning_rate(self):
        optimizer = self.model.optimizer.optimizers[0]
        # The rate of the epoch's last update, not of the one to come.
        schedule, done = optimizer._learning_rate, optimizer.iterations.numpy()
        if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            return float(schedule(done - 1))
        return float(optimizer.learning_rate)

    def _write(self, numbers, group, step):
        with self.writer.as_default():
            for name, value in numbers.items():
                tf.summary.scalar(f"{group}/{name}", value, step=step)

    def _log(self, numbers):
        steps = self.clock.steps_per_epoch
        values = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        log.info(
            "epoch %d/%d, step %d/%d: %s, time left %s",
            self.clock.epoch + 1,
            self.clock.total // steps,
            self.clock.step - self.clock.epoch * steps,
            steps,
            values,
            format_seconds(self.clock.seconds_left()),
        )
        self._logged = time.monotonic()


class Averages(keras.callbacks.Callback):
    """Validates with the running means of the generators' weights, where kept."""

    def on_test_begin(self, logs=None):
        self.model.swap_averages()

    def on_test_end(self, logs=None):
        self.model.swap_averages()


class Panels(keras.callbacks.Callback):
    """Paints the same validation images after every epoch.

    One row per image, of what the model's `paint` returns (Pix2Pix: input, output,
    truth); as PNG in `samples/` and in TensorBoard.

    Args:
        run: the run's folder.
        batch: images by domain, float tensors in [-1, 1].
        writer: of TensorBoard.
    """

    def __init__(self, run: Path, batch, writer):
        super().__init__()
        self.folder = run / "samples"
        self.batch = batch
        self.writer = writer

    def on_epoch_end(self, epoch, logs=None):
        with self.model.averaged():
            images = self.model.paint(self.batch)
        image = panel(*images.values())
        with whole(self.folder / f"epoch_{epoch + 1:04d}.png") as path:
            Image.fromarray(image).save(path)
        with self.writer.as_default():
            tf.summary.image("samples", image[None], step=epoch + 1)


def panel(*columns, gap: int = 4) -> np.ndarray:
    """Lays batches of images out as columns.

    Args:
        *columns: float tensors `(rows, height, width, channels)` in [-1, 1]; of other
            than 3 channels the first is shown, in grey.
        gap: white pixels between images.

    Returns:
        uint8 array `(height', width', 3)`.
    """
    images = np.stack([_colours(to_uint8(column).numpy()) for column in columns], 1)
    sides = ((0, 0), (0, 0), (gap, 0), (gap, 0), (0, 0))
    images = np.pad(images, sides, constant_values=255)
    rows, count, height, width, channels = images.shape
    image = images.transpose(0, 2, 1, 3, 4).reshape(rows * height, count * width, 3)
    return np.pad(image, ((0, gap), (0, gap), (0, 0)), constant_values=255)


def _colours(images):
    return images if images.shape[-1] == 3 else np.repeat(images[..., :1], 3, axis=-1)


def format_seconds(seconds: float) -> str:
    """`"1:02:03"`, or `"unknown"` where infinite."""
    if seconds == float("inf"):
        return "unknown"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
