"""The words after a command, read as dataclasses; mistakes explained in one line.

tyro parses. It explains mistakes in boxes of many lines, so `usage_errors` says the
same in one.
"""

import contextlib
import dataclasses
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tfi2i.commands.usage_errors import explain

Options = TypeVar("Options")
Commands = dict[str, tuple[Callable[[list[str]], None], str]]
"""What runs each command, and its line in the help."""

# Options of type str that are paths.
_PATHS = ("dir", "exclude", "images", "init_from", "source")


class CommandError(ValueError):
    """A command line that cannot be carried out, explained in one line."""


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """A command without options."""


def run_command(words: list[str], commands: Commands, group: str = "") -> None:
    """Runs the command that the first word names.

    Args:
        words: what follows `tfi2i`, or the group.
        commands: those to choose from.
        group: word that precedes them, such as `"data"`.

    Raises:
        CommandError: there is no such command, or its words do not fit.
        SystemExit: after showing the help of a command.
    """
    if words[0] not in commands:
        from tfi2i.recipes.config import suggest

        named = f"{group} {words[0]}".strip()
        raise CommandError(
            f"There is no command {named!r}.{suggest(words[0], commands)} "
            f"Commands: {', '.join(commands)}."
        )
    commands[words[0]][0](words[1:])


def outline(commands: Commands) -> str:
    """The commands and what they are for, a line each."""
    return "\n".join(f"  {name:<11}{about}" for name, (_, about) in commands.items())


def parse(
    kind: type[Options],
    words: list[str],
    program: str,
    about: str,
    default: Options | None = None,
) -> Options:
    """Parses `words` as the fields of the dataclass `kind`.

    Args:
        kind: a dataclass whose field docstrings are the help.
        words: what follows the command.
        program: the command, as help shows it.
        about: one sentence for the help.
        default: instance with the values of flags that are not given.

    Returns:
        An instance of `kind`, with `~` expanded in paths.

    Raises:
        CommandError: for words that do not fit.
        SystemExit: after showing help.
    """
    import tyro

    boxes = io.StringIO()
    given: dict[str, Any] = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(boxes):
            said = tyro.cli(kind, args=words, prog=program, description=about, **given)
            return with_home(said)
    except SystemExit as stop:
        if not stop.code:
            raise
    # tyro explains in a box over many lines; its text is the last resort.
    text = " ".join(
        boxes.getvalue().translate(dict.fromkeys(map(ord, "╭─╮│╰╯"))).split()
    )
    raise CommandError(explain(kind, words, program) or text)


def with_home(options: Any) -> Any:
    """Expands a leading `~` to the home folder in every path among the options.

    Shells do so for `--run ~/r`, but not for `--run=~/r`.

    Args:
        options: a dataclass, whose fields may be dataclasses.

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
