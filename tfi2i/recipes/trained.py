"""The model of a run as it stands: trained to the end, stopped, or at its best."""

import contextlib
import json
import logging
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

import keras
import numpy as np
import tensorflow as tf

import tfi2i.registered  # noqa: F401  (what files are made of)
from tfi2i.errors import reason
from tfi2i.models import ConstantThenLinear
from tfi2i.models.state import named_variables
from tfi2i.models.trainer import Trainer
from tfi2i.recipes import build, stored
from tfi2i.recipes.config import TrainConfig
from tfi2i.recipes.resolve import resolve

log = logging.getLogger(__name__)

Weights = Literal["last", "best"]
WEIGHTS = ("last", "best")


def model_of(
    run: Path,
    config: TrainConfig,
    weights: Weights | None = None,
    averaged: bool = False,
) -> keras.Model:
    """Reads the trainer of a run, of an import its generator.

    A run that is being trained may be read at any time. What is read of an unfinished
    run, or where `weights` are asked for, is logged.

    Args:
        run: folder with a configuration.
        config: of the run.
        weights: the `"last"` ones (None), of the last backup where the run is not
            finished; or the `"best"`, where it keeps them.
        averaged: whether running means of weights take the weights' place, where the
            run keeps some; the best are these already.

    Raises:
        FileNotFoundError: there is neither a model nor a backup.
        ValueError: the file is damaged, the run keeps no best weights, or `weights`
            is neither of the two.
    """
    if weights not in (None, *WEIGHTS):
        raise ValueError(f"weights is {weights!r}; expected 'last' or 'best'.")
    if weights == "best":
        return completed(_best(run), config)
    # Beside a model, a backup is of a run that goes on after its end. Where that ends
    # meanwhile, the backup goes, and the model is the newer one.
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return _stopped(run, config, averaged)
    path = run / stored.MODEL
    if not path.is_file():
        raise FileNotFoundError(f"'{run}' has no {stored.MODEL} and no backup.")
    if weights is not None and config.model.is_trained_here:
        epoch = stored.epochs_done(run, config)
        log.info("%s: weights of its last epoch, %d", run, epoch)
    return completed(read_keras(path, averaged), config)


def completed(model: keras.Model, config: TrainConfig) -> keras.Model:
    """Tells the trainer of a run what its file, of an earlier version, does not.

    Args:
        model: trainer, or imported generator, which stays as it is.
        config: of the run.

    Returns:
        `model`.
    """
    if isinstance(model, Trainer):
        config.model.complete(model, config.data)
    return model


def has_weights(run: Path) -> bool:
    """Whether a run has a model, or a backup of one."""
    return any((run / name).is_file() for name in (stored.MODEL, stored.BACKUP))


def read_keras(
    path: Path, averaged: bool = False, compiled: bool = False
) -> keras.Model:
    """Reads a `.keras` file.

    Args:
        path: of the file.
        averaged: as for `model_of`.
        compiled: whether to restore the optimizers, too, where the file has some.

    Raises:
        ValueError: it is damaged, or holds what Keras does not load.
    """
    with _explained(path):
        config = _described(path)
        keeps_means = averaged and _keeps_means(config)
        # The means are the optimizer's.
        model = keras.models.load_model(path, compile=compiled or keeps_means)
        if keeps_means:
            model.swap_averages()
        return model


def _described(path: Path) -> dict[str, Any]:
    """The configuration in a `.keras` file, once its checksums are compared."""
    with zipfile.ZipFile(path) as archive:
        # Sums are compared first: HDF5 may crash on what is damaged.
        damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"{damaged} in it is damaged")
        return json.loads(archive.read("config.json"))


def _keeps_means(config):
    compiled = config.get("compile_config") or {}
    for name, optimizer in compiled.items():
        if name.endswith("_optimizer"):
            optimizer = optimizer.get("config", {})
            # Within a LossScaleOptimizer.
            optimizer = optimizer.get("inner_optimizer", {}).get("config", optimizer)
            if optimizer.get("use_ema"):
                return True
    return False


def read_backup(file: BinaryIO) -> tuple[dict[str, Any], Mapping[str, np.ndarray]]:
    """Reads the backup of a run.

    Args:
        file: that is open, since NumPy would leave open what it opened itself.

    Returns:
        What the backup says of itself, and its arrays, each read when it is asked for.

    Raises:
        Exception: of any kind, where the file is damaged; also for a single array.
    """
    # Without this NumPy would take other formats, and advise pickle.
    if not zipfile.is_zipfile(file):
        raise zipfile.BadZipFile("it is no .npz archive")
    file.seek(0)
    arrays = np.load(file)
    return json.loads(str(arrays["facts"])), arrays


def _stopped(run, config, averaged):
    """The trainer of a backup, which holds values alone."""
    path = run / stored.BACKUP
    # One that is replaced meanwhile stays whole here.
    with path.open("rb") as file, _explained(path):
        facts, arrays = read_backup(file)
        epoch, step = int(facts["epoch"]), int(facts["step"])
        model = _rebuilt(config, averaged)
        _restore(model, arrays)
        if averaged:
            model.swap_averages()
    where = f"epoch {epoch} of {config.epochs}"
    if step:
        where = f"step {step} of epoch {epoch + 1} of {config.epochs}"
    log.info("%s is not trained to the end: its backup after %s is used", run, where)
    return model


def _rebuilt(config, averaged):
    config = resolve(config)
    model = build.build_model(config)
    if averaged and config.optimizer.ema_momentum is not None:
        # As in training: a rate that is no schedule would be one variable more.
        schedule = ConstantThenLinear(config.optimizer.learning_rate, 0, 0, 1)
        build.compile_model(model, config, schedule)
    return model


def _restore(model, arrays):
    """Sets the model's variables and, where it is compiled, the optimizers'."""
    groups = ("model", *(model.optimizer_names if model.compiled else ()))
    for name, variable in named_variables(model).items():
        if name.startswith(tuple(f"{group}/" for group in groups)):
            variable.assign(arrays[name])


def _best(run):
    path, facts = run / stored.BEST, run / stored.BEST_FACTS
    if not path.is_file():
        raise ValueError(
            f"'{run}' keeps no best weights: leave --weights best out for the last "
            "ones, or train with --keep-best METRIC."
        )
    model = read_keras(path)
    with _explained(facts):
        found = json.loads(facts.read_text("utf-8"))
        score = f"{found['metric']} is {found['value']:g}"
        epoch = int(found["epoch"])
    log.info("%s: weights of epoch %d, its best: %s", run, epoch, score)
    return model


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Says in one line which file cannot be read.

    What a damaged one raises depends on where it is damaged: as an archive, as JSON,
    as HDF5, or in what a layer is made of.
    """
    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise
    except Exception as error:
        raise ValueError(f"Cannot read '{path}': {reason(error)}") from error
