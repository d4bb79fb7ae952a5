"""How a description of Keras 2 says what is connected with what.

A reference is `[layer, number of its call, number of its output]`, a call a list of
references, of which each may carry further arguments.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Reference = tuple[str, int, int]

# Whether Keras 2 calls these "in training" matters.
_NOISY = (
    "BatchNormalization Dropout GaussianDropout GaussianNoise SpatialDropout2D"
).split()


def is_network(entry: Mapping[str, Any]) -> bool:
    """Whether a configuration says how the layers are connected."""
    config = entry.get("config")
    if entry.get("class_name") == "Sequential":
        return isinstance(config, list) or "layers" in (config or {})
    return isinstance(config, dict) and {"layers", "output_layers"} <= config.keys()


def references(value: Any) -> list[Reference]:
    """All references in nested lists and arguments."""
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
        # Keras 2 gives constants the number -1.
        and value[1] >= 0
        and isinstance(value[2], int)
    )


def resolve(
    call: list[Any], known: Mapping[Reference, Any]
) -> tuple[Any, dict[str, Any]] | None:
    """The arguments of a call.

    Args:
        call: as stored.
        known: tensors by reference.

    Returns:
        The first argument, a tensor, a list of them or a number, and the others by
        their names; None where a tensor is not known yet.

    Raises:
        ValueError: calls are not stored so.
    """
    if not isinstance(call, list) or not call:
        raise ValueError(f"A layer is called on {call!r}, unlike in files of Keras 2.")
    if any(reference not in known for reference in references(call)):
        return None
    # Of a function's single argument, the list around it is left out.
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
    """Refuses what a Keras 3 graph would overrule, such as noise that is always off.

    Args:
        name: of the layer or network that is called.
        kinds: of all layers in it.
        arguments: of the call but the first.

    Raises:
        ValueError: one of them makes a difference.
    """
    is_noisy = any(kind in _NOISY for kind in kinds)
    for key, value in arguments.items():
        if value is not None and (is_noisy or key not in ("training", "mask")):
            raise ValueError(
                f"Layer '{name}' is called with {key}={value!r}, which a Keras 3 graph "
                "cannot hold: build the network anew with Keras 3 and pass it as "
                "architecture=."
            )
