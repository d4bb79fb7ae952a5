"""Functional networks of Keras 3 from the configurations that Keras 2 stored.

Networks inside networks are dissolved: their layers become layers of the one model.
"""

import collections
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import keras

from tfi2i.interop.keras2 import layers, operations
from tfi2i.interop.keras2.building import Builder, plain
from tfi2i.interop.keras2.layers import FileLayer
from tfi2i.interop.keras2.leaves import Leaf, Rebuilt, keras_2_name, next_key
from tfi2i.interop.keras2.nodes import (
    check_arguments,
    is_network,
    references,
    resolve,
)
from tfi2i.layers import RequireMultiple

# These have something else in their place where they are always "in training".
_ALWAYS_TRAINING = ("BatchNormalization", "Dropout", "SpatialDropout2D")
_OPERATIONS = ("TFOpLambda", "SlicingOpLambda")
# The side on which a network whose sizes are free is tried.
_TRIAL = 256


def rebuild(
    entry: dict[str, Any],
    custom_objects: Mapping[str, Callable[..., keras.layers.Layer]],
    free_size: bool = False,
    budget: float = math.inf,
) -> Rebuilt:
    """Builds the network that a configuration describes.

    Args:
        entry: `{"class_name": ..., "config": ...}` of a functional or sequential model,
            plain values, tuples as lists.
        custom_objects: classes or functions by the names of custom layers.
        free_size: whether height and width shall be free; the network then begins with
            a `RequireMultiple` named "size".
        budget: how many parameters one layer may have.

    Raises:
        ValueError: the model is not made of layers alone, or one is unknown.
    """
    if not is_network(entry):
        raise ValueError(
            f"The model '{entry.get('class_name')}' is a class of its own, whose "
            "connections are program code that the file does not hold: build the same "
            "with Keras 3 and tfi2i.layers and pass it as architecture=."
        )
    network = _Network(entry, "", ("layers",))
    names = [layer.name for layer in network.file_layers()]
    builder = Builder(names, custom_objects, budget)
    inputs = [_input(*item, free_size) for item in network.inputs()]
    tensors = [builder.remember(tensor, Fraction(1)) for tensor in inputs]
    if free_size:
        name = builder.name("size", "")
        size = RequireMultiple(1, "Resize, or crop", name=name)
        tensors = [builder.call(size, tensors[0], "RequireMultiple"), *tensors[1:]]
    outputs = network.call(builder, tensors)
    if not outputs:
        raise ValueError(f"The model '{network.name}' has no output: it is damaged.")
    model = keras.Model(
        inputs[0] if len(inputs) == 1 else inputs,
        outputs[0] if len(outputs) == 1 else outputs,
        name=plain(network.name) or "network",
    )
    if free_size:
        # Known only now; the input's free sides had nothing to be checked.
        size.multiple, size.minimum = builder.size_rule()
    if builder.guessed and not _keeps_frame(inputs, outputs, builder):
        raise layers.no_padding(builder.guessed[0])
    return Rebuilt(model, list(network.leaves()))


def _input(name, shape, dtype, free_size):
    shape = tuple(shape[1:])
    if free_size:
        if len(shape) != 3 or shape[-1] is None:
            raise ValueError(
                f"Input '{name}' of shape {shape} has no height and width to be free: "
                "leave free_size out."
            )
        shape = (None, None, shape[-1])
    return keras.Input(shape, dtype=dtype or "float32", name=plain(name))


def _keeps_frame(inputs, outputs, builder):
    """Whether an image comes out at its size, as with another padding it would not."""
    if len(inputs) > 1 or len(inputs[0].shape) != 4:
        return False
    shape = inputs[0].shape
    sides = [side or _TRIAL for side in shape[1:3]]
    model = keras.Model(inputs[0], outputs[0])
    output = model.compute_output_shape((1, *sides, shape[3]))
    scale = builder.scale(outputs[0])
    return list(output[1:3]) == [math.ceil(side / scale) for side in sides]


@dataclass
class _Child:
    """A layer of a network, and the calls of it."""

    entry: FileLayer
    key: str
    path: str
    nodes: list = field(default_factory=list)
    layer: keras.layers.Layer | None = None
    variables: dict[str, keras.Variable] | None = None

    @property
    def name(self):
        return self.entry.name

    def call(self, builder, value, arguments):
        kind = self.entry.kind
        if kind in _OPERATIONS:
            name = builder.name(self.name, self.path)
            layer, value = operations.make(self.entry, value, arguments, name)
            return [builder.call(layer, value, kind)]
        if arguments.get("training") and kind in _ALWAYS_TRAINING:
            arguments = {**arguments, "training": None}
            self.entry.is_always_training = True
        check_arguments(self.name, [kind], arguments)
        if self.layer is not None:
            return [builder.call(self.layer, value, kind)]
        names = self._make(builder, value)
        output = builder.call(self.layer, value, kind)
        self._find_variables(names)
        return [output]

    def _make(self, builder, value):
        first = value[0] if isinstance(value, list) else value
        self.layer, names = layers.make(
            self.entry,
            tuple(first.shape),
            builder.name(self.name, self.path),
            builder.custom_objects,
            builder.budget,
        )
        is_custom = layers.is_custom(self.entry, builder.custom_objects)
        if not is_custom and layers.is_guess(self.entry):
            builder.guessed.append(self.entry)
        return names

    def _find_variables(self, names):
        own = self.layer.weights
        if names is None:
            names = [keras_2_name(self.entry.kind, variable.name) for variable in own]
        elif len(names) < len(own):
            # The file has a scale or an offset alone.
            self.layer.gamma.assign([1.0] * self.layer.gamma.shape[0])
            own = [variable for variable in own if variable.name in names]
        self.variables = dict(zip(names, own, strict=True))


