"""The exact state of a training run in one file."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfi2i.files import whole
from tfi2i.models.state import named_variables
from tfi2i.recipes.trained import read_backup
from tfi2i.training.health import check_finite


class Position(NamedTuple):
    """The next step to train.

    Attributes:
        epoch: counted from 0.
        step: of the epoch, counted from 0.
        patience_from: how many epochs were done when a finished run was gone on
            with; early stopping counts from there. 0 where it never was.
    """

    epoch: int
    step: int
    patience_from: int = 0


class Backup:
    """Saves and restores every variable of a trainer with its position in time.

    Weights, moving statistics, optimizer slots, pools of images, the random state of
    dropout and the sums behind the epoch's mean losses are all in one `.npz`, written
    under another name first: at any moment there is one whole backup or none.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path):
        self.path = path

    def exists(self) -> bool:
        """Whether there is a backup."""
        return self.path.is_file()

    def save(self, model, position: Position, images: Sequence[str]) -> None:
        """Writes the state of `model`.

        Args:
            model: the trainer.
            position: where training goes on.
            images: names of the training images, in order.

        Raises:
            Diverged: a variable is not finite; the file stays as it was.
        """
        arrays = self.finite_state(model, position)
        facts = {**position._asdict(), "images": len(images), "names": _digest(images)}
        with whole(self.path) as path, path.open("wb") as file:
            np.savez(file, facts=json.dumps(facts), **arrays)

    def finite_state(self, model, position: Position) -> dict[str, np.ndarray]:
        """Every variable's value by a name that is unique and stable.

        Args:
            model: the trainer.
            position: where training goes on, for the message.

        Raises:
            Diverged: a variable is not finite.
        """
        arrays = {name: v.numpy() for name, v in named_variables(model).items()}
        check_finite(arrays, position.epoch, position.step, self.path)
        return arrays

    def restore(
        self, model, images: Sequence[str]
    ) -> tuple[Position, dict[str, np.ndarray]]:
        """Sets every variable of `model` to what was saved.

        Args:
            model: the trainer.
            images: names of the training images, in order.

        Returns:
            The position, and the sums behind the mean losses of its epoch, for
            `restore_means` (Keras sets them to zero when an epoch begins). They are
            empty where the position is an epoch's beginning, since what was saved
            then belongs to the epoch before.

        Raises:
            OSError: the file cannot be read.
            ValueError: the file is damaged, or of another model or other images.
        """
        position, facts, stored = self._read()
        if facts["names"] != _digest(images):
            raise ValueError(
                f"The training images are others than when '{self.path}' was made: "
                f"{len(images)} now, {facts['images']} then. Restore them, or start a "
                "new run."
            )
        assign(model, stored, f"The backup '{self.path}'")
        if position.step == 0:
            return position, {}
        means = {name: v for name, v in stored.items() if name.startswith("means/")}
        return position, means

    def _read(self):
        """Position, facts and arrays of the file."""
        try:
            with self.path.open("rb") as file:
                facts, arrays = read_backup(file)
                stored = {name: arrays[name] for name in arrays if name != "facts"}
            position = Position(*map(facts.get, Position._fields[:2]))
            position = position._replace(patience_from=facts.get("patience_from", 0))
            if not all(type(part) is int and part >= 0 for part in position):
                raise ValueError(f"its position is {tuple(position)}")
            if not all(type(facts[name]) is kind for name, kind in _FACTS.items()):
                raise ValueError("it does not say of which images it is")
            if not all(array.dtype.kind in "biuf" for array in stored.values()):
                raise ValueError("it holds something else than numbers")
        # What a damaged archive leads to may be an error of any kind.
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(
                f"The backup '{self.path}' is damaged ({reason}): delete it to start "
                "this run again."
            ) from error
        return position, facts, stored


_FACTS = {"names": str, "images": int}


def assign(model, values: dict[str, np.ndarray], source: str) -> None:
    """Sets every variable of a trainer.

    Args:
        model: the trainer.
        values: by the names of `named_variables`.
        source: where they are from, as a message begins with it.

    Raises:
        ValueError: they are another model's; nothing is set then.
    """
    variables = named_variables(model)
    # A pool takes the shape of its images.
    shapes = {name: tf.TensorShape(v.shape) for name, v in variables.items()}
    differing = sorted(shapes.keys() ^ values.keys()) + sorted(
        name
        for name, shape in shapes.items()
        if name in values and not shape.is_compatible_with(values[name].shape)
    )
    if differing:
        raise ValueError(
            f"{source} is of another model: {differing[0]} and "
            f"{len(differing) - 1} more variables differ. Restore config.json as "
            "it was, or start a new run."
        )
    for name, variable in variables.items():
        variable.assign(values[name])


def _digest(names):
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def restore_means(model, means: dict[str, np.ndarray]) -> None:
    """Sets the sums behind the mean losses, after Keras has reset them."""
    for name, variable in named_variables(model).items():
        if name in means:
            variable.assign(means[name])
