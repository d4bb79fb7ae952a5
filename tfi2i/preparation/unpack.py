"""Unpacks archives of images, whoever made them.

Nothing that an archive says is trusted: names may not leave the folder, only regular
files and folders are allowed, and numbers and sizes are limited and counted while
reading. After a failure nothing is left behind.
"""

import contextlib
import os
import re
import shutil
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from tfi2i.files import check_is_new, whole_folder
from tfi2i.preparation.archive_members import BadArchive, Member, members, shown

_CHUNK = 2**20
# Files of operating systems beside the images.
_LITTER = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"}
_SPLITS = ("train", "val", "test")
_DRIVE = re.compile("[A-Za-z]:(/|$)")
_FORBIDDEN = re.compile('[:*?"<>|]')
_DEVICE = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\.|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Limits:
    """Limits of what is unpacked; the largest public set has 139,000 files.

    Attributes:
        files: number of files and folders.
        total: bytes of all files.
        single: bytes of one file.
        ratio: unpacked bytes by packed ones, of the archive and of each file in a
            zip. Images hardly shrink.
        depth: of folders.
        name: bytes of one part of a path.
    """

    files: int = 500_000
    total: int = 64 * 2**30
    single: int = 2**30
    ratio: int = 100
    depth: int = 16
    name: int = 255


def unpack(archive: Path, folder: Path, limits: Limits | None = None) -> int:
    """Unpacks an archive: all of it or nothing.

    Folders that only wrap the data set are left out: `folder` holds `train` and `val`,
    or `trainA`, `trainB`, and so on. Names that some system cannot hold are changed by
    `portable`, on every system.

    Args:
        archive: zip, tar or tar.gz; its content tells which.
        folder: that does not exist, or is empty.
        limits: None takes those of `Limits`.

    Returns:
        The number of files.

    Raises:
        BadArchive: it is none, is damaged or dangerous; a ValueError of one line.
        FileExistsError: `folder` holds something.
        OSError: it cannot be written.
    """
    check_is_new(folder)
    try:
        with whole_folder(folder) as partial:
            number = _Unpacking(archive, partial, limits or Limits()).run()
            _unwrap(partial)
    except BadArchive as error:
        raise BadArchive(
            f"'{archive}' is not unpacked, and nothing of it is kept: {error}."
        ) from error
    return number


class _Unpacking:
    """One archive, and what has been unpacked of it."""

    def __init__(self, archive: Path, folder: Path, limits: Limits):
        self._archive = archive
        self._folder = folder
        self._limits = limits
        self._total = 0
        self._files = 0
        # Nearly empty images may shrink more in a small archive.
        self._allowed = min(
            limits.total, archive.stat().st_size * limits.ratio + 2 * _CHUNK
        )
        # By the path as file systems see it that ignore case: the path as written, and
        # whether it is a folder.
        self._seen: dict[tuple[str, ...], tuple[str, bool]] = {}

    def run(self) -> int:
        with contextlib.closing(members(self._archive)) as found:
            for number, member in enumerate(found, 1):
                if number > self._limits.files:
                    raise BadArchive(f"it holds more than {self._limits.files:,} files")
                self._unpack(member)
        if not self._files:
            raise BadArchive("it holds no files")
        return self._files

    def _unpack(self, member: Member) -> None:
        parts = _parts(member.name, self._limits)
        if not parts or _LITTER & set(parts):
            while data := member.read(_CHUNK):
                self._count(len(data))
            return
        self._check_unique(parts, member)
        path = self._folder.joinpath(*parts)
        if member.is_folder:
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write(member, path)
        self._files += 1

    def _check_unique(self, parts, member):
        for depth in range(1, len(parts) + 1):
            is_folder = depth < len(parts) or member.is_folder
            written = "/".join(parts[:depth])
            key = tuple(map(_folded, parts[:depth]))
            if key not in self._seen:
                self._seen[key] = (written, is_folder)
                continue
            known, was_folder = self._seen[key]
            if known != written:
                raise BadArchive(
                    f"it holds {shown(known)} and {shown(written)}, which are one name "
                    "where case does not count"
                )
            if was_folder != is_folder:
                raise BadArchive(f"{shown(written)} in it is a file and a folder")
            if not is_folder:
                raise BadArchive(f"it holds {shown(written)} twice")

    def _write(self, member: Member, path: Path) -> None:
        if member.size > self._limits.single:
            raise BadArchive(
                f"{shown(member.name)} in it has {member.size:,} bytes, and one file "
                f"may have {self._limits.single:,}"
            )
        small = member.size <= _CHUNK
        if member.packed is not None and not small:
            self._check_ratio(member.size, member.packed, member.name)
        left = member.size
        with path.open("xb") as file:
            # One byte more than declared, to notice a longer file.
            while data := member.read(min(_CHUNK, left + 1)):
                left -= len(data)
                if left < 0:
                    raise BadArchive(f"{shown(member.name)} is longer than it says")
                self._count(len(data))
                file.write(data)
        if left:
            raise BadArchive(f"{shown(member.name)} is shorter than it says")

    def _check_ratio(self, size, packed, name):
        if size > packed * self._limits.ratio:
            raise BadArchive(
                f"{shown(name)} in it grows from {packed:,} to {size:,} bytes, as no "
                "image does"
            )

    def _count(self, size):
        self._total += size
        if self._total > self._allowed:
            raise BadArchive(
                f"it grows to more than {self._allowed:,} bytes, as no archive of "
                "images does"
            )


