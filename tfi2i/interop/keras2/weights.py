"""Weights by the layers they belong to, and those of TensorFlow's checkpoints.

Nothing is read but shapes until a layer asks for an array of its own shape, and no
object is made of what a file says.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2

from tfi2i.errors import reason
from tfi2i.interop.keras2.leaves import Leaf

# What Keras and TensorFlow track beside layers.
_NOT_LAYERS = (
    "keras_api|.*variables|.*losses|signatures|.*optimizer.*|save_counter|.*metrics?"
    "|loss_tracker|_default_save_signature"
)
_OPTIMIZER = {"iter", "_iterations", "beta_1", "learning_rate", "_learning_rate"}


@dataclass
class Stored:
    """An array in a file.

    Attributes:
        name: of the variable; None where the file has only their order.
        shape: of the array.
        read: reads it.
    """

    name: str | None
    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


@dataclass
class Group:
    """The arrays of one layer.

    Attributes:
        name: of the layer in the file; None where the file has only their order.
        arrays: in the order of the file.
    """

    name: str | None
    arrays: list[Stored]


class Weights(Protocol):
    """A file's weights."""

    def groups(self, part: str | None, leaves: Sequence[Leaf] | None) -> list[Group]:
        """The layers with weights of one network.

        Args:
            part: its name in the file; None where there is only one.
            leaves: the layers to find; None gives all in the order of the network.

        Raises:
            ValueError: there is no such part, or there are several.
        """
        ...


def choose(part: str | None, parts: Sequence[str], what: str) -> str:
    """The part that is meant.

    Raises:
        ValueError: it is not among `parts`, or None while there are several.
    """
    if part is None and len(parts) == 1:
        return parts[0]
    if part in parts:
        return part
    if not parts:
        raise ValueError(f"{what} holds no network's weights: {_EXPECTED}")
    names = ", ".join(f"'{name}'" for name in parts)
    if part is None:
        raise ValueError(
            f"{what} holds {len(parts)} networks, {names}: say which as part=."
        )
    raise ValueError(f"{what} has no part '{part}'; it has {names}.")


_EXPECTED = "expected what Keras 2's save_weights writes."


class CheckpointWeights:
    """A TensorFlow checkpoint, by its graph of objects.

    Args:
        prefix: of its files.

    Raises:
        ValueError: it is damaged, or has no graph of objects.
    """

    def __init__(self, prefix: str):
        self._what = f"'{prefix}'"
        try:
            self._reader = tf.train.load_checkpoint(prefix)
            self._shapes = self._reader.get_variable_to_shape_map()
            stored = self._reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH")
            graph = trackable_object_graph_pb2.TrackableObjectGraph()
            graph.ParseFromString(stored)
        except Exception as error:
            # TensorFlow, protobuf and NumPy have no common base of their errors.
            raise ValueError(
                f"'{prefix}' is no checkpoint of Keras 2 ({reason(error)}): {_EXPECTED}"
            ) from error
        self._nodes = graph.nodes

    def groups(self, part: str | None, leaves: Sequence[Leaf] | None) -> list[Group]:
        """As `Weights.groups`; of names, it has the variables' alone."""
        if part is None:
            found = list(self._groups(0, set()))
            if any(map(_is_numbered, self._children(0))):
                return found
            # A class of its own, whose layers are all meant.
            if leaves is not None and len(found) == len(leaves):
                return found
        parts = self._parts()
        return list(self._groups(parts[choose(part, list(parts), self._what)], set()))

    def _children(self, node):
        """The layers below a node, by name, in Keras 2's order."""
        children = {c.local_name: c.node_id for c in self._nodes[node].children}
        numbered = sorted(filter(_is_numbered, children), key=_number)
        if numbered:
            return {name: children[name] for name in numbered}
        return {
            name: child
            for name, child in children.items()
            if child and not re.fullmatch(_NOT_LAYERS, name) and not self._key(child)
        }

    def _parts(self):
        children = self._children(0)
        return {
            name: node
            for name, node in children.items()
            if not _OPTIMIZER & {c.local_name for c in self._nodes[node].children}
            and any(
                len(array.shape) == 4
                for group in self._groups(node, set())
                for array in group.arrays
            )
        }

    def _key(self, node):
        for attribute in self._nodes[node].attributes:
            if attribute.name == "VARIABLE_VALUE":
                return attribute.checkpoint_key
        return None

    def _groups(self, node, seen) -> Iterator[Group]:
        if node in seen or node >= len(self._nodes):
            return
        seen.add(node)
        arrays = []
        for child in self._nodes[node].children:
            key = self._key(child.node_id)
            if key in self._shapes:
                shape = tuple(self._shapes[key])
                arrays.append(Stored(child.local_name, shape, self._read(key)))
        if arrays:
            yield Group(None, arrays)
        for child in self._children(node).values():
            yield from self._groups(child, seen)

    def _read(self, key):
        return lambda: self._reader.get_tensor(key)


def _is_numbered(name):
    return re.fullmatch(r"layer_with_weights-\d+", name)


def _number(name):
    return int(name.rpartition("-")[2])