class _Network:
    """A functional or sequential model of a file."""

    def __init__(self, entry, path, keys):
        config = entry["config"]
        # Keras 2.2 had no name there.
        self.config = {"layers": config} if isinstance(config, list) else config
        self.is_sequential = "output_layers" not in self.config
        self.name = str(self.config.get("name") or entry.get("name") or "")
        self.path = path
        self.keys = keys
        self.nodes = entry.get("inbound_nodes") or []
        used = collections.Counter()
        self.children = [self._child(layer, used) for layer in self.config["layers"]]

    def _child(self, entry, used):
        kind = entry.get("registered_name") or entry["class_name"]
        key = next_key(kind, used)
        if is_network(entry):
            own = entry["config"]
            name = own.get("name") if isinstance(own, dict) else entry.get("name")
            path = f"{self.path}_{name or key}" if self.path else str(name or key)
            return _Network(entry, path, (*self.keys, key, "layers"))
        config = entry["config"]
        name = str(config.get("name") or entry.get("name") or key)
        layer = FileLayer(name, kind, config, entry.get("padding"))
        return _Child(layer, key, self.path, entry.get("inbound_nodes") or [])

    def file_layers(self) -> Iterator[FileLayer]:
        """All layers in it, those of networks inside included."""
        for child in self.children:
            if isinstance(child, _Network):
                yield from child.file_layers()
            else:
                yield child.entry

    def leaves(self) -> Iterator[Leaf]:
        """Its layers with weights, in the order of the file."""
        for child in self.children:
            if isinstance(child, _Network):
                yield from child.leaves()
            elif child.variables:
                yield Leaf(child.name, (*self.keys, child.key), child.variables)

    def inputs(self):
        """Name, shape and type of each input."""
        if self.is_sequential:
            first = next(self.file_layers())
            shape = _shape(first.config) or self.config.get("build_input_shape")
            if not shape:
                raise ValueError(
                    f"The sequential model '{self.name}' does not say which images it "
                    "takes: build the same with Keras 3 and pass it as architecture=."
                )
            return [(f"{first.name}_input", shape, first.config.get("dtype"))]
        configs = {child.name: child.entry.config for child in self._inputs()}
        return [
            (name, _shape(configs[name]), configs[name].get("dtype"))
            for name, _, _ in references(self.config["input_layers"])
        ]

    def _inputs(self):
        return [
            child
            for child in self.children
            if isinstance(child, _Child) and child.entry.kind == "InputLayer"
        ]

    def call(self, builder, values, arguments=None):
        """Calls its layers on tensors."""
        kinds = (layer.kind for layer in self.file_layers())
        check_arguments(self.name, kinds, arguments or {})
        values = values if isinstance(values, list) else [values]
        if not self.is_sequential:
            return self._call_graph(builder, values)
        inputs = self._inputs()
        for child in self.children:
            if child not in inputs:
                value = values[0] if len(values) == 1 else values
                values = child.call(builder, value, {})
        return values

    def _call_graph(self, builder, values):
        inputs = references(self.config["input_layers"])
        known = dict(zip(inputs, values, strict=True))
        first = self._first_calls()
        waiting = [
            (child, first.get(child.name, 0) + index, node)
            for child in self.children
            for index, node in enumerate(child.nodes)
        ]
        while waiting:
            later = []
            for child, number, node in waiting:
                found = resolve(node, known)
                if found is None:
                    later.append((child, number, node))
                    continue
                for index, output in enumerate(child.call(builder, *found)):
                    known[child.name, number, index] = output
            if len(later) == len(waiting):
                raise ValueError(
                    f"Layer '{later[0][0].name}' of '{self.name}' takes what no layer "
                    "gives: the file is damaged."
                )
            waiting = later
        return [known[ref] for ref in references(self.config["output_layers"])]

    def _first_calls(self):
        """The number of each layer's first call: 1 for networks with an own input."""
        found = references(self.config["output_layers"])
        for child in self.children:
            found += references(child.nodes)
        first = {}
        for name, number, _ in found:
            first[name] = min(number, first.get(name, number))
        return first


def _shape(config):
    return config.get("batch_input_shape") or config.get("batch_shape")
