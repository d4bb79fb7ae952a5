"""From a position in a run to its end: `fit`, with all that is kept on the way."""

import logging
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfi2i.files import whole
from tfi2i.layers.convolution import fast_inference
from tfi2i.recipes import stored
from tfi2i.recipes.config import TrainConfig
from tfi2i.recipes.validation import SCORES
from tfi2i.training.backup import Backup, Position
from tfi2i.training.best import EarlyStop, KeepBest, Measured, ValidationScores
from tfi2i.training.callbacks import (
    Averages,
    Clock,
    KeepBackup,
    Panels,
    Record,
    Stopped,
)
from tfi2i.training.health import Health, StopOnNonFinite
from tfi2i.training.job import Job
from tfi2i.training.log import log_file
from tfi2i.training.signals import Signals
from tfi2i.ways import input_only

log = logging.getLogger(__name__)


class Interrupted(Exception):
    """Training stopped on a signal, after saving; the message says how to resume.

    Attributes:
        exit_code: for the process, as shells count signals: 128 + signal.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number


def resume_command(run: Path) -> str:
    """The command that continues a run."""
    return f"tfi2i train --resume {shlex.quote(str(run))}"


def backup_of(run: Path) -> Backup:
    """The backup of a run, which need not exist."""
    return Backup(run / stored.BACKUP)


def early_stop(config: TrainConfig, run: Path, start: Position) -> EarlyStop | None:
    """The callback that stops a run early; None where the run has none.

    Args:
        config: of the run.
        run: the run's folder.
        start: where training goes on.
    """
    if config.early_stop is None:
        return None
    measured = Measured(config.early_stop, stored.recorded_epochs(run), start.epoch)
    return EarlyStop(measured, config.patience, start.patience_from)


def fit(
    job: Job,
    run: Path,
    start: Position,
    means: Mapping[str, np.ndarray],
    begun_with: Sequence[str] = (),
) -> keras.Model:
    """Trains to the end and saves the model.

    Args:
        job: images, and the model as it is at `start`.
        run: the run's folder.
        start: where training goes on.
        means: of the epoch that is continued, from `Backup.restore`.
        begun_with: lines for the log.

    Returns:
        The trained model.

    Raises:
        Interrupted: on Ctrl-C or SIGTERM, after saving.
        ValueError: the run diverged, or an image is damaged.
    """
    # The fast ways serve validation and pictures, too.
    with log_file(run / "train.log"), Signals() as signals, fast_inference():
        for line in begun_with:
            log.info("%s", line)
        try:
            end, reason = _fit(job, run, start, means, signals)
        except Stopped:
            message = f"Stopped and saved. Continue with: {resume_command(run)}"
            raise Interrupted(message, signals.received) from None
        except tf.errors.InvalidArgumentError as error:
            if job.training.is_kept:
                raise
            raise ValueError(_damaged(job.config.data, run)) from error
        # The last epoch may have no backup of its own, which would have checked this.
        backup_of(run).finite_state(job.model, Position(end - 1, job.steps))
        with whole(run / stored.MODEL) as path:
            job.model.save(path)
        backup_of(run).path.unlink(missing_ok=True)
        how = "trained to the end"
        if end < job.config.epochs:
            how = f"stopped early after epoch {end} of {job.config.epochs}: {reason}"
        log.info("%s; the model is in %s", how, run / stored.MODEL)
    return job.model


def _damaged(data, run):
    """Explains an image that was found damaged only when its turn came."""
    has_backup = backup_of(run).exists()
    then = f"go on with {resume_command(run)}" if has_backup else "train again"
    return (
        "An image cannot be decoded, and with --data.cache off that is seen only when "
        f"its turn comes: tfi2i data check {shlex.quote(str(data.dir))} names it; "
        f"replace it, then {then}."
    )


def _fit(job, run, start, means, signals):
    """Trains what is left of the epoch at `start`, then the rest.

    Returns:
        How many epochs the run has then, and why they are less than all, or None.
    """
    config, data = job.config, job.config.data
    clock = Clock(job.steps, config.epochs, start)
    # A terminal shows Keras' own bar, a log file a line each minute.
    has_bar = sys.stdout.isatty()
    record = Record(run, clock, data.batch_size, float("inf") if has_bar else 60.0)
    stop, best = early_stop(config, run, start), _keep_best(config, run, clock)
    keep = KeepBackup(
        backup_of(run),
        clock,
        job.training.names,
        config.backup_epochs,
        config.backup_minutes,
        means,
        lambda: signals.received is not None,
        record.writer.flush,
    )
    # In this order: a state that is lost is neither recorded nor saved.
    callbacks = [clock, StopOnNonFinite(clock, keep.backup.path)]
    if {config.keep_best, config.early_stop} & SCORES.keys():
        callbacks.append(ValidationScores(job.validation))
    callbacks.append(record)
    if job.samples is not None:
        callbacks.append(Panels(run, job.samples, record.writer))
    callbacks.append(Averages())
    callbacks.append(Health(job.watched, config.model.remedies, clock, record.writer))
    callbacks += [callback for callback in (best, stop, keep) if callback is not None]
    parts = [(start.epoch, start.step, start.epoch + 1)] if start.step else []
    parts.append((start.epoch + bool(start.step), 0, config.epochs))
    for first, skipped, last in parts:
        if first == last or (stop is not None and stop.reason is not None):
            continue
        job.model.fit(
            job.training.training(
                batch_size=data.batch_size,
                crop_size=data.crop_shape if data.is_cropped else None,
                flip=data.flip,
                rotate=data.rotate,
                color_jitter=data.color_jitter,
                jittered=input_only(config.ways),
                seed=config.seed,
                start_epoch=first,
                start_step=skipped,
                epochs=last,
            ),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=job.steps - skipped,
            validation_data=job.validation,
            callbacks=callbacks,
            verbose=int(has_bar),
        )
    if best is not None:
        best.log_best()
    return clock.position.epoch, stop and stop.reason


def _keep_best(config, run, clock):
    if config.keep_best is None:
        return None
    # Where the file is gone, the next epoch is the best that can be kept.
    is_kept = (run / stored.BEST).is_file()
    epochs = stored.recorded_epochs(run) if is_kept else []
    measured = Measured(config.keep_best, epochs, clock.start.epoch)
    return KeepBest(run, measured, clock)
