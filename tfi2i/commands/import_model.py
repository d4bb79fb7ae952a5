"""`tfi2i import`."""

import dataclasses
import typing
from pathlib import Path

from tfi2i.commands.parsing import parse
from tfi2i.commands.tensorflow_context import loaded_tensorflow


def import_options() -> type[typing.Any]:
    """Options of `tfi2i import`."""
    from tyro.conf import Positional, arg

    @dataclasses.dataclass(frozen=True)
    class ImportOptions:
        source: typing.Annotated[Positional[str], arg(metavar="SOURCE")]
        """PyTorch checkpoint, Keras 2 model, or the name of a published generator
        (tfi2i import --list)."""
        run: typing.Annotated[Positional[Path], arg(metavar="RUN")]
        """Folder to make."""
        direction: typing.Literal["a2b", "b2a"] = "a2b"
        """Direction in which it translates."""
        key: str | None = None
        """Name of the network, if the file holds several."""
        dropout: float | None = None
        """Rate it was trained with; None: 0.5 with batch norm, else 0 (PyTorch)."""
        statistics: typing.Literal["image", "stored"] | None = None
        """Statistics of batch norm when painting; None is image (PyTorch)."""
        architecture: str | None = None
        """Of a file of weights alone: model.json, or keras-cyclegan (Keras 2)."""
        mirror: str | None = None
        """Host to fetch published generators from; None is their authors'."""

    return ImportOptions


def import_model(words: list[str]) -> None:
    """Runs `tfi2i import`."""
    about = "Make a run of a generator that another program trained."
    if words == ["--list"]:
        _list_published()
        return
    options = parse(import_options(), words, "tfi2i import", about)
    with loaded_tensorflow():
        from rich.console import Console

        from tfi2i.interop.import_command import account, import_source

        for line in account(import_source(options, Console())):
            print(line)


def _list_published() -> None:
    from tfi2i.interop.published_generators import HOST, TERMS, published

    for item in published():
        print(f"{item.name:<28}  {item.kind}")
    print(f"From {HOST}. {TERMS}")
    print("Fetch one: tfi2i import NAME RUN")
