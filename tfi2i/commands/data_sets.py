"""`tfi2i data`: commands about images, before anything is trained."""

import dataclasses
import itertools
import json
import shlex
import sys
import typing
from pathlib import Path
from typing import Any

from tfi2i.commands.parsing import CommandError, Commands, outline, parse, run_command
from tfi2i.commands.tensorflow_context import loaded_tensorflow
from tfi2i.files import check_is_folder


def data(words: list[str]) -> None:
    """Runs one command of `tfi2i data`.

    Args:
        words: what follows `tfi2i data`.

    Raises:
        CommandError: there is no such command, or its words do not fit.
        SystemExit: after showing help, and with status 1 where images cannot train.
    """
    if words and words[0] not in ("-h", "--help"):
        run_command(words, COMMANDS, "data")
        return
    print(
        f"""usage: tfi2i data COMMAND [OPTIONS]

Look at images, and make data sets of them.

commands:
{outline(COMMANDS)}

options:
  -h, --help  show this help; after a command, that command's"""
    )


def pair_options() -> type[typing.Any]:
    """Options of `tfi2i data pair`."""
    from tyro.conf import Positional, arg

    @dataclasses.dataclass(frozen=True)
    class PairOptions:
        dir_a: typing.Annotated[Positional[Path], arg(metavar="DIR_A")]
        """Images of A, or train, val and test folders of them."""
        dir_b: typing.Annotated[Positional[Path], arg(metavar="DIR_B")]
        """Images of B, of the same names; extensions may differ."""
        out: typing.Annotated[Positional[Path], arg(metavar="OUT")]
        """Folder to make."""
        resize: typing.Literal["a", "b"] | None = None
        """Whose size both images of a pair get where they differ; None refuses them."""

    return PairOptions


def split_options() -> type[typing.Any]:
    """Options of `tfi2i data split`."""
    from tyro.conf import Positional, arg

    @dataclasses.dataclass(frozen=True)
    class SplitOptions:
        dir: typing.Annotated[Positional[Path], arg(metavar="DIR")]
        """Images, single or side by side, or two folders of images (pairs, if their
        names match)."""
        out: typing.Annotated[Positional[Path], arg(metavar="OUT")]
        """Folder to make; images are copied."""
        val: float = 0.1
        """Share of the images for validation."""
        test: float = 0.1
        """Share of the images for the test."""
        seed: int = 0
        """Another seed splits otherwise."""
        group: str | None = None
        """Regular expression on names; images in which its first group (or the whole)
        finds the same never cross splits."""
        unpaired: bool = False
        """Split two folders each on its own, though names match."""
        exclude: Path | None = None
        """List of images to leave out, as tfi2i data check --exclude writes it."""

    return SplitOptions


def check_options(recipe: str | None = None) -> type[typing.Any]:
    """Options of `tfi2i data check`.

    Args:
        recipe: gives the defaults in the help; None for those of `DataConfig`.
    """
    from tyro.conf import Positional, Suppress, arg

    from tfi2i.recipes.config import DataConfig
    from tfi2i.recipes.named import RECIPES

    usual = RECIPES[recipe].config.data if recipe in RECIPES else DataConfig()

    @dataclasses.dataclass(frozen=True)
    class CheckData(DataConfig):
        dir: typing.Annotated[str | None, Suppress] = None

    @dataclasses.dataclass(frozen=True)
    class CheckOptions:
        dir: typing.Annotated[Positional[Path], arg(metavar="DIR")]
        """Folder of the images."""
        recipe: str | None = None
        """What is to be trained; None is pix2pix for pairs, else cyclegan."""
        layout: typing.Literal["auto", "side_by_side", "folders", "targets"] = "auto"
        """How images lie on disk; auto looks at the folder."""
        a: str | None = None
        """Name of domain A's folders; None is A, or the recipe's."""
        b: str | None = None
        """Name of domain B's folders."""
        input: typing.Literal["files", "edges", "grayscale", "downscale"] | None = None
        """Where inputs come from; None: files, or edges for single images."""
        crop_size: int | None = None
        """Side of what the networks see; None: what does not enlarge the images."""
        batch_size: int | None = None
        """Images in one step."""
        exclude: Path | None = None
        """List for train's --data.exclude: what it names is left out, what else should
        be is added; written where missing."""
        json: bool = False
        """Print one JSON object."""
        data: CheckData = dataclasses.field(
            default_factory=lambda: CheckData(**vars(usual))
        )
        """As for tfi2i train; what is not given is found out."""

    return CheckOptions


def get_options() -> type[typing.Any]:
    """Options of `tfi2i data get`."""
    from tyro.conf import Positional, arg

    @dataclasses.dataclass(frozen=True)
    class GetOptions:
        name: typing.Annotated[Positional[str | None], arg(metavar="NAME")] = None
        """Name of the set."""
        dir: typing.Annotated[Positional[Path | None], arg(metavar="DIR")] = None
        """Folder to make."""
        list: bool = False
        """Show the sets and fetch none."""
        mirror: str | None = None
        """Address to fetch from; None tries their authors' and documented copies."""

    return GetOptions


