"""Builds functional Keras 3 models from Keras 2 configurations.

Nested networks are flattened: their layers become layers of the one model.
"""

import collections
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import keras

from tfi2i.interop.keras2 import layer_conversion, tf_functions
from tfi2i.interop.keras2.graph_builder import GraphBuilder, valid_name
from tfi2i.interop.keras2.layer_conversion import FileLayer
from tfi2i.interop.keras2.nodes import check_arguments, is_network, references, resolve
from tfi2i.interop.keras2.weighted_layers import (
    RebuiltModel,
    WeightedLayer,
    keras2_name,
    next_key,
)
from tfi2i.layers import RequireMultiple

# Layers that are replaced if they are always called with `training=True`.
_ALWAYS_TRAINING = ("BatchNormalization", "Dropout", "SpatialDropout2D")
_OPERATIONS = ("TFOpLambda", "SlicingOpLambda")
# Side of the image for which a network of free size is checked.
_TRIAL_SIZE = 256


def rebuild(
    entry: dict[str, Any],
    custom_objects: Mapping[str, Callable[..., keras.layers.Layer]],
    free_size: bool,
    max_parameters: float,
) -> RebuiltModel:
    """Builds the network that a configuration describes.

    Args:
        entry: `{"class_name": ..., "config": ...}`, as `model_config.parse` returns it.
        custom_objects: classes or functions by the names of custom layers.
        free_size: whether to make height and width free; the network then begins with
            a `RequireMultiple` named "size".
        max_parameters: how many parameters one layer may have.

    Raises:
        ValueError: the model is not functional or sequential, or a layer is unknown.
    """
    if not is_network(entry):
        raise ValueError(
            f"The model '{entry.get('class_name')}' is a class of its own, whose "
            "connections are program code that the file does not hold: build the same "
            "with Keras 3 and tfi2i.layers and pass it as architecture=."
        )
    network = _Network(entry, "", ("layers",))
    names = [layer.name for layer in network.file_layers()]
    builder = GraphBuilder(names, custom_objects, max_parameters)
    inputs = [_make_input(*item, free_size) for item in network.inputs()]
    tensors = [builder.record_scale(tensor, Fraction(1)) for tensor in inputs]
    if free_size:
        name = builder.unique_name("size", "")
        size = RequireMultiple(1, "Resize, or crop", name=name)
        tensors = [builder.call(size, tensors[0], "RequireMultiple"), *tensors[1:]]
    outputs = network.call(builder, tensors)
    if not outputs:
        raise ValueError(f"The model '{network.name}' has no output: it is damaged.")
    model = keras.Model(
        inputs[0] if len(inputs) == 1 else inputs,
        outputs[0] if len(outputs) == 1 else outputs,
        name=valid_name(network.name) or "network",
    )
    if free_size:
        # Known only now; nothing was checked so far, because the sides are free.
        size.multiple, size.minimum = builder.size_rule()
    if builder.guessed and not _keeps_size(inputs, outputs, builder):
        raise layer_conversion.unknown_padding_error(builder.guessed[0])
    return RebuiltModel(model, list(network.weighted_layers()))


def _make_input(name, shape, dtype, free_size):
    shape = tuple(shape[1:])
    if free_size:
        if len(shape) != 3 or shape[-1] is None:
            raise ValueError(
                f"Input '{name}' of shape {shape} has no height and width to be free: "
                "leave free_size out."
            )
        shape = (None, None, shape[-1])
    return keras.Input(shape, dtype=dtype or "float32", name=valid_name(name))


def _keeps_size(inputs, outputs, builder):
    """Whether outputs have the size of inputs, which wrong padding would change."""
    if len(inputs) > 1 or len(inputs[0].shape) != 4:
        return False
    shape = inputs[0].shape
    sides = [side or _TRIAL_SIZE for side in shape[1:3]]
    model = keras.Model(inputs[0], outputs[0])
    output = model.compute_output_shape((1, *sides, shape[3]))
    scale = builder.scale(outputs[0])
    return list(output[1:3]) == [math.ceil(side / scale) for side in sides]


