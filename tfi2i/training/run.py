"""A training run from configuration to model: strategy, data, model, fit, save."""

import contextlib
import logging
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import tensorflow as tf

from tfi2i.data import PairedData, UnpairedData
from tfi2i.data.pixels import to_float
from tfi2i.data.transforms import center, resize
from tfi2i.files import check_can_make, whole
from tfi2i.layers import fast_inference
from tfi2i.recipes import build, stored
from tfi2i.recipes.config import ImportedConfig, TrainConfig
from tfi2i.recipes.resolve import resolve
from tfi2i.training.backup import Backup, Position
from tfi2i.training.callbacks import (
    Averages,
    Clock,
    KeepBackup,
    Panels,
    Record,
    Stopped,
)
from tfi2i.training.devices import check_precision, choose_strategy, grow_memory
from tfi2i.training.health import Diverged, Health, StopOnNonFinite
from tfi2i.training.log import log_file
from tfi2i.training.schedules import ConstantThenLinear
from tfi2i.training.signals import Signals
from tfi2i.training.transfer import lines, transfer

log = logging.getLogger(__name__)

WATCHED_IMAGES = 4
"""Images of each domain on which a run's health is watched."""


class Interrupted(Exception):
    """Training stopped on a signal, after saving; the message says how to resume.

    Attributes:
        exit_code: for the process, as shells count signals: 128 + signal.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number


LoadInitial = Callable[[Path], Mapping[str, keras.Model]]
"""From `init_from` to networks by what a trainer calls them."""


def train(
    config: TrainConfig, run: Path, load_initial: LoadInitial | None = None
) -> keras.Model:
    """Trains a new run.

    Args:
        config: what to train.
        run: folder to make; all that the run keeps goes there.
        load_initial: `tfi2i.interop.initial.initial_networks`, where `config.init_from`
            is not None.

    Returns:
        The trained model.

    Raises:
        ValueError, OSError: `run` exists, a value cannot train, or the images
            cannot; nothing is written then.
        Interrupted: on Ctrl-C or SIGTERM, after saving.
    """
    grow_memory()
    config = resolve(config)
    _check_is_new(run)
    if config.data.dir is not None:
        config = _with_data(config, config.data.dir)
    if config.data.exclude is not None:
        exclude = _absolute(config.data.exclude)
        config = replace(config, data=replace(config.data, exclude=exclude))
    if config.init_from is not None:
        config = replace(config, init_from=_absolute(config.init_from))
    networks = _initial(config, load_initial)
    job = _prepare(config)
    begun_with = _initialize(job, networks)
    is_ours = not run.exists()
    stored.write(job.config, run)
    try:
        if networks:
            # What they were read from may be other things when the run is resumed.
            _backup(run).save(job.model, Position(0, 0), job.training.names)
        return _run(job, run, Position(0, 0), {}, begun_with)
    except Diverged:
        # Its log and numbers tell why.
        raise
    except Exception:
        _forget_unstarted(run, is_ours)
        raise


def resume(
    run: Path, data_dir: str | None = None, devices: int | None = None
) -> keras.Model:
    """Continues a run from its backup, exactly where that was made.

    Args:
        run: folder of a run.
        data_dir: where the images are now, if they have moved.
        devices: how many to use from now on; None is as many as before. Another number
            gives the same run but for rounding, and batch norm that is not
            synchronized.

    Returns:
        The trained model.

    Raises:
        ValueError, OSError: `run` is no run, is finished, or is damaged; its images
            are others than they were.
        Interrupted: on Ctrl-C or SIGTERM, after saving.
    """
    grow_memory()
    config = stored.read(run)
    if isinstance(config.model, ImportedConfig):
        raise ValueError(
            f"'{run}' was imported, not trained here: train a recipe from it with "
            f"--init-from {shlex.quote(str(run))}."
        )
    config = resolve(config)
    if (run / stored.MODEL).exists():
        raise ValueError(_finished(run, config.epochs))
    if _is_exports_only(run):
        raise ValueError(f"{_exports_only(run)}: it cannot be continued.")
    if data_dir is not None:
        config = _with_data(config, data_dir)
    if devices is not None:
        config = resolve(replace(config, devices=devices))
    job = _prepare(config)
    start, means = Position(0, 0), {}
    if _backup(run).exists():
        start, means = _backup(run).restore(job.model, job.training.names)
        log.info("resuming in epoch %d at step %d", start.epoch + 1, start.step)
    elif config.init_from is not None:
        raise ValueError(
            f"'{run}' was stopped before the weights of '{config.init_from}' were "
            "saved: delete it, and train again with --init-from."
        )
    if data_dir is not None or devices is not None:
        stored.write(config, run)
    return _run(job, run, start, means)


def resume_command(run: Path) -> str:
    """What to type to continue a run."""
    return f"tfi2i train --resume {shlex.quote(str(run))}"


def _check_is_new(run):
    if (run / stored.MODEL).exists():
        raise ValueError(f"'{run}' holds a model already: choose another --run.")
    if _is_exports_only(run):
        raise ValueError(f"{_exports_only(run)}: choose another --run.")
    if (run / stored.CONFIG).exists():
        raise ValueError(
            f"'{run}' is a run already: choose another --run, or continue it with: "
            f"{resume_command(run)}"
        )
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise ValueError(f"'{run}' exists and is not empty: choose another --run.")
    check_can_make(run, "Choose another --run.")


def _finished(run, epochs):
    return f"'{run}' is finished: all {epochs} epochs are trained."


def _is_exports_only(run):
    return (run / "export").is_dir() and not _backup(run).exists()


def _exports_only(run):
    return f"'{run}' holds a trained run's exports without its model"


def _forget_unstarted(run, is_ours):
    """Removes what a run wrote that failed before its first epoch's end."""
    if (run / "metrics.jsonl").exists() or _backup(run).exists():
        return
    for name in (stored.CONFIG, "train.log"):
        (run / name).unlink(missing_ok=True)
    for name in ("logs", "backup"):
        shutil.rmtree(run / name, ignore_errors=True)
    if is_ours:
        # Not where somebody has put something else into it.
        with contextlib.suppress(OSError):
            run.rmdir()


