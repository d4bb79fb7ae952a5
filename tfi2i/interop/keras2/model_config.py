"""Model configurations in the JSON and protocol buffers of Keras 2."""

import json
from typing import Any

from tfi2i.interop.keras2.nodes import is_network, references

_MAX_BYTES = 2**26


def parse(data: bytes, what: str) -> dict[str, Any]:
    """Returns a model's configuration in JSON as plain values, with tuples as lists.

    Raises:
        ValueError: it is not a Keras 2 model configuration.
    """
    if len(data) > _MAX_BYTES:
        raise ValueError(f"{what} describes its model in {len(data)} bytes: damaged.")
    try:
        entry = _plain(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} describes its model in damaged JSON.") from error
    if not isinstance(entry, dict) or "config" not in entry:
        raise ValueError(f"{what} describes no model.")
    refuse_keras_3(str(entry.get("keras_version", "2")), what)
    _add_padding(entry)
    return entry


def refuse_keras_3(version: str, what: str):
    """Refuses files that Keras 3 itself reads.

    Raises:
        ValueError: the version is 3 or later.
    """
    if not version.startswith(("1.", "2")):
        raise ValueError(
            f"{what} was written by Keras {version}, not by Keras 2: read it with "
            "keras.saving.load_model."
        )


def _plain(value):
    """Decodes Keras 2's JSON encodings of tuples, shapes and NumPy numbers."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("class_name")
    if kind in ("__tuple__", "TensorShape") and "items" in value:
        return _plain(value["items"])
    if kind in ("__tuple__", "__numpy__", "__tensor__") and "config" in value:
        config = value["config"]
        return _plain(config["value"] if isinstance(config, dict) else config)
    return {key: _plain(item) for key, item in value.items()}


def _add_padding(entry):
    """Adds each layer's padding, from its stored input shape and the next layer's."""
    if not is_network(entry):
        return
    config = entry["config"]
    layers = config if isinstance(config, list) else config["layers"]
    by_name = {_name(layer): layer for layer in layers}
    is_sequential = isinstance(config, list) or "output_layers" not in config
    before = None
    for layer in layers:
        _add_padding(layer)
        sources = {ref[0] for ref in references(layer.get("inbound_nodes"))}
        if is_sequential:
            sources, before = {before}, _name(layer)
        # A layer with several inputs does not store the shape of a single one.
        source = by_name.get(*sources) if len(sources) == 1 else None
        if source is not None:
            source["padding"] = _padding(_input_shape(source), _input_shape(layer))


def _input_shape(layer):
    return layer.get("build_config", {}).get("input_shape")


def _name(layer):
    config = layer.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return name or layer.get("name")


def _padding(before, after):
    """Returns half the growth of height and width; None if unknown or uneven."""
    for shape in (before, after):
        if not isinstance(shape, list) or len(shape) != 4:
            return None
        if not all(isinstance(side, int) for side in shape[1:3]):
            return None
    growth = {after[1] - before[1], after[2] - before[2]}
    (grown,) = growth if len(growth) == 1 else (-1,)
    return grown // 2 if grown >= 0 and grown % 2 == 0 else None


def parse_saved_model(data: bytes, what: str) -> dict[str, dict[str, Any]]:
    """Returns the configurations in a SavedModel's keras_metadata.pb.

    That of the whole model is `""`; a subclassed model has those of its parts by name.

    Raises:
        ValueError: it is damaged.
    """
    objects = _saved_objects(data, what)
    paths = {}
    for path, entry in objects.items():
        parent, _, _ = path.rpartition(".")
        paths[parent, entry.get("name")] = path
    if "root" not in objects:
        raise ValueError(f"{what} has Keras' metadata without a model.")
    found = {"": objects["root"]}
    if not is_network(objects["root"]):
        parts = {
            path.partition(".")[2]: entry
            for path, entry in objects.items()
            if path.count(".") == 1 and is_network(entry)
        }
        found = parts or found
    for name, entry in found.items():
        _add_shapes(entry, f"root.{name}" if name else "root", paths, objects)
        _add_padding(entry)
    return found


def _add_shapes(entry, path, paths, objects):
    """Copies a SavedModel's input shapes to where `.keras` files have them."""
    if not is_network(entry):
        return
    config = entry["config"]
    for layer in config if isinstance(config, list) else config["layers"]:
        child = paths.get((path, _name(layer)))
        if child is not None:
            shape = objects[child].get("build_input_shape")
            layer["build_config"] = {"input_shape": shape}
            _add_shapes(layer, child, paths, objects)


def _saved_objects(data, what):
    """Reads keras_metadata.pb: the JSON of each object, by its path.

    The message is `SavedMetadata` in Keras 2's saved_metadata.proto: field 1 repeats
    objects; their fields 3 and 5 are a path such as "root.layer-1" and the JSON.
    """
    try:
        objects = {}
        for number, message in _fields(data):
            if number == 1:
                fields = dict(_fields(message))
                path = fields[3].decode()
                objects[path] = _plain(json.loads(fields[5]))
        return objects
    except (ValueError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{what} has a damaged keras_metadata.pb.") from error


def _fields(data):
    """Yields a protocol buffer's field numbers with their bytes or integers."""
    position = 0

    def varint():
        nonlocal position
        value = shift = 0
        while True:
            if position >= len(data) or shift > 63:
                raise ValueError("cut short")
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while position < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        if key & 7 not in (1, 2, 5):
            raise ValueError("unknown wire type")
        length = varint() if key & 7 == 2 else {1: 8, 5: 4}[key & 7]
        if position + length > len(data):
            raise ValueError("cut short")
        yield key >> 3, data[position : position + length]
        position += length
