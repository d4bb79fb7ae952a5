"""Folders that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tfi2i.files import check_can_make, temporary_folder


def check_is_new(out: Path, *sources: Path) -> None:
    """Refuse to write over something, or into what is read.

    Args:
        out: the folder to make.
        sources: folders whose images it is made of.

    Raises:
        OSError: it is there and not empty, or cannot be made.
        ValueError: it lies in a folder that is read.
    """
    if out.is_symlink() and not out.exists():
        raise FileExistsError(f"'{out}' is a link that leads nowhere: remove it")
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"'{out}' is a file; name a folder that is new or empty")
    if out.is_dir() and any(out.iterdir()):
        raise FileExistsError(
            f"'{out}' is there already and not empty; name a new folder, or remove it"
        )
    place = out.resolve()
    for source in sources:
        if place.is_relative_to(source.resolve()):
            raise ValueError(
                f"'{out}' lies in '{source}', whose images are read; name a folder "
                "elsewhere"
            )
    check_can_make(out, "Name another folder.")


@contextlib.contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Give a temporary folder beside `out`, which takes its place at the end.

    Args:
        out: that `check_is_new` has let pass.

    Yields:
        The temporary folder. After a failure nothing of it is left.
    """
    # A link to an empty folder stays a link.
    place = out.resolve()
    with temporary_folder(place) as partial:
        yield partial
        if place.is_dir():
            place.rmdir()
        os.replace(partial, place)