def _with_data(config, folder):
    """The images' folder, named so that a resumed run finds it from anywhere."""
    return replace(config, data=replace(config.data, dir=_absolute(folder)))


def _absolute(folder):
    # pathlib's own raises where links go round in a circle.
    return os.path.realpath(os.path.expanduser(folder))


def _initial(config, load_initial):
    """The networks that a run begins with, none where all weights are fresh."""
    if config.init_from is None:
        return {}
    if load_initial is None:
        raise ValueError(
            f"init_from is '{config.init_from}', so load_initial is needed, which "
            "reads it: pass tfi2i.interop.initial.initial_networks."
        )
    return load_initial(Path(config.init_from))


def _initialize(job, networks):
    """Sets the first weights; returns what became of each, in lines."""
    if not networks:
        return []
    try:
        accounts = transfer(job.model, networks, job.config.data.direction)
    except ValueError as error:
        raise ValueError(
            f"Cannot begin with '{job.config.init_from}': {error}"
        ) from error
    return list(lines(accounts))


def _backup(run):
    return Backup(run / "backup" / "state.npz")


@dataclass(frozen=True)
class _Job:
    """All that can fail before a run writes anything: images and model."""

    config: TrainConfig
    training: PairedData | UnpairedData
    validation: tf.data.Dataset | None
    samples: tuple | None
    watched: tuple
    model: keras.Model

    @property
    def steps(self) -> int:
        return self.training.steps_per_epoch(self.config.data.batch_size)


def _prepare(config):
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    check_precision(config.precision)
    strategy = choose_strategy(config.devices, config.data.batch_size)
    training = build.load_data(config, "train")
    log.info("%s: %s", _count(training), training.files.reason)
    config = build.with_pixels(config, training)
    steps = training.steps_per_epoch(config.data.batch_size)
    _tell_of_the_rest(training, steps * config.data.batch_size)
    splits = build.splits(config.data)
    other = next((split for split in ("val", "test") if split in splits), None)
    shown = training if other is None else build.load_data(config, other)
    validation = None
    if other == "val":
        validation = _validation(config, shown, strategy.num_replicas_in_sync)
    samples = None
    if config.sample_images > 0:
        samples = _samples(shown, config.sample_images, config.data)
    watched = _samples(shown, WATCHED_IMAGES, config.data)
    with strategy.scope():
        model = build.build_model(config)
        schedule = ConstantThenLinear(
            config.optimizer.learning_rate,
            config.epochs - config.decay_epochs,
            config.decay_epochs,
            steps,
        )
        build.compile_model(model, config, schedule)
    return _Job(config, training, validation, samples, watched, model)


