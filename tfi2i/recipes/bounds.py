"""Bounds of a configuration's numbers, which stand beside the fields.

epochs: Annotated[int, at_least(1)] = 200
"""

import dataclasses
import math
import typing
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Bound:
    """What a number must be.

    Attributes:
        holds: whether a number is so.
        expected: the same in words, for a message.
    """

    holds: Callable[[float], bool]
    expected: str


def at_least(least: float) -> Bound:
    """`least` or more."""
    return Bound(lambda value: value >= least, f"at least {least}")


def below(limit: int) -> Bound:
    """Less than `limit`."""
    return Bound(lambda value: value < limit, f"a number below {limit}")


def from_to(least: float, most: float) -> Bound:
    """`least` to `most`, both included."""
    return Bound(lambda v: least <= v <= most, f"a number from {least} to {most}")


ABOVE_ZERO = Bound(lambda value: value > 0, "a number above 0")
SHARE = Bound(lambda value: 0 <= value < 1, "a number from 0 up to but not including 1")
DECAY = Bound(lambda value: 0 < value < 1, "a number between 0 and 1, such as 0.999")


def check_bounds(config: Any, prefix: str = "") -> None:
    """Refuse numbers out of their bounds; their types are taken to be right.

    Args:
        config: a dataclass.
        prefix: of its fields: `"data."`.

    Raises:
        ValueError: naming the command-line flag, its value and what would do.
    """
    hints = typing.get_type_hints(type(config), include_extras=True)
    for item in dataclasses.fields(config):
        value, path = getattr(config, item.name), prefix + item.name
        if dataclasses.is_dataclass(value):
            check_bounds(value, f"{path}.")
        if isinstance(value, float) and not math.isfinite(value):
            refuse(path, value, "a finite number")
        for bound in getattr(hints[item.name], "__metadata__", ()):
            if value is not None and not bound.holds(value):
                refuse(path, value, bound.expected)


def flag(path: str) -> str:
    """Return the command-line flag of a field: `"--data.batch-size"`."""
    return "--" + path.replace("_", "-")


def refuse(path: str, value: Any, expected: str) -> typing.NoReturn:
    """Raise the error of a field's value.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{flag(path)} is {value!r}; expected {expected}.")


def refuse_unused(part: Any, prefix: str, name: str, needed: str) -> None:
    """Refuse a field that is not left at its default.

    Args:
        part: dataclass with the field.
        prefix: of the field's path, without the last dot.
        name: of the field.
        needed: with what it would apply.

    Raises:
        ValueError: its value would silently be ignored.
    """
    value = getattr(part, name)
    if value != getattr(type(part)(), name):
        raise ValueError(
            f"{flag(f'{prefix}.{name}')} is {value!r}, but applies only with {needed}; "
            "leave it out or change that."
        )


def field_values(config: Any, prefix: str = "") -> dict[str, Any]:
    """Return every leaf value of `config` by its dotted path: `"data.batch_size"`."""
    values: dict[str, Any] = {}
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            values |= field_values(value, f"{prefix}{item.name}.")
        else:
            values[prefix + item.name] = value
    return values
