"""A training run from configuration to model: strategy, data, model, fit, save."""

import contextlib
import logging
import platform
import shlex
import shutil
import signal
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfi2i._version import __version__
from tfi2i.data import PairedData
from tfi2i.files import whole
from tfi2i.recipes import build, stored
from tfi2i.recipes.config import TrainConfig, resolve
from tfi2i.training.backup import Backup, Position
from tfi2i.training.callbacks import Clock, KeepBackup, Panels, Record, Stopped
from tfi2i.training.schedules import ConstantThenLinear

log = logging.getLogger(__name__)

MODEL = "model.keras"


class Interrupted(Exception):
    """Training stopped on a signal, after saving; the message says how to resume.

    Attributes:
        exit_code: for the process, as shells count signals: 128 + signal.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number


def train(config: TrainConfig, run: Path) -> keras.Model:
    """Trains a new run.

    Args:
        config: what to train.
        run: folder to make; all that the run keeps goes there.

    Returns:
        The trained model.

    Raises:
        ValueError, OSError: `run` exists, a value cannot train, or the images
            cannot; nothing is written then.
        Interrupted: on Ctrl-C or SIGTERM, after saving.
    """
    config = resolve(config)
    if (run / stored.CONFIG).exists():
        raise ValueError(
            f"'{run}' is a run already. Continue it with '{resume_command(run)}', or "
            "choose another --run."
        )
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise ValueError(f"'{run}' exists and is not empty: choose another --run.")
    if config.data.dir is not None:
        data_dir = str(Path(config.data.dir).expanduser().resolve())
        config = replace(config, data=replace(config.data, dir=data_dir))
    images = _load_images(config)
    stored.write(config, run, _versions())
    try:
        return _run(config, run, images)
    except Exception:
        # A run that failed before it could save anything is no run.
        if not _backup(run).exists() and not (run / MODEL).exists():
            shutil.rmtree(run)
        raise


def resume(run: Path) -> keras.Model:
    """Continues a run from its backup, exactly where that was made.

    Args:
        run: folder of a run.

    Returns:
        The trained model.

    Raises:
        ValueError, OSError: `run` is no run, is finished, or is damaged.
        Interrupted: on Ctrl-C or SIGTERM, after saving.
    """
    config = resolve(stored.read(run))
    if (run / MODEL).exists():
        raise ValueError(
            f"'{run}' is finished: all {config.epochs} epochs are trained. To train "
            "longer, start a new run with more --epochs."
        )
    return _run(config, run, _load_images(config))


def _backup(run):
    return Backup(run / "backup" / "state.npz")


def resume_command(run: Path) -> str:
    """What to type to continue a run."""
    return f"tfi2i train --resume {shlex.quote(str(run))}"


@dataclass(frozen=True)
class _Images:
    """What a run reads: training, validation, and the batch that is painted."""

    training: PairedData
    validation: PairedData | None
    samples: tuple | None


def _load_images(config):
    training = build.load_data(config.data, "train")
    log.info("%d training pairs: %s", len(training), training.files.reason)
    splits = build.splits(config.data)
    other = next((split for split in ("val", "test") if split in splits), None)
    validation = None if other is None else build.load_data(config.data, other)
    samples = None
    if config.sample_images > 0:
        source = validation or training
        batches = source.evaluation(config.sample_images, limit=config.sample_images)
        samples = next(iter(batches))
    return _Images(training, validation if other == "val" else None, samples)


def _run(config, run, images):
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    steps = images.training.steps_per_epoch(config.data.batch_size)
    with _strategy(config.devices).scope():
        model = build.build_model(config)
        schedule = ConstantThenLinear(
            config.optimizer.learning_rate,
            config.epochs - config.decay_epochs,
            config.decay_epochs,
            steps,
        )
        build.compile_model(model, config, schedule)
        backup = _backup(run)
        start, means = Position(0, 0), {}
        if backup.exists():
            start, means = backup.restore(model)
            log.info("resuming in epoch %d at step %d", start.epoch + 1, start.step)
    with _log_file(run / "train.log"), _Signals() as signals:
        try:
            _fit(config, run, model, images, backup, start, means, signals)
        except Stopped:
            message = f"Stopped and saved. Continue with: {resume_command(run)}"
            raise Interrupted(message, signals.received) from None
        with whole(run / MODEL) as path:
            model.save(path)
        backup.path.unlink(missing_ok=True)
        log.info("trained %d epochs; the model is in %s", config.epochs, run / MODEL)
    return model


def _fit(config, run, model, images, backup, start, means, signals):
    """Trains from `start` to the end: what is left of its epoch, then the rest."""
    data = config.data
    steps = images.training.steps_per_epoch(data.batch_size)
    clock = Clock(steps, config.epochs, start)
    # A terminal shows Keras' own bar, a log file a line each minute.
    has_bar = sys.stdout.isatty()
    seconds = float("inf") if has_bar else 60.0
    record = Record(run, clock, data.batch_size, seconds)
    callbacks = [clock, record]
    if images.samples is not None:
        callbacks.append(Panels(run, images.samples, record.writer))
    keep = KeepBackup(
        backup,
        clock,
        config.backup_epochs,
        config.backup_minutes,
        means,
        lambda: signals.received is not None,
    )
    validation = None
    if images.validation is not None and config.validation_images > 0:
        validation = images.validation.evaluation(
            data.batch_size, limit=config.validation_images
        )
    parts = [(start.epoch, start.step, start.epoch + 1)] if start.step else []
    parts.append((start.epoch + bool(start.step), 0, config.epochs))
    for first, skipped, last in parts:
        if first == last:
            continue
        model.fit(
            images.training.training(
                batch_size=data.batch_size,
                crop_size=data.crop_size,
                flip=data.flip,
                seed=config.seed,
                start_epoch=first,
                start_step=skipped,
                epochs=last,
            ),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=steps - skipped,
            validation_data=validation,
            callbacks=[*callbacks, keep],
            verbose=int(has_bar),
        )


def _strategy(devices):
    """One device as it is; several under MirroredStrategy."""
    gpus = tf.config.list_logical_devices("GPU")
    found = gpus or tf.config.list_logical_devices("CPU")
    count = devices or len(gpus) or 1
    if count > len(found):
        raise ValueError(
            f"--devices is {count}, but TensorFlow sees {len(found)} "
            f"{found[0].device_type}: ask for fewer."
        )
    if count == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([device.name for device in found[:count]])


def _versions():
    return {
        "tfi2i": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


@contextlib.contextmanager
def _log_file(path):
    """Sends what the package logs to a file too."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("tfi2i")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()


class _Signals:
    """Notes the first Ctrl-C or SIGTERM; a second one acts as ever.

    Attributes:
        received: number of the signal, or None.
    """

    def __init__(self):
        self.received = None
        self._previous = {}

    def __enter__(self):
        # Python delivers signals to the main thread only.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error):
        self._restore()

    def _note(self, number, frame):
        self.received = number
        log.info("stopping after this step ...")
        self._restore()

    def _restore(self):
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
