"""Layers with weights, as Keras 2's files refer to them."""

import collections
import re
from collections.abc import Iterator
from dataclasses import dataclass

import keras


@dataclass
class Leaf:
    """A layer with weights.

    Attributes:
        name: in the file.
        keys: its path in Keras 2's newer weights, such as `("layers", "conv2d_1")`.
        variables: by the names that the file has for them, in its order.
    """

    name: str
    keys: tuple[str, ...]
    variables: dict[str, keras.Variable]


@dataclass
class Rebuilt:
    """A network, not yet with a file's weights, and its layers that need some."""

    model: keras.Model
    leaves: list[Leaf]


def leaves_of(model: keras.Model) -> list[Leaf]:
    """The layers of any model of Keras 3 that have weights, as Keras 2 ordered them.

    Raises:
        ValueError: the model has no weights yet.
    """
    if not model.built or not model.weights:
        raise ValueError(
            f"The architecture '{model.name}' has no weights yet: call it on an image, "
            "or build it with keras.Input."
        )
    return list(_leaves_of(model, ("layers",)))


def _leaves_of(model, keys) -> Iterator[Leaf]:
    used = collections.Counter()
    for layer in model.layers:
        kind = type(layer).__name__
        key = next_key(kind, used)
        if isinstance(layer, keras.Model):
            yield from _leaves_of(layer, (*keys, key, "layers"))
        elif layer.weights:
            variables = {keras_2_name(kind, v.name): v for v in layer.weights}
            yield Leaf(layer.name, (*keys, key), variables)


def next_key(kind: str, used: collections.Counter) -> str:
    """The name that Keras 2 gives to the next layer of a class in newer weights.

    Args:
        kind: the class, with its package or without.
        used: how often each name was given, which this counts up.
    """
    name = re.sub(r"\W+", "", kind.split(">")[-1])
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    name = re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
    used[name] += 1
    return name if used[name] == 1 else f"{name}_{used[name] - 1}"


def keras_2_name(kind: str, name: str) -> str:
    """What a variable of Keras 3 is called in Keras 2."""
    if kind == "DepthwiseConv2D" and name == "kernel":
        return "depthwise_kernel"
    return name
