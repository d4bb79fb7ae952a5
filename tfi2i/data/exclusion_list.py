"""Reads and writes the list of images to leave out (`--data.exclude`).

A text file with one path a line, relative to the data folder.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tfi2i.data.name_matching import spelled_on_disk


@dataclasses.dataclass(frozen=True)
class Excluded:
    """The images that a list names.

    Attributes:
        source: the list; None where there is none.
        paths: the files that it names.
    """

    source: Path | None = None
    paths: frozenset[Path] = frozenset()

    def part(self, found: Iterable[Path]) -> tuple[list[Path], list[Path]]:
        """Separates the images that are kept from those that are left out.

        Raises:
            ValueError: all images are left out.
        """
        found = list(found)
        kept = [path for path in found if path not in self.paths]
        if found and not kept:
            raise ValueError(self.nothing_left(found[0].parent))
        return kept, [path for path in found if path in self.paths]

    def note(self, count: int) -> str:
        """The number of images left out, for the reason of a layout."""
        return f"; {count} left out (listed in '{self.source}')" if count else ""

    def nothing_left(self, folder: Path) -> str:
        """The error message for a list of all images of a folder."""
        return (
            f"'{self.source}' leaves out every image of '{folder}': shorten that list "
            "(--data.exclude), or add images"
        )


NOTHING = Excluded()


def read(root: Path, source: str | Path | None) -> Excluded:
    """Reads a list of images to leave out.

    Args:
        root: the data folder.
        source: a text file: one path a line, relative to `root`, with slashes; empty
            lines and those that begin with `#` are ignored. None is no list.

    Raises:
        OSError: the list cannot be read.
        ValueError: it names paths, and none of them is a file of the data folder.
    """
    if source is None:
        return NOTHING
    source = Path(source)
    try:
        # Names need not be UTF-8.
        text = source.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise type(error)(
            f"cannot read '{source}', the list of images to leave out "
            f"(--data.exclude): {error.strerror}"
        ) from None
    lines = [line.strip() for line in text.splitlines()]
    names = [line for line in lines if line and not line.startswith("#")]
    paths = frozenset(
        spelled_on_disk(root, os.path.normpath(name), _exists) for name in names
    )
    if paths and not any(map(_exists, paths)):
        raise ValueError(
            f"'{source}' (--data.exclude) names nothing in '{root}', such as "
            f"'{names[0]}': expected paths that start from that folder, as "
            "train/A/cat.jpg"
        )
    return Excluded(source, paths)


def to_text(names: Mapping[str, Sequence[str]]) -> str:
    """Formats a list of images to leave out.

    Args:
        names: reason to paths, relative to the data folder, with slashes.

    Raises:
        ValueError: a name contains a line break.
    """
    lines = []
    for reason, paths in names.items():
        lines.append(f"# {reason}")
        for path in paths:
            if len(path.splitlines()) > 1:
                raise ValueError(f"{path!r} has a line break in its name: rename it")
            # Such a line would be a comment, or lose its spaces.
            is_ambiguous = path.startswith("#") or path != path.strip()
            lines.append(f"./{path}" if is_ambiguous else path)
    return "".join(f"{line}\n" for line in lines)


def _exists(path: Path) -> bool:
    # Dangling links count: they are listed because they cannot be read.
    return os.path.lexists(path) and not path.is_dir()
