"""Explanations of invalid command lines, one line each."""

import contextlib
import dataclasses
import types
import typing
from pathlib import Path
from typing import Any


def explain(kind: type, words: list[str], program: str) -> str | None:
    """Explains why the words of a command are invalid.

    Args:
        kind: dataclass of the command's options.
        words: as typed.
        program: the command that precedes them.

    Returns:
        One line; None if nothing is found.
    """
    hints = _flags(kind)
    missing = _positionals(kind)
    words = list(words)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        name = name.replace("_", "-")
        if not name.startswith("--"):
            if not missing:
                return f"Unexpected argument {word!r}; see {program} --help."
            if not missing[0].endswith("..."):
                missing.pop(0)
            continue
        positive = name.replace("--no-", "--", 1).replace(".no-", ".", 1)
        if hints.get(positive) is bool:
            following = value if equals else next(iter(words), "--")
            if not following.startswith("--"):
                opposite = positive[2:].rpartition(".")
                off = f"--{opposite[0]}{opposite[1]}no-{opposite[2]}"
                return (
                    f"{name} takes no value but got {following!r}; write {positive} or "
                    f"{off}."
                )
        elif name not in hints:
            return (
                f"There is no option {name}.{_suggest_flag(name, hints, program)} "
                f"See {program} --help."
            )
        else:
            values, hint = [value], hints[name]
            if not equals:
                if not words or words[0].startswith("--"):
                    return f"{name} needs a value: {_expected(hint)}."
                values = [words.pop(0)]
            if typing.get_origin(hint) is tuple:
                hint = typing.get_args(hint)[0]
                while words and not words[0].startswith("--"):
                    values.append(words.pop(0))
            for value in values:
                if not _fits(value, hint):
                    return f"{name} is {value!r}; expected {_expected(hint)}."
    missing = [name for name in missing if not name.endswith("...")]
    if missing:
        return f"{program} needs {' and '.join(missing)}; see {program} --help."
    return None


def _positionals(kind: type) -> list[str]:
    """Names of positional arguments, in order; dots mark a repeated one."""
    from tyro.conf import Positional

    marker = typing.get_args(Positional[str])[1]
    names = []
    for hint in typing.get_type_hints(kind, include_extras=True).values():
        parts = typing.get_args(hint)
        if typing.get_origin(hint) is typing.Annotated and marker in parts:
            is_many = typing.get_origin(parts[0]) is tuple
            shown = next(part.metavar for part in parts if hasattr(part, "metavar"))
            names.append(shown.partition(" ")[0] + ("..." if is_many else ""))
    return names


def _suggest_flag(name: str, flags: dict[str, Any], program: str) -> str:
    """Suggests flags whose last part is `name`, else the most similar one."""
    from tfi2i.commands import reference_options
    from tfi2i.recipes.config import suggest

    # `train` takes `--resume` instead of a recipe.
    more = ["--resume"] if program.startswith("tfi2i train") else []
    known = reference_options.ours(name, [*flags, *more])
    if known is not None:
        return f" Did you mean {' or '.join(known)}?" if known else ""
    last = name.lstrip("-")
    same = [flag for flag in flags if flag.lstrip("-").rpartition(".")[2] == last]
    if same:
        return f" Did you mean {' or '.join(same)}?"
    return suggest(name, flags).replace("'", "")


def _flags(kind: Any, prefix: str = "--") -> dict[str, Any]:
    """The annotation of each flag of `kind`."""
    flags: dict[str, Any] = {}
    hints = typing.get_type_hints(kind, include_extras=True)
    # What a class says, such as its stored type, is no field.
    for field in dataclasses.fields(kind):
        hint, flag = hints[field.name], prefix + field.name.replace("_", "-")
        if dataclasses.is_dataclass(hint):
            flags |= _flags(hint, f"{flag}.")
        elif not _is_marked(hint):
            flags[flag] = _without_bounds(hint)
    return flags


def _is_marked(hint: Any) -> bool:
    """Whether tyro is told to make something else than a flag of an option."""
    is_annotated = typing.get_origin(hint) is typing.Annotated
    markers = hint.__metadata__ if is_annotated else ()
    return any(type(marker).__module__.startswith("tyro.") for marker in markers)


def _without_bounds(hint: Any) -> Any:
    return hint.__origin__ if typing.get_origin(hint) is typing.Annotated else hint


def _arms(hint: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else (hint,)


def _fits(value: str, hint: Any) -> bool:
    for arm in _arms(hint):
        if typing.get_origin(arm) is typing.Literal:
            if value in typing.get_args(arm):
                return True
        elif arm is types.NoneType:
            if value == "None":
                return True
        else:
            with contextlib.suppress(ValueError):
                arm(value)
                return True
    return False


def _expected(hint: Any) -> str:
    names = {
        int: "a whole number",
        float: "a number",
        str: "text",
        Path: "a path",
        types.NoneType: "None",
    }
    parts: list[str] = []
    for arm in _arms(hint):
        if typing.get_origin(arm) is typing.Literal:
            parts += typing.get_args(arm)
        else:
            parts.append(names[arm])
    return " or ".join(parts) if len(parts) < 3 else "one of " + ", ".join(parts)
