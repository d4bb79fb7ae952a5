"""The home folder in paths that a user typed."""

import dataclasses
import os
from pathlib import Path
from typing import Any

# Options that are text and hold paths, beside those of type Path.
_PATHS = ("dir", "exclude", "images", "init_from", "source")


def with_home(options: Any) -> Any:
    """Put the home folder in the place of a first `~` in every path among options.

    Shells do so for `--run ~/r`, but not for `--run=~/r`.

    Args:
        options: a dataclass, of others perhaps.

    Returns:
        Another of its kind.
    """
    changes = {}
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if dataclasses.is_dataclass(value):
            changes[field.name] = with_home(value)
        elif isinstance(value, tuple):
            changes[field.name] = tuple(
                _expanded(item) if isinstance(item, Path) else item for item in value
            )
        elif isinstance(value, Path) or (value and field.name in _PATHS):
            changes[field.name] = _expanded(value)
    return dataclasses.replace(options, **changes)


def _expanded(path: str | Path) -> str | Path:
    return type(path)(os.path.expanduser(path))
