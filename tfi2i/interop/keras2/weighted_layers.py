"""Layers with weights: as the model has them, and as a Keras 2 file stores them."""

import collections
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import keras
import numpy as np


@dataclass
class WeightedLayer:
    """A layer of the rebuilt model that needs weights.

    Attributes:
        name: its name in the file.
        keys: its path in Keras 2's newer weights, such as `("layers", "conv2d_1")`.
        variables: by the names that the file has for them, in the file's order.
    """

    name: str
    keys: tuple[str, ...]
    variables: dict[str, keras.Variable]


@dataclass
class RebuiltModel:
    """A model without the file's weights so far, and its layers that need them."""

    model: keras.Model
    layers: list[WeightedLayer]


@dataclass
class StoredArray:
    """An array in a file, read on demand; nameless if only the order is stored."""

    name: str | None
    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


@dataclass
class StoredLayer:
    """The arrays of one layer in file order; nameless if only the order is stored."""

    name: str | None
    arrays: list[StoredArray]


class StoredWeights(Protocol):
    """The weights in a file."""

    def layers(
        self, part: str | None, wanted: Sequence[WeightedLayer] | None
    ) -> list[StoredLayer]:
        """Returns the stored layers of one network.

        Args:
            part: name of the network in the file; None if there is only one.
            wanted: the layers to find; None returns all, in the network's order.

        Raises:
            ValueError: there is no such part, or there are several.
        """
        ...


def choose_part(part: str | None, parts: Sequence[str], what: str) -> str:
    """Returns the part to read.

    Raises:
        ValueError: `part` is not among `parts`, or it is None and there are several.
    """
    if part is None and len(parts) == 1:
        return parts[0]
    if part in parts:
        return part
    if not parts:
        raise ValueError(
            f"{what} holds no network's weights: expected what Keras 2's save_weights "
            "writes."
        )
    names = ", ".join(f"'{name}'" for name in parts)
    if part is None:
        raise ValueError(
            f"{what} holds {len(parts)} networks, {names}: say which as part=."
        )
    raise ValueError(f"{what} has no part '{part}'; it has {names}.")


def weighted_layers(model: keras.Model) -> list[WeightedLayer]:
    """Returns the layers with weights of any Keras 3 model, in Keras 2's order.

    Raises:
        ValueError: the model has no weights yet.
    """
    if not model.built or not model.weights:
        raise ValueError(
            f"The architecture '{model.name}' has no weights yet: call it on an image, "
            "or build it with keras.Input."
        )
    return list(_weighted_layers(model, ("layers",)))


def _weighted_layers(model, keys) -> Iterator[WeightedLayer]:
    used = collections.Counter()
    for layer in model.layers:
        kind = type(layer).__name__
        key = next_key(kind, used)
        if isinstance(layer, keras.Model):
            yield from _weighted_layers(layer, (*keys, key, "layers"))
        elif layer.weights:
            variables = {keras2_name(kind, v.name): v for v in layer.weights}
            yield WeightedLayer(layer.name, (*keys, key), variables)


def next_key(kind: str, used: collections.Counter) -> str:
    """Returns the key of the next layer of a class in Keras 2's newer weights.

    `used` counts the layers of each base name so far, and is updated.
    """
    name = re.sub(r"\W+", "", kind.split(">")[-1])
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    name = re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
    used[name] += 1
    return name if used[name] == 1 else f"{name}_{used[name] - 1}"


def keras2_name(kind: str, name: str) -> str:
    """Returns Keras 2's name for a variable of a Keras 3 layer."""
    if kind == "DepthwiseConv2D" and name == "kernel":
        return "depthwise_kernel"
    return name