def _count(data):
    if isinstance(data, PairedData):
        return f"{len(data)} training pairs"
    return f"{len(data.real_a)} and {len(data.real_b)} training images"


def _tell_of_the_rest(data, count):
    """Says that the last batch of an epoch is left out where it is not full."""
    images = max(len(data.real_a), len(data.real_b))
    if images > count:
        log.info(
            "each epoch leaves out %d of %d images, other ones each time: they do not "
            "fill a batch",
            images - count,
            images,
        )


def _samples(data, count, config):
    """The first images of A and B, at the size that the networks take."""
    count = min(count, len(data.real_a), len(data.real_b))
    keeps_scale = config.is_cropped and config.preprocess != "resize_and_crop"
    cut = center if keeps_scale else resize
    return tuple(
        to_float(
            tf.stack([cut(images[i], *config.crop_shape) for i in range(count)]),
            images.pixels,
        )
        for images in (data.real_a, data.real_b)
    )


def _validation(config, data, replicas):
    """Validation batches of which every replica gets a part."""
    count = min(config.validation_images, len(data.real_a), len(data.real_b))
    left_out = count % replicas
    count -= left_out
    if left_out:
        log.info(
            "validation leaves out %d of %d images, which %d devices cannot share",
            left_out,
            count + left_out,
            replicas,
        )
    if count == 0:
        return None
    crop = config.data.crop_shape if config.data.is_cropped else None
    return data.evaluation(config.data.batch_size, limit=count, crop_size=crop)


def _run(job, run, start, means, begun_with=()):
    # The fast ways serve validation and pictures, too.
    with log_file(run / "train.log"), Signals() as signals, fast_inference():
        for line in begun_with:
            log.info("%s", line)
        try:
            _fit(job, run, start, means, signals)
        except Stopped:
            message = f"Stopped and saved. Continue with: {resume_command(run)}"
            raise Interrupted(message, signals.received) from None
        except tf.errors.InvalidArgumentError as error:
            if job.training.is_kept:
                raise
            raise ValueError(_damaged(job.config.data, run)) from error
        # The last epoch may have no backup of its own, which would have checked this.
        end = Position(job.config.epochs - 1, job.steps)
        _backup(run).finite_state(job.model, end)
        with whole(run / stored.MODEL) as path:
            job.model.save(path)
        _backup(run).path.unlink(missing_ok=True)
        log.info("trained to the end; the model is in %s", run / stored.MODEL)
    return job.model


def _damaged(data, run):
    """Explains an image that was found damaged only when its turn came."""
    has_backup = _backup(run).exists()
    then = f"go on with {resume_command(run)}" if has_backup else "train again"
    return (
        "An image cannot be decoded, and with --data.cache off that is seen only when "
        f"its turn comes: tfi2i data check {shlex.quote(str(data.dir))} names it; "
        f"replace it, then {then}."
    )


def _fit(job, run, start, means, signals):
    """Trains from `start` to the end: what is left of its epoch, then the rest."""
    config, data = job.config, job.config.data
    clock = Clock(job.steps, config.epochs, start)
    # A terminal shows Keras' own bar, a log file a line each minute.
    has_bar = sys.stdout.isatty()
    seconds = float("inf") if has_bar else 60.0
    record = Record(run, clock, data.batch_size, seconds)
    # In this order: a state that is lost is neither recorded nor saved.
    callbacks = [clock, StopOnNonFinite(clock, _backup(run).path), record]
    if job.samples is not None:
        callbacks.append(Panels(run, job.samples, record.writer))
    callbacks.append(Averages())
    callbacks.append(Health(job.watched, config.model.is_paired, clock, record.writer))
    keep = KeepBackup(
        _backup(run),
        clock,
        job.training.names,
        config.backup_epochs,
        config.backup_minutes,
        means,
        lambda: signals.received is not None,
    )
    parts = [(start.epoch, start.step, start.epoch + 1)] if start.step else []
    parts.append((start.epoch + bool(start.step), 0, config.epochs))
    for first, skipped, last in parts:
        if first == last:
            continue
        job.model.fit(
            job.training.training(
                batch_size=data.batch_size,
                crop_size=data.crop_shape if data.is_cropped else None,
                flip=data.flip,
                rotate=data.rotate,
                color_jitter=data.color_jitter,
                seed=config.seed,
                start_epoch=first,
                start_step=skipped,
                epochs=last,
            ),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=job.steps - skipped,
            validation_data=job.validation,
            callbacks=[*callbacks, keep],
            verbose=int(has_bar),
        )
