"""Weights in TensorFlow checkpoints, found through the checkpoint's object graph.

Only shapes are read until a layer asks for an array of its own shape, and the file
cannot make this code create any object.
"""

import re
from collections.abc import Iterator, Sequence

import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2

from tfi2i.errors import reason
from tfi2i.interop.keras2.weighted_layers import (
    StoredArray,
    StoredLayer,
    WeightedLayer,
    choose_part,
)

# What Keras and TensorFlow track beside layers.
_NOT_LAYERS = (
    "keras_api|.*variables|.*losses|signatures|.*optimizer.*|save_counter|.*metrics?"
    "|loss_tracker|_default_save_signature"
)
_OPTIMIZER = {"iter", "_iterations", "beta_1", "learning_rate", "_learning_rate"}


class CheckpointWeights:
    """The weights in a TensorFlow checkpoint, which names variables but not layers.

    Args:
        prefix: common prefix of the checkpoint's files.

    Raises:
        ValueError: it is damaged, or has no object graph.
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
            # The errors of TensorFlow, protobuf and NumPy have no common base class.
            raise ValueError(
                f"'{prefix}' is no checkpoint of Keras 2 ({reason(error)}): expected "
                "what Keras 2's save_weights writes."
            ) from error
        self._nodes = graph.nodes

    def layers(
        self, part: str | None, wanted: Sequence[WeightedLayer] | None
    ) -> list[StoredLayer]:
        """See `StoredWeights.layers`."""
        if part is None:
            found = list(self._layers(0, set()))
            if any(map(_is_numbered, self._children(0))):
                return found
            # A subclassed model; all of its layers are wanted.
            if wanted is not None and len(found) == len(wanted):
                return found
        parts = self._parts()
        chosen = parts[choose_part(part, list(parts), self._what)]
        return list(self._layers(chosen, set()))

    def _children(self, node):
        """Returns the layers below a node, by name, in Keras 2's order."""
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
                for layer in self._layers(node, set())
                for array in layer.arrays
            )
        }

    def _key(self, node):
        for attribute in self._nodes[node].attributes:
            if attribute.name == "VARIABLE_VALUE":
                return attribute.checkpoint_key
        return None

    def _layers(self, node, seen) -> Iterator[StoredLayer]:
        if node in seen or node >= len(self._nodes):
            return
        seen.add(node)
        arrays = []
        for child in self._nodes[node].children:
            key = self._key(child.node_id)
            if key in self._shapes:
                shape = tuple(self._shapes[key])
                arrays.append(StoredArray(child.local_name, shape, self._read(key)))
        if arrays:
            yield StoredLayer(None, arrays)
        for child in self._children(node).values():
            yield from self._layers(child, seen)

    def _read(self, key):
        return lambda: self._reader.get_tensor(key)


def _is_numbered(name):
    return re.fullmatch(r"layer_with_weights-\d+", name)


def _number(name):
    return int(name.rpartition("-")[2])
