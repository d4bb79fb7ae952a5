"""A training run from configuration to model: begun, or gone on with."""

import contextlib
import logging
import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import keras

from tfi2i.files import check_is_new
from tfi2i.recipes import stored
from tfi2i.recipes.config import TrainConfig
from tfi2i.recipes.resolve import resolve
from tfi2i.training import going_on, known_images
from tfi2i.training.backup import Position
from tfi2i.training.devices import grow_memory
from tfi2i.training.fit import (
    Interrupted,
    backup_of,
    early_stop,
    fit,
    resume_command,
)
from tfi2i.training.health import Diverged
from tfi2i.training.job import prepare
from tfi2i.training.lock import LOCK, locked
from tfi2i.training.transfer import lines, transfer

__all__ = ["Interrupted", "LoadInitial", "resume", "resume_command", "train"]

log = logging.getLogger(__name__)

LoadInitial = Callable[[Path], Mapping[str, keras.Model]]
"""From `init_from` to networks by what a trainer calls them."""


def train(
    config: TrainConfig, run: Path, load_initial: LoadInitial | None = None
) -> keras.Model:
    """Trains a new run.

    Args:
        config: what to train.
        run: folder to make; all that the run keeps goes there.
        load_initial: `tfi2i.interop.initial_weights.initial_networks`, where
            `config.init_from` is not None.

    Returns:
        The trained model.

    Raises:
        ValueError, OSError: `run` exists, another process trains it, a value cannot
            train, or the images cannot; nothing is written then.
        Interrupted: on Ctrl-C or SIGTERM, after saving.
    """
    grow_memory()
    config = resolve(config)
    _check_is_new(run)
    with _made(run), locked(run):
        # Another process may have begun and ended it meanwhile.
        _check_is_new(run)
        return _train(_with_absolute_paths(config), run, load_initial)


def _train(config, run, load_initial):
    networks = _initial(config, load_initial)
    job = prepare(config)
    begun_with = _initialize(job, networks)
    try:
        stored.write(job.config, run)
        known_images.record(run, job.files)
        start = Position(0, 0)
        if networks:
            # What they were read from may be other things when the run is resumed.
            backup_of(run).save(job.model, start, job.training.names)
        return fit(job, run, start, {}, begun_with)
    except Diverged:
        # Its log and numbers tell why.
        raise
    except Exception:
        _forget_unstarted(run)
        raise


def resume(
    run: Path,
    data_dir: str | None = None,
    devices: int | None = None,
    epochs: int | None = None,
) -> keras.Model:
    """Continues a run from its backup, exactly where that was made.

    A finished run goes on from `model.keras`, which stays until the new one takes its
    place.

    Args:
        run: folder of a run.
        data_dir: where the images are now, if they have moved.
        devices: how many to use from now on; None is as many as before. Another number
            gives the same run but for rounding, and batch norm that is not
            synchronized.
        epochs: how many the run shall have in all, None for as many as before. The
            learning rate falls over the last `decay_epochs` of them, as many as
            before: see `going_on.with_epochs`.

    Returns:
        The trained model.

    Raises:
        ValueError, OSError: `run` is no run, is finished (and `epochs` no more than
            it has), is damaged, or is being trained; its images are others than they
            were; more epochs are done than `epochs`.
        Interrupted: on Ctrl-C or SIGTERM, after saving.
    """
    grow_memory()
    # Nothing is written into what is no run.
    stored.read(run)
    with locked(run):
        return _resume(run, data_dir, devices, epochs)


def _resume(run, data_dir, devices, epochs):
    before = stored.read(run)
    if not before.model.is_trained_here:
        raise ValueError(
            f"'{run}' was imported, not trained here: train a recipe from it with "
            f"--init-from {shlex.quote(str(run))}."
        )
    before = resolve(before)
    # Where there is a backup, too, a finished run was gone on with, and stopped.
    is_finished = (run / stored.MODEL).exists() and not backup_of(run).exists()
    if is_finished:
        going_on.check_goes_on(run, before, epochs)
    elif _is_exports_only(run):
        raise ValueError(f"{_exports_only(run)}: it cannot be continued.")
    config = before
    if data_dir is not None:
        config = _with_data(config, data_dir)
    if devices is not None:
        config = resolve(replace(config, devices=devices))
    if epochs is not None:
        config = going_on.with_epochs(config, epochs)
    job = prepare(config)
    start, means = _restore(run, job, before, is_finished)
    going_on.check_position(start, config, job.steps)
    stop = early_stop(config, run, start)
    # It was killed after its early end, before it had saved its model.
    is_prolonged = epochs is not None and stop is not None and stop.reason is not None
    if is_prolonged:
        start = start._replace(patience_from=start.epoch)
    if is_finished or is_prolonged:
        # From here on a run that is stopped goes on from this.
        backup_of(run).save(job.model, start, job.training.names)
    if config != before:
        stored.write(config, run)
    changes = going_on.what_changes(before, config, start)
    return fit(job, run, start, means, changes)


def _restore(run, job, config, is_finished):
    """Sets the model to what the run has saved; returns position and means."""
    start, means = Position(0, 0), {}
    if is_finished or backup_of(run).exists():
        known_images.check(run, job.files)
    else:
        known_images.record(run, job.files)
    if is_finished:
        start = going_on.restore_finished(run, job, config)
        log.info("going on after epoch %d", start.epoch)
    elif backup_of(run).exists():
        start, means = backup_of(run).restore(job.model, job.training.names)
        log.info("resuming in epoch %d at step %d", start.epoch + 1, start.step)
    elif config.init_from is not None:
        raise ValueError(
            f"'{run}' was stopped before the weights of '{config.init_from}' were "
            "saved: delete it, and train again with --init-from."
        )
    return start, means


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Removes the folders that were made for a run that wrote nothing."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        # Not where somebody has put something else into it.
        with contextlib.suppress(OSError):
            for path in missing:
                path.rmdir()
        raise


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
    # A lock is what a run leaves that was killed while it looked at its images.
    check_is_new(run, remedy="choose another --run", allowed=(LOCK,))


def _is_exports_only(run):
    return (run / "export").is_dir() and not backup_of(run).exists()


def _exports_only(run):
    return f"'{run}' holds a trained run's exports without its model"


def _forget_unstarted(run):
    """Removes what a run wrote that failed before its first epoch's end."""
    if (run / stored.METRICS).exists() or backup_of(run).exists():
        return
    for name in (stored.CONFIG, known_images.KNOWN, "train.log"):
        (run / name).unlink(missing_ok=True)
    for name in ("logs", "backup"):
        shutil.rmtree(run / name, ignore_errors=True)


def _with_absolute_paths(config):
    """Paths that a resumed run finds from anywhere."""
    data = config.data
    if data.dir is not None:
        config = _with_data(config, data.dir)
    if data.exclude is not None:
        exclude = _absolute(data.exclude)
        config = replace(config, data=replace(config.data, exclude=exclude))
    if config.init_from is not None:
        config = replace(config, init_from=_absolute(config.init_from))
    return config


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
            "reads it: pass tfi2i.interop.initial_weights.initial_networks."
        )
    return load_initial(Path(config.init_from))


def _initialize(job, networks):
    """Sets the first weights; returns what became of each, in lines."""
    if not networks:
        return []
    try:
        accounts = transfer(job.model, networks)
    except ValueError as error:
        raise ValueError(
            f"Cannot begin with '{job.config.init_from}': {error}"
        ) from error
    return list(lines(accounts))