@dataclass
class _Child:
    """A layer of a network, and its calls."""

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
            name = builder.unique_name(self.name, self.path)
            layer, value = tf_functions.make_layer(self.entry, value, arguments, name)
            return [builder.call(layer, value, kind)]
        if arguments.get("training") and kind in _ALWAYS_TRAINING:
            arguments = {**arguments, "training": None}
            self.entry.is_always_training = True
        check_arguments(self.name, [kind], arguments)
        if self.layer is not None:
            return [builder.call(self.layer, value, kind)]
        names = self._make_layer(builder, value)
        output = builder.call(self.layer, value, kind)
        self._collect_variables(names)
        return [output]

    def _make_layer(self, builder, value):
        first = value[0] if isinstance(value, list) else value
        self.layer, names = layer_conversion.make_layer(
            self.entry,
            tuple(first.shape),
            builder.unique_name(self.name, self.path),
            builder.custom_objects,
            builder.max_parameters,
        )
        is_custom = layer_conversion.is_custom(self.entry, builder.custom_objects)
        if not is_custom and layer_conversion.is_padding_guessed(self.entry):
            builder.guessed.append(self.entry)
        return names

    def _collect_variables(self, names):
        own = self.layer.weights
        if names is None:
            names = [keras2_name(self.entry.kind, variable.name) for variable in own]
        elif len(names) < len(own):
            # The file has only a scale or only an offset.
            self.layer.gamma.assign([1.0] * self.layer.gamma.shape[0])
            own = [variable for variable in own if variable.name in names]
        self.variables = dict(zip(names, own, strict=True))


class _Network:
    """A functional or sequential model in a file."""

    def __init__(self, entry, path, keys):
        config = entry["config"]
        # Keras 2.2 stored a list of layers without a name.
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
        """Yields all layers, also those of nested networks."""
        for child in self.children:
            if isinstance(child, _Network):
                yield from child.file_layers()
            else:
                yield child.entry

    def weighted_layers(self) -> Iterator[WeightedLayer]:
        """Yields the layers with weights, in the order of the file."""
        for child in self.children:
            if isinstance(child, _Network):
                yield from child.weighted_layers()
            elif child.variables:
                keys = (*self.keys, child.key)
                yield WeightedLayer(child.name, keys, child.variables)

    def inputs(self):
        """Returns the name, shape and dtype of each input."""
        if self.is_sequential:
            first = next(self.file_layers())
            shape = _shape(first.config) or self.config.get("build_input_shape")
            if not shape:
                raise ValueError(
                    f"The sequential model '{self.name}' does not say which images it "
                    "takes: build the same with Keras 3 and pass it as architecture=."
                )
            return [(f"{first.name}_input", shape, first.config.get("dtype"))]
        configs = {child.name: child.entry.config for child in self._input_layers()}
        return [
            (name, _shape(configs[name]), configs[name].get("dtype"))
            for name, _, _ in references(self.config["input_layers"])
        ]

    def _input_layers(self):
        return [
            child
            for child in self.children
            if isinstance(child, _Child) and child.entry.kind == "InputLayer"
        ]

    def call(self, builder, values, arguments=None):
        """Calls the network on tensors."""
        kinds = (layer.kind for layer in self.file_layers())
        check_arguments(self.name, kinds, arguments or {})
        values = values if isinstance(values, list) else [values]
        if not self.is_sequential:
            return self._call_graph(builder, values)
        inputs = self._input_layers()
        for child in self.children:
            if child not in inputs:
                value = values[0] if len(values) == 1 else values
                values = child.call(builder, value, {})
        return values

    def _call_graph(self, builder, values):
        inputs = references(self.config["input_layers"])
        known = dict(zip(inputs, values, strict=True))
        first = self._first_call_numbers()
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

    def _first_call_numbers(self):
        """Returns each layer's first call number: 1 for networks with own inputs."""
        found = references(self.config["output_layers"])
        for child in self.children:
            found += references(child.nodes)
        first = {}
        for name, number, _ in found:
            first[name] = min(number, first.get(name, number))
        return first


def _shape(config):
    return config.get("batch_input_shape") or config.get("batch_shape")
