"""What archives hold, read member by member: zip, tar and tar.gz.

Nothing is believed: members are regular files and folders, and what is read of them
is counted. `tarfile` is used for its headers alone: its reader takes a broken header
for the end, keeps long names of any length in memory, and its filters differ between
versions of Python.
"""

import contextlib
import errno
import gzip
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 512
_CHUNK = 2**20
# Of one long name; longer ones are nobody's.
_MAX_HEADER = 2**16
# In front of one file.
_MAX_EXTRAS = 8
_MAX_TAIL = 2**26
# Ten times what 500,000 files of short names need.
_MAX_DIRECTORY = 2**29

# What zipfile raises, beside ValueError, where an archive is not as it should be.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    struct.error,
)

ZIP_START = b"PK\3\4"
GZIP_START = b"\x1f\x8b"

DAMAGED = "it is truncated or damaged"


class BadArchive(ValueError):
    """An archive that is not unpacked, and why, in one line."""


@dataclass(frozen=True)
class Member:
    """A file or folder.

    Attributes:
        name: as the archive writes it.
        is_folder: whether it is one.
        size: bytes of a file that the archive declares.
        packed: bytes that a file takes in the archive, None where that is not known.
        read: gives the next bytes of a file, at most as many as asked, none at its end.
            Only until the next member is asked for.
    """

    name: str
    is_folder: bool
    size: int
    packed: int | None
    read: Callable[[int], bytes]


def members(path: Path) -> Iterator[Member]:
    """Reads an archive's members in order; its kind is told by its content.

    Raises:
        BadArchive: it is none, is damaged, or holds what is neither file nor folder.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(4)
        if start == ZIP_START or start == b"PK\5\6":
            yield from _zip_members(path)
        elif start[:2] == GZIP_START:
            file.seek(0)
            with gzip.open(file) as unzipped:
                yield from _tar_members(_Reader(unzipped.read))
        else:
            file.seek(257)
            if file.read(5) != b"ustar":
                raise BadArchive("it is neither a zip nor a tar archive")
            file.seek(0)
            yield from _tar_members(_Reader(file.read))


class _Reader:
    """Reads exactly what is asked for, and says so where there is less."""

    def __init__(self, read):
        self._read = read

    def some(self, size):
        try:
            return self._read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadArchive(DAMAGED) from error

    def exactly(self, size):
        parts = []
        while size:
            part = self.some(size)
            if not part:
                raise BadArchive(DAMAGED)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def skip(self, size):
        while size:
            size -= len(self.exactly(min(size, _CHUNK)))

    def finish(self):
        """Reads to the end, where gzip keeps its checksum."""
        for _ in range(_MAX_TAIL // _CHUNK):
            if not self.some(_CHUNK):
                return
        raise BadArchive("it goes on after its end")


def _tar_members(reader: _Reader) -> Iterator[Member]:
    long_name, extras = None, 0
    while True:
        block = reader.exactly(_BLOCK)
        if block == bytes(_BLOCK):
            reader.finish()
            return
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise BadArchive(DAMAGED) from error
        padding = -header.size % _BLOCK
        if header.size < 0:
            raise BadArchive(DAMAGED)
        if header.type in b"LxgK":
            extras += 1
            if header.size > _MAX_HEADER or extras > _MAX_EXTRAS:
                raise BadArchive("it holds a name that is too long")
            content = reader.exactly(header.size + padding)[: header.size]
            if header.type == b"L":
                long_name = content.rstrip(b"\0").decode("utf-8", "surrogateescape")
            elif header.type == b"x":
                long_name = _pax_path(content) or long_name
            continue
        name, long_name, extras = long_name or header.name, None, 0
        if header.type == tarfile.DIRTYPE:
            yield Member(name, True, 0, None, lambda size: b"")
        elif header.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
            part = _Part(reader, header.size)
            yield Member(name, False, header.size, None, part.read)
            reader.skip(part.left + padding)
        else:
            raise BadArchive(f"{shown(name)} in it is {_tar_kind(header)}")


class _Part:
    """The bytes of one file in a stream."""

    def __init__(self, reader, size):
        self._reader = reader
        self.left = size

    def read(self, size):
        size = min(size, self.left)
        data = self._reader.exactly(size)
        self.left -= len(data)
        return data


def _tar_kind(header):
    if header.issym() or header.islnk():
        return "a link"
    if header.isdev():
        return "a device"
    return f"of a kind that is not unpacked ({header.type!r})"


def _pax_path(content: bytes) -> str | None:
    """The name in an extended header; a size there would hide what follows."""
    path = None
    while content:
        length, space, _ = content.partition(b" ")
        if not space or not length.isdigit() or not 0 < int(length) <= len(content):
            raise BadArchive(DAMAGED)
        record, content = content[: int(length)], content[int(length) :]
        key, _, value = record[len(length) + 1 :].rstrip(b"\n").partition(b"=")
        if key == b"path":
            path = value.decode("utf-8", "surrogateescape")
        elif key == b"size" or key.startswith(b"GNU.sparse"):
            raise BadArchive("it holds a file of a form that is not unpacked")
    return path


@contextlib.contextmanager
def _explained():
    """Says of a broken zip that it is one."""
    try:
        yield
    except BadArchive:
        raise
    except (*_ZIP_ERRORS, ValueError) as error:
        raise BadArchive(DAMAGED) from error
    except OSError as error:
        # Asked for by an offset before the archive's start.
        if error.errno != errno.EINVAL:
            raise
        raise BadArchive(DAMAGED) from error


def _zip_members(path: Path) -> Iterator[Member]:
    with _explained():
        _check_directory(path)
        archive = zipfile.ZipFile(path)
    with archive:
        for info in archive.infolist():
            yield from _zip_member(archive, info)


def _check_directory(path):
    """Refuses a directory that would fill the memory before its first entry."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 2**16 - 22))
        tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + 20:
        raise BadArchive(DAMAGED)
    length = struct.unpack_from("<I", tail, at + 12)[0]
    # At 4 GB and more the number is elsewhere, and too large anyway.
    if length > min(size, _MAX_DIRECTORY):
        raise BadArchive("its directory is too large, or damaged")


def _zip_member(archive, info):
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if stat.S_ISLNK(mode):
        raise BadArchive(f"{shown(info.orig_filename)} in it is a link")
    if kind and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise BadArchive(f"{shown(info.orig_filename)} in it is a device")
    if info.flag_bits & 1:
        raise BadArchive(f"{shown(info.orig_filename)} in it is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadArchive(
            f"{shown(info.orig_filename)} in it is compressed in a way that is not "
            "unpacked"
        )
    # As written: zipfile itself would cut the name at a NUL and turn backslashes.
    name = info.orig_filename
    if info.is_dir() or stat.S_ISDIR(mode):
        yield Member(name, True, 0, None, lambda size: b"")
        return
    with _explained():
        file = archive.open(info)

    def read(size):
        with _explained():
            return file.read(size)

    with file:
        yield Member(name, False, info.file_size, info.compress_size, read)


def shown(name: str) -> str:
    """A name for the terminal: escaped and cut, because it comes from a file."""
    text = ascii(name)
    return text if len(text) <= 80 else f"{text[:77]}...'"