def _check(words: list[str]) -> None:
    about = (
        "Look at a folder of images: what it is, what is wrong with it, what training "
        "would do with it, and the command that does it. Status 1 where it would fail."
    )
    options = parse(check_options(_recipe(words)), words, "tfi2i data check", about)
    asked = _asked(options, words)
    directory, is_json = options.dir, options.json
    check_is_folder(directory)
    with loaded_tensorflow():
        from rich.console import Console

        from tfi2i.preparation import check_report
        from tfi2i.preparation.check import check
        from tfi2i.preparation.inspection import CheckRequest

        checked = check(directory, CheckRequest(**asked))
        if is_json:
            print(json.dumps(check_report.to_dict(checked), indent=2))
        else:
            check_report.show(checked, Console(), options.exclude)
    if not checked.ok:
        sys.exit(1)


def _recipe(words: list[str]) -> str | None:
    """The name of the recipe, which decides the defaults of the other options."""
    for word, following in itertools.pairwise([*words, ""]):
        name, equals, value = word.partition("=")
        if name == "--recipe":
            return value if equals else following
    return None


def _asked(options: Any, words: list[str]) -> dict[str, Any]:
    """The given options, as fields of `preparation.inspection.CheckRequest`."""
    flags = (word.partition("=")[0] for word in words if word.startswith("--data."))
    paths = [flag.removeprefix("--data.").replace("-", "_") for flag in flags]
    names = {path.partition(".")[0].removeprefix("no_") for path in paths}
    said = {name: getattr(options.data, name) for name in names}
    asked = {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(options)
        if field.name not in ("dir", "json", "data")
    }
    both = {"exclude"} & said.keys() if options.exclude is not None else set()
    for name in asked.keys() & said.keys() - {"exclude"}:
        if asked[name] not in (None, "auto", said[name]):
            both.add(name)
        asked[name] = said.pop(name)
    if both:
        flag = both.pop().replace("_", "-")
        raise CommandError(f"--{flag} and --data.{flag} are both given: leave one out.")
    return {**asked, "data": said}


def _pair(words: list[str]) -> None:
    about = "Join two folders of images into one of images side by side, A left."
    options = parse(pair_options(), words, "tfi2i data pair", about)
    for folder in (options.dir_a, options.dir_b):
        check_is_folder(folder)
    with loaded_tensorflow():
        from tfi2i.preparation.pair import pair

        done = pair(options.dir_a, options.dir_b, options.out, resize=options.resize)
    for split, count in done.counts.items():
        print(f"{split}: {count} pairs")
    for note in done.notes:
        print(f"{note[0].upper()}{note[1:]}.")
    if done.resized:
        print(f"{done.resized} pairs brought to the size of {options.resize.upper()}")
    if not done.is_split:
        source, target = _quoted(done.out / "train"), _quoted(f"{done.out}-split")
        print(f"To set some aside: tfi2i data split {source} {target}")
    _print_next(done.out)


def _split(words: list[str]) -> None:
    about = "Copy images to folders train, val and test, so that none is in two."
    options = parse(split_options(), words, "tfi2i data split", about)
    check_is_folder(options.dir)
    with loaded_tensorflow():
        from tfi2i.preparation.split import split

        values = dataclasses.asdict(options)
        done = split(values.pop("dir"), values.pop("out"), **values)
    for name, kinds in done.counts.items():
        counts = [f"{count} {kind}" for kind, count in kinds.items()]
        if done.is_paired is False:
            counts = [f"{kind} {count}" for kind, count in kinds.items()]
        print(f"{name}: {', '.join(counts)}")
    if done.is_paired is False:
        print("The folders were split each on its own, not as pairs.")
    for note in done.notes:
        print(f"{note[0].upper()}{note[1:]}.")
    if done.groups is not None:
        print(f"{done.groups} groups, none in two splits")
    if done.identical:
        print(f"{done.identical} files show the same picture as another, in one split")
    _print_next(done.out)


def _get(words: list[str]) -> None:
    about = "Fetch a public set, after showing its size and terms; again to go on."
    options = parse(get_options(), words, "tfi2i data get", about)
    if options.list:
        _list_sets()
        return
    given = {"NAME": options.name, "DIR": options.dir}
    missing = [word for word, value in given.items() if value is None]
    if missing:
        raise CommandError(
            f"tfi2i data get needs {' and '.join(missing)}; tfi2i data get --list "
            "shows the sets."
        )
    from rich.console import Console

    from tfi2i.preparation.fetch import get

    get(options.name, options.dir, mirror=options.mirror, console=Console())
    _print_next(options.dir)


def _list_sets() -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from tfi2i.preparation.public_sets import SOURCES, shown_size

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("set", no_wrap=True)
    for title in ("what it shows", "archive", "last verified"):
        table.add_column(title)
    for source in SOURCES.values():
        row = source.name, source.about, shown_size(source), source.verified
        table.add_row(*row)
    console = Console()
    console.print(table)
    console.print("Fetch one: tfi2i data get NAME DIR", markup=False)


def _print_next(folder: Path) -> None:
    print(f"Next: tfi2i data check {_quoted(folder)}")


def _quoted(word: Any) -> str:
    return shlex.quote(str(word))


COMMANDS: Commands = {
    "check": (_check, "what a folder holds, what is wrong, and how to train on it"),
    "pair": (_pair, "join two folders of images into one of images side by side"),
    "split": (_split, "copy images to folders train, val and test"),
    "get": (_get, "fetch one of pix2pix' or CycleGAN's public sets"),
}
