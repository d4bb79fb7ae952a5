"""Members of zip, tar and tar.gz archives, read in order and not believed.

`tarfile` and `zipfile` parse. Their extraction is not used, and neither are tarfile's
filters: these know nothing of zip, allow links, names that collide where case does not
count and files of any size, and are missing before Python 3.11.4.
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
from typing import BinaryIO

_CHUNK = 2**20
_MAX_TAIL = 2**26
# Of a zip's directory: ten times what 500,000 short names need.
_MAX_DIRECTORY = 2**29

# What zipfile, tarfile and gzip raise where an archive is not as it should be.
_ERRORS = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    struct.error,
    EOFError,
    OverflowError,
    # NotImplementedError and RecursionError are of this kind, too.
    RuntimeError,
    ValueError,
)

ZIP_START = b"PK\3\4"
GZIP_START = b"\x1f\x8b"

DAMAGED = "it is truncated or damaged"


class BadArchive(ValueError):
    """Why an archive is not unpacked, in one line."""


@dataclass(frozen=True)
class Member:
    """A file or folder.

    Attributes:
        name: as the archive writes it.
        is_folder: whether it is one.
        size: bytes of a file that the archive declares.
        packed: bytes that a file takes in the archive, None where not known.
        read: returns at most so many bytes of a file, none at its end. Valid until the
            next member is asked for.
    """

    name: str
    is_folder: bool
    size: int
    packed: int | None
    read: Callable[[int], bytes]


def members(path: Path) -> Iterator[Member]:
    """Reads an archive's members in order; its content tells its kind.

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
                yield from _tar_members(unzipped)
        else:
            file.seek(257)
            if file.read(5) != b"ustar":
                raise BadArchive("it is neither a zip nor a tar archive")
            file.seek(0)
            yield from _tar_members(file)


class _TarStream:
    """The file that tarfile reads, one header or piece of a file at a time.

    Attributes:
        last: what was read last.
    """

    def __init__(self, file: BinaryIO):
        self._file = file
        self.seek, self.tell = file.seek, file.tell
        self.last = b""

    def read(self, size: int) -> bytes:
        # tarfile keeps names that have a header of their own in memory.
        if not 0 <= size <= _CHUNK:
            raise BadArchive("it holds a name that is too long")
        self.last = self._file.read(size)
        return self.last


def _tar_members(file: BinaryIO) -> Iterator[Member]:
    """Members of a tar archive, up to its end."""
    stream = _TarStream(file)
    with _explained():
        archive = tarfile.open(
            fileobj=stream, mode="r:", encoding="utf-8", errors="surrogateescape"
        )
    while True:
        with _explained():
            header = archive.next()
        if header is None:
            break
        # tarfile would keep all of them.
        archive.members.clear()
        yield _tar_member(archive, header)
    # tarfile takes a broken or missing header for the end.
    if stream.last != bytes(tarfile.BLOCKSIZE):
        raise BadArchive(DAMAGED)
    # gzip keeps its checksum behind the padding.
    for _ in range(_MAX_TAIL // _CHUNK):
        with _explained():
            if not stream.read(_CHUNK):
                return
    raise BadArchive("it goes on after its end")


def _tar_member(archive: tarfile.TarFile, header: tarfile.TarInfo) -> Member:
    name = header.name
    if header.isdir():
        return Member(name, True, 0, None, lambda size: b"")
    if header.issym() or header.islnk():
        raise BadArchive(f"{shown(name)} in it is a link")
    if header.isdev():
        raise BadArchive(f"{shown(name)} in it is a device")
    # A size in an extended header would hide what follows.
    is_plain = not header.issparse() and "size" not in header.pax_headers
    if header.size < 0:
        raise BadArchive(DAMAGED)
    if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or not is_plain:
        raise BadArchive(
            f"{shown(name)} in it is of a kind that is not unpacked ({header.type!r})"
        )
    return Member(name, False, header.size, None, _reader(archive.extractfile(header)))


def _reader(file: BinaryIO) -> Callable[[int], bytes]:
    def read(size):
        with _explained():
            return file.read(size)

    return read


@contextlib.contextmanager
def _explained():
    """Turns the libraries' errors into `BadArchive`."""
    try:
        yield
    except BadArchive:
        raise
    except _ERRORS as error:
        raise BadArchive(DAMAGED) from error
    except OSError as error:
        # An offset before the archive's start.
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
    """Refuses a directory that is too large to keep in memory."""
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
    # As written: zipfile cuts its `filename` at a NUL and replaces backslashes.
    name = info.orig_filename
    if info.is_dir() or stat.S_ISDIR(mode):
        yield Member(name, True, 0, None, lambda size: b"")
        return
    with _explained():
        file = archive.open(info)
    with file:
        yield Member(name, False, info.file_size, info.compress_size, _reader(file))


def shown(name: str) -> str:
    """An untrusted name for the terminal, escaped and shortened."""
    text = ascii(name)
    return text if len(text) <= 80 else f"{text[:77]}...'"
