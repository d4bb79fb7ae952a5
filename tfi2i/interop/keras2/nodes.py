"""Connections between layers in Keras 2 configurations.

A reference is `[layer, number of the call, number of the output]`. A call is a list of
references, each optionally followed by keyword arguments.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Reference = tuple[str, int, int]

# Layers that behave differently with `training=True`.
_TRAINING_DEPENDENT = (
    "BatchNormalization Dropout GaussianDropout GaussianNoise SpatialDropout2D"
).split()


def is_network(entry: Mapping[str, Any]) -> bool:
    """Whether a configuration describes a functional or sequential model."""
    config = entry.get("config")
    if entry.get("class_name") == "Sequential":
        return isinstance(config, list) or "layers" in (config or {})
    return isinstance(config, dict) and {"layers", "output_layers"} <= config.keys()


def references(value: Any) -> list[Reference]:
    """Returns all references in nested lists and arguments."""
    if _is_reference(value):
        found = [tuple(value[:3])]
        return found + references(value[3]) if len(value) == 4 else found
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    if isinstance(value, dict):
        return [found for item in value.values() for found in references(item)]
    return []


def _is_reference(value):
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        # Keras 2 marks constants with -1.
        and value[1] >= 0
        and isinstance(value[2], int)
    )


def resolve(
    call: list[Any], known: Mapping[Reference, Any]
) -> tuple[Any, dict[str, Any]] | None:
    """Looks up the arguments of a stored call among the known tensors.

    Returns:
        The first argument (a tensor, a list of tensors or a number) and the others by
        name; None if a tensor is not known yet.

    Raises:
        ValueError: the call is malformed.
    """
    if not isinstance(call, list) or not call:
        raise ValueError(f"A layer is called on {call!r}, unlike in files of Keras 2.")
    if any(reference not in known for reference in references(call)):
        return None
    # Keras 2 omits the outer list for a function's single argument.
    items = [call] if isinstance(call[0], str) else call
    arguments = {}
    for item in items:
        arguments.update(item[3] if len(item) == 4 else {})
    values = [_value(item, known) for item in items]
    first = values[0] if len(values) == 1 else values
    return first, {key: _value(value, known) for key, value in arguments.items()}


def _value(item, known):
    if _is_reference(item):
        return known[tuple(item[:3])]
    if isinstance(item, list) and item[:2] == ["_CONSTANT_VALUE", -1]:
        return item[2]
    return item


def check_arguments(
    name: str, kinds: Iterable[str], arguments: Mapping[str, Any]
) -> None:
    """Refuses call arguments that affect layers and that a Keras 3 graph cannot keep.

    Raises:
        ValueError: for example `training`, if a layer in it is of a noisy kind.
    """
    is_dependent = any(kind in _TRAINING_DEPENDENT for kind in kinds)
    for key, value in arguments.items():
        if value is not None and (is_dependent or key not in ("training", "mask")):
            raise ValueError(
                f"Layer '{name}' is called with {key}={value!r}, which a Keras 3 graph "
                "cannot hold: build the network anew with Keras 3 and pass it as "
                "architecture=."
            )
