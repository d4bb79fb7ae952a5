"""Continues a finished run, or one with another number of epochs."""

import shlex
from dataclasses import replace
from pathlib import Path

from tfi2i.models.schedules import ConstantThenLinear
from tfi2i.models.state import named_variables
from tfi2i.recipes import stored, trained
from tfi2i.recipes.config import TrainConfig
from tfi2i.recipes.resolve import resolve
from tfi2i.training.backup import Position, assign
from tfi2i.training.job import Job


def check_goes_on(run: Path, config: TrainConfig, epochs: int | None) -> None:
    """Refuses to go on with a finished run to where it is already.

    Args:
        run: folder of a finished run.
        config: of the run.
        epochs: to train to, None where nobody said.

    Raises:
        ValueError: saying how it could go on.
    """
    done = stored.epochs_done(run, config)
    if epochs is not None and epochs > done:
        return
    how = f"all {done} epochs are trained"
    if done < config.epochs:
        how = f"it was stopped early after epoch {done} of {config.epochs}"
    given = f"--epochs is {epochs}, but " if epochs is not None else ""
    name = shlex.quote(str(run))
    raise ValueError(
        f"{given}'{run}' is finished: {how}. Go on with tfi2i train --resume {name} "
        f"--epochs N, where N is more than {done}, or begin another run with "
        f"--init-from {name}."
    )


def with_epochs(config: TrainConfig, epochs: int) -> TrainConfig:
    """The configuration of a run that is to have another number of epochs.

    The learning rate falls over the last `decay_epochs` of them, as many as before
    (or all, where there are fewer). So what is trained from now on is what a run
    would train that had been configured so from its beginning.

    Args:
        config: resolved.
        epochs: of the run, those that are done among them.

    Raises:
        ValueError: fewer than one.
    """
    decay_epochs = min(config.decay_epochs, max(epochs, 0))
    return resolve(replace(config, epochs=epochs, decay_epochs=decay_epochs))


def what_changes(before: TrainConfig, after: TrainConfig, start: Position) -> list[str]:
    """How another number of epochs changes a run, in one line; [] where it is the same.

    Args:
        before: as the run was configured.
        after: as it is now.
        start: where training goes on.
    """
    if before.epochs == after.epochs:
        return []
    rate, decay = after.optimizer.learning_rate, after.decay_epochs
    schedule = ConstantThenLinear(rate, after.epochs - decay, decay, 1)
    following = min(start.epoch, after.epochs - 1)
    line = f"to epoch {after.epochs} instead of {before.epochs}: the learning rate "
    if decay:
        line += f"falls over the last {decay} epochs (--decay-epochs), and "
    return [f"{line}is {float(schedule(following)):.4g} in epoch {following + 1}"]


def restore_finished(run: Path, job: Job, config: TrainConfig) -> Position:
    """Sets every variable of a trainer to its value in a finished run.

    Args:
        run: folder of a finished run.
        job: whose model is set.
        config: as the run was configured.

    Returns:
        The end of the run, from where early stopping counts anew.

    Raises:
        ValueError: `model.keras` is damaged, or another model's.
    """
    path = run / stored.MODEL
    model = trained.read_keras(path, compiled=True)
    values = {name: v.numpy() for name, v in named_variables(model).items()}
    assign(job.model, values, f"'{path}'")
    done = stored.epochs_done(run, config)
    return Position(done, 0, patience_from=done)


def check_position(start: Position, config: TrainConfig, steps: int) -> None:
    """Refuses a run that is to have fewer epochs, or steps, than are done.

    Args:
        start: where training goes on.
        config: as it is now.
        steps: of an epoch.

    Raises:
        ValueError: saying how many are done.
    """
    done = f"{start.epoch} epochs"
    if start.step:
        done += f" and {start.step} steps of the next"
    least = start.epoch + bool(start.step)
    if config.epochs < least:
        raise ValueError(
            f"--epochs is {config.epochs}, but {done} are trained already; expected at "
            f"least {least}."
        )
    if start.step >= steps:
        raise ValueError(
            f"The backup says that {done} are trained, but an epoch has {steps} steps: "
            "restore data.batch_size in config.json, or start a new run."
        )
