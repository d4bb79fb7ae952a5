"""Configurations from a recipe's name and the fields that a user changes."""

import os
from collections.abc import Mapping
from typing import Any

from tfi2i.recipes.config import TrainConfig
from tfi2i.recipes.named import RECIPES, get
from tfi2i.recipes.resolve import resolve, without_unused
from tfi2i.recipes.serialize import FORMAT, from_dict, to_dict


def customize(recipe: str, fields: Mapping[str, Any]) -> TrainConfig:
    """Changes some fields of a named recipe.

    Args:
        recipe: its name.
        fields: of `TrainConfig`, by name. Nested ones are mappings, or one name with
            dots: `{"data": {"batch_size": 4}}` is `{"data.batch_size": 4}`.

    Returns:
        The configuration, not resolved.

    Raises:
        ValueError: there is no such recipe or field, or a value has another type.
    """
    start = get(recipe).config
    return without_unused(with_fields(start, fields), start)


def with_fields(config: TrainConfig, fields: Mapping[str, Any]) -> TrainConfig:
    """Changes some fields of a configuration; `fields` is that of `customize`."""
    stored = to_dict(config)
    merged = _merged(stored, fields)
    model = merged["model"]
    if isinstance(model, Mapping) and model["type"] != stored["model"]["type"]:
        raise ValueError(
            f"model.type is {model['type']!r}, but the recipe is of a "
            f"{stored['model']['type']!r}: choose a recipe of the other model."
        )
    return from_dict(merged)


def checked_data(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `DataConfig` with their names and types checked, paths as strings.

    Raises:
        ValueError: there is no such field, or a value has another type.
    """
    data = with_fields(from_dict({"format": FORMAT}), {"data": fields}).data
    names = (name.partition(".")[0] for name in fields)
    return {name: getattr(data, name) for name in names}


def ready_to_train(config: TrainConfig) -> TrainConfig:
    """Resolves a configuration, and refuses one whose recipe lacks images.

    Raises:
        ValueError: a value cannot train; the recipe needs `data.dir`; a domain is
            named although the recipe's bundled images are used.
    """
    config = resolve(config)
    recipe = RECIPES.get(config.recipe)
    if recipe is None or config.data.dir is not None:
        return config
    if not recipe.bundled:
        raise ValueError(
            f"--data.dir is missing: {config.recipe} learns from your own images; "
            "give their folder with --data.dir DIR."
        )
    for side in ("a", "b"):
        # The recipe itself names the bundled domains.
        given = getattr(config.data, side)
        if given != getattr(recipe.config.data, side):
            raise ValueError(
                f"--data.{side} is {given!r}, but applies only with images of your "
                "own, --data.dir; leave it out or change that."
            )
    return config


def _merged(stored, fields, prefix=""):
    """The stored form of a configuration, with nested fields replaced."""
    merged = dict(stored)
    for name, value in fields.items():
        name, _, below = name.partition(".")
        if below:
            value = {below: value}
        if isinstance(merged.get(name), Mapping):
            path = f"{prefix}{name}"
            if not isinstance(value, Mapping):
                raise ValueError(
                    f"{path} is {value!r}; expected a mapping of some of its "
                    f"fields: {', '.join(merged[name])}."
                )
            merged[name] = _merged(merged[name], value, f"{path}.")
        elif isinstance(value, os.PathLike):
            merged[name] = os.fspath(value)
        else:
            merged[name] = value
    return merged
