"""The words after a command, read as dataclasses; mistakes explained in one line.

tyro parses. It explains mistakes in boxes over many lines, so where it refuses, the
words are walked again here to say the same in one.
"""

import contextlib
import dataclasses
import io
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

if typing.TYPE_CHECKING:
    from tfi2i.recipes.config import TrainConfig
    from tfi2i.recipes.named import Recipe

Options = TypeVar("Options")


class CommandError(ValueError):
    """A command line that cannot be carried out, explained in one line."""


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """A command without options."""


@dataclasses.dataclass(frozen=True)
class MovedData:
    """Where the images of a run are now."""

    dir: str | None = None
    """Folder of the images, if they have moved; None is where they were."""


@dataclasses.dataclass(frozen=True)
class ResumeOptions:
    """What `tfi2i train --resume` takes."""

    resume: Path
    """Folder of the run to go on with."""
    data: MovedData = dataclasses.field(default_factory=MovedData)
    """Images."""


@dataclasses.dataclass(frozen=True)
class DemoOptions:
    """What `tfi2i demo` takes."""

    run: Path = Path("saved_models/demo")
    """Folder of the run."""


def parse(
    kind: type[Options],
    words: list[str],
    program: str,
    about: str,
    default: Options | None = None,
) -> Options:
    """Read `words` as the fields of the dataclass `kind`.

    Args:
        kind: a dataclass whose field docstrings are the help.
        words: what follows the command.
        program: the command, as help shows it.
        about: one sentence for the help.
        default: an instance whose values hold where no flag says otherwise.

    Returns:
        An instance of `kind`.

    Raises:
        CommandError: for words that do not fit.
        SystemExit: after showing help.
    """
    import tyro

    boxes = io.StringIO()
    given = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(boxes):
            return tyro.cli(kind, args=words, prog=program, description=about, **given)
    except SystemExit as stop:
        if not stop.code:
            raise
    # tyro explains in a box over many lines; its text is the last resort.
    text = " ".join(
        boxes.getvalue().translate(dict.fromkeys(map(ord, "╭─╮│╰╯"))).split()
    )
    raise CommandError(_explain(kind, words, program) or text)


def parse_training(
    name: str, recipe: "Recipe", words: list[str]
) -> tuple["TrainConfig", Path]:
    """Read the options of `tfi2i train RECIPE`.

    Args:
        name: of the recipe.
        recipe: whose configuration holds where no flag says otherwise.
        words: what follows RECIPE.

    Returns:
        The configuration, not resolved, and the folder of the run.

    Raises:
        CommandError: for words that do not fit.
        SystemExit: after showing help.
    """
    import tyro

    from tfi2i.recipes.config import TrainConfig

    fields = [field.name for field in dataclasses.fields(TrainConfig)]

    @dataclasses.dataclass(frozen=True)
    class TrainOptions(TrainConfig):
        recipe: typing.Annotated[str, tyro.conf.Suppress] = ""
        run: Path = Path("saved_models") / name
        """Folder of the run."""

    recipe_values = {field: getattr(recipe.config, field) for field in fields}
    options = parse(
        TrainOptions,
        words,
        f"tfi2i train {name}",
        f"Learn {recipe.summary}.\nCost: {recipe.cost}.\nScores: {recipe.scores}.",
        TrainOptions(**recipe_values),
    )
    values = {field: getattr(options, field) for field in fields}
    return TrainConfig(**values), options.run


def _explain(kind: type, words: list[str], program: str) -> str | None:
    """Return what is wrong with `words` in one line, None if nothing is found."""
    hints = _flags(kind)
    words = list(words)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        name = name.replace("_", "-")
        if not name.startswith("--"):
            return f"Unexpected argument {word!r}; see {program} --help."
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
                f"There is no option {name}.{_suggest_flag(name, hints)} "
                f"See {program} --help."
            )
        else:
            if not equals:
                if not words or words[0].startswith("--"):
                    return f"{name} needs a value: {_expected(hints[name])}."
                value = words.pop(0)
            if not _fits(value, hints[name]):
                return f"{name} is {value!r}; expected {_expected(hints[name])}."
    return None


def _suggest_flag(name: str, flags: dict[str, Any]) -> str:
    """Prefer the flags that end like `name`: --filters is not near --epochs."""
    from tfi2i.recipes.config import suggest

    last = name.lstrip("-")
    same = [flag for flag in flags if flag.lstrip("-").rpartition(".")[2] == last]
    if same:
        return f" Did you mean {' or '.join(same)}?"
    return suggest(name, flags).replace("'", "")


def _flags(kind: type, prefix: str = "--") -> dict[str, Any]:
    """Return the annotation of every flag that `kind` offers."""
    flags = {}
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        flag = prefix + name.replace("_", "-")
        if dataclasses.is_dataclass(hint):
            flags |= _flags(hint, f"{flag}.")
        elif typing.get_origin(hint) is not typing.Annotated:
            flags[flag] = hint
    return flags


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
