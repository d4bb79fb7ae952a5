"""Lists of images to leave out: one path a line, relative to the data folder."""

from __future__ import annotations

import dataclasses
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Excluded:
    """Images that a list names.

    Attributes:
        source: the list, None where there is none.
        paths: what it names, below the data folder.
    """

    source: Path | None = None
    paths: frozenset[Path] = frozenset()

    def part(self, found: Iterable[Path]) -> tuple[list[Path], list[Path]]:
        """Separate the images that are kept from those that are left out.

        Raises:
            ValueError: images were found and none is kept.
        """
        found = list(found)
        kept = [path for path in found if path not in self.paths]
        if found and not kept:
            raise ValueError(self.nothing_left(found[0].parent))
        return kept, [path for path in found if path in self.paths]

    def note(self, count: int) -> str:
        """What a layout's reason says of `count` images left out."""
        return f"; {count} left out (listed in '{self.source}')" if count else ""

    def nothing_left(self, folder: Path) -> str:
        """Say that a folder's images are all listed."""
        return (
            f"'{self.source}' leaves out every image of '{folder}': shorten that list "
            "(--data.exclude), or add images"
        )


NOTHING = Excluded()


def read(root: Path, source: str | Path | None) -> Excluded:
    """Read a list of images to leave out.

    Args:
        root: the data folder, which the paths start from.
        source: a text file: one path a line, with slashes; empty lines and those
            that begin with `#` mean nothing. None is no list.

    Raises:
        OSError: the list cannot be read.
        ValueError: it names paths, and none of them is a file of the data folder.
    """
    if source is None:
        return NOTHING
    source = Path(source)
    try:
        # Names need not be UTF-8; what is not is kept as it is.
        text = source.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise type(error)(
            f"cannot read '{source}', the list of images to leave out "
            f"(--data.exclude): {error.strerror}"
        ) from None
    lines = [line.strip() for line in text.splitlines()]
    names = [line for line in lines if line and not line.startswith("#")]
    paths = frozenset(_as_spelt(root / os.path.normpath(name)) for name in names)
    if paths and not any(map(_is_there, paths)):
        raise ValueError(
            f"'{source}' (--data.exclude) names nothing in '{root}', such as "
            f"'{names[0]}': expected paths that start from that folder, as "
            "train/A/cat.jpg"
        )
    return Excluded(source, paths)


def to_text(names: Mapping[str, Sequence[str]]) -> str:
    """Write a list of images to leave out.

    Args:
        names: for every reason, paths from the data folder, with slashes.

    Raises:
        ValueError: a name of several lines, which no list can hold.
    """
    lines = []
    for reason, paths in names.items():
        lines.append(f"# {reason}")
        for path in paths:
            if len(path.splitlines()) > 1:
                raise ValueError(f"{path!r} has a line break in its name: rename it")
            # As a line, it would be a comment, or lose its spaces.
            is_odd = path.startswith("#") or path != path.strip()
            lines.append(f"./{path}" if is_odd else path)
    return "".join(f"{line}\n" for line in lines)


def _as_spelt(path: Path) -> Path:
    """The file of a name, however the file system composes its accents."""
    for form in ("NFC", "NFD"):
        other = Path(unicodedata.normalize(form, str(path)))
        if not _is_there(path) and _is_there(other):
            return other
    return path


def _is_there(path: Path) -> bool:
    # A dangling link is listed since it cannot be read.
    return os.path.lexists(path) and not path.is_dir()
