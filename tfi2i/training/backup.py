"""The exact state of a training run in one file."""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfi2i.files import whole
from tfi2i.models.state import named_variables
from tfi2i.training.health import check_finite


class Position(NamedTuple):
    """The next step to train: `step` of `epoch`, both counted from 0."""

    epoch: int
    step: int


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
        check_finite(arrays, *position, self.path)
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
            `restore_means` (Keras sets them to zero when an epoch begins).

        Raises:
            ValueError: the file is damaged, or of another model or other images.
        """
        try:
            # NumPy would leave a file that it opened itself open after an error.
            with self.path.open("rb") as file:
                # Without this NumPy would take other formats, and advise pickle.
                if not zipfile.is_zipfile(file):
                    raise zipfile.BadZipFile("it is no .npz archive")
                file.seek(0)
                arrays = np.load(file)
                stored = {name: arrays[name] for name in arrays}
            facts = json.loads(str(stored.pop("facts")))
            position = Position(facts["epoch"], facts["step"])
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"The backup '{self.path}' is damaged ({error}): delete it to start "
                "this run again."
            ) from error
        if facts["names"] != _digest(images):
            raise ValueError(
                f"The training images are others than when '{self.path}' was made: "
                f"{len(images)} now, {facts['images']} then. Restore them, or start a "
                "new run."
            )
        variables = named_variables(model)
        self._check(variables, stored)
        for name, variable in variables.items():
            variable.assign(stored[name])
        means = {name: v for name, v in stored.items() if name.startswith("means/")}
        return position, means

    def _check(self, variables, stored):
        # A pool takes the shape of its images.
        shapes = {name: tf.TensorShape(v.shape) for name, v in variables.items()}
        differing = sorted(shapes.keys() ^ stored.keys()) + sorted(
            name
            for name, shape in shapes.items()
            if name in stored and not shape.is_compatible_with(stored[name].shape)
        )
        if differing:
            raise ValueError(
                f"The backup '{self.path}' is of another model: {differing[0]} and "
                f"{len(differing) - 1} more variables differ. Restore config.json as "
                "it was, or start a new run."
            )


def _digest(names):
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def restore_means(model, means: dict[str, np.ndarray]) -> None:
    """Sets the sums behind the mean losses, after Keras has reset them."""
    for name, variable in named_variables(model).items():
        if name in means:
            variable.assign(means[name])
