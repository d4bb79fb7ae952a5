"""The stored form of a configuration: JSON types with a version."""

import dataclasses
import types
import typing
from dataclasses import replace
from typing import Any, Literal

from tfi2i.recipes.config import TrainConfig, suggest
from tfi2i.recipes.model_list import MODELS, of_type

FORMAT = 1
"""Version of the stored form. Every released one stays readable."""


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """Return the stored form: JSON types only, with `"format"` and `"model.type"`."""
    stored = dataclasses.asdict(config)
    stored["model"] = {"type": config.model.type, **stored["model"]}
    return {"format": FORMAT, **stored}


def from_dict(stored: dict[str, Any]) -> TrainConfig:
    """Read the stored form back.

    A field that is missing takes its default, so that fields can be added without a
    new format.

    Args:
        stored: what `to_dict` returned, also after a round trip through JSON.

    Returns:
        A configuration equal to the one that was stored.

    Raises:
        ValueError: for an unknown format, model type or field (the nearest is
            suggested), or a value of another type.
    """
    if not isinstance(stored, dict):
        raise ValueError(f"The configuration is {stored!r}; expected a JSON object.")
    values = dict(stored)
    written = values.pop("format", None)
    if type(written) is not int or written != FORMAT:
        raise ValueError(
            f"The configuration has format {written!r}; this version of tfi2i reads "
            f"format {FORMAT}. Use the version that wrote it, or a newer one."
        )
    return _read_fields(values, TrainConfig(model=MODELS[0]()), "")


def _read(value: Any, hint: Any, path: str) -> Any:
    """Check `value` against the annotation `hint`."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        if value is None:
            return None
        (hint,) = (arm for arm in typing.get_args(hint) if arm is not types.NoneType)
        return _read(value, hint, path)
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
        if isinstance(value, str) and value in choices:
            return value
        expected = "one of " + ", ".join(map(repr, choices))
    # bool is a subclass of int, and JSON writes 1.0 as 1 in other languages.
    elif type(value) is hint:
        return value
    elif hint is float and type(value) is int:
        return float(value)
    else:
        expected = f"a value of type {hint.__name__}"
    raise ValueError(
        f"Field {path!r} of the configuration is {value!r}; expected {expected}."
    )


def _read_fields(value: Any, default: Any, path: str) -> Any:
    """Replace the fields of `default`, a dataclass, that `value` names."""
    if not isinstance(value, dict):
        raise ValueError(
            f"Field {path!r} of the configuration is {value!r}; expected an object."
        )
    values = dict(value)
    if path == "model":
        name = values.pop("type", None)
        model = of_type(name)
        if model is None:
            known = ", ".join(repr(model.type) for model in MODELS)
            raise ValueError(
                f"Field 'model.type' of the configuration is {name!r}; expected one "
                f"of {known}."
            )
        default = model()
    prefix = f"{path}." if path else ""
    types_of = typing.get_type_hints(type(default))
    hints = {item.name: types_of[item.name] for item in dataclasses.fields(default)}
    for name in values:
        if name not in hints:
            siblings = [prefix + hint for hint in hints]
            hint = suggest(prefix + str(name), siblings)
            raise ValueError(
                f"The configuration has no field {prefix + str(name)!r}."
                f"{hint or ' Its fields are ' + ', '.join(siblings) + '.'}"
            )
    for name, field_value in values.items():
        part, at = getattr(default, name), prefix + name
        if dataclasses.is_dataclass(part):
            values[name] = _read_fields(field_value, part, at)
        else:
            values[name] = _read(field_value, hints[name], at)
    return replace(default, **values)