def _parts(name: str, limits: Limits) -> tuple[str, ...]:
    """Splits a path, and refuses one that may lead out of the folder."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise BadArchive(f"{shown(name)} in it has a control character")
    if any(0xD800 <= ord(letter) < 0xE000 for letter in name):
        raise BadArchive(f"{shown(name)} in it is no text")
    if "\\" in name:
        raise BadArchive(f"{shown(name)} in it has a backslash")
    if name.startswith("/") or _DRIVE.match(name):
        raise BadArchive(f"{shown(name)} in it is an absolute path")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise BadArchive(f"{shown(name)} in it leads out of the folder")
    parts = tuple(map(portable, parts))
    if len(parts) > limits.depth:
        raise BadArchive(f"{shown(name)} in it is more than {limits.depth} deep")
    if any(len(part.encode()) > limits.name for part in parts):
        raise BadArchive(f"{shown(name)} in it is too long a name")
    return parts


def portable(part: str) -> str:
    """Changes one part of a path so that every system can hold it.

    Windows takes some names for devices, whatever their extension, a colon for the
    start of a hidden stream, and removes dots and spaces at the end.

    >>> portable("2014-08-01 17:41:55.jpg"), portable("aux.png"), portable("1. ")
    ('2014-08-01 17_41_55.jpg', '_aux.png', '1._')
    """
    part = _FORBIDDEN.sub("_", part)
    if part.endswith((".", " ")):
        part = f"{part[:-1]}_"
    return f"_{part}" if _DEVICE.match(part) else part


def _folded(part: str) -> str:
    """A name without what file systems may ignore: case, accents' forms, last dots."""
    return unicodedata.normalize("NFC", part.casefold()).rstrip(". ")


def _unwrap(folder: Path) -> None:
    """Removes folders that hold nothing but one other folder."""
    inner = folder
    while True:
        only, *others = inner.iterdir()
        if others or not only.is_dir() or only.name.lower().startswith(_SPLITS):
            break
        inner = only
    if inner == folder:
        return
    wrapper = folder / inner.relative_to(folder).parts[0]
    # The wrapper may have the name of what it wraps.
    aside = folder / ".aside"
    os.replace(wrapper, aside)
    for entry in (aside / inner.relative_to(wrapper)).iterdir():
        os.replace(entry, folder / entry.name)
    shutil.rmtree(aside)
