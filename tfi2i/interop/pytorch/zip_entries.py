"""The zip archives that `torch.save` writes: `zipfile`, with stricter checks.

`zipfile` alone accepts archives with appended bytes, overlapping entries or entries of
one name, decompresses without bound, and reads a directory of any length.
"""

import itertools
import struct
import zipfile
import zlib
from typing import BinaryIO

import numpy as np

from tfi2i.interop.pytorch.modules import quote

# Ten times what a network of a thousand tensors needs.
_MAX_DIRECTORY = 2**24
_END_SIZE, _END64_SIZE, _LOCATOR64_SIZE, _HEADER_SIZE = 22, 56, 20, 30
_CHUNK = 2**16
_DAMAGED = "the archive is damaged: download or copy the file again"
_SUSPICIOUS = "it is damaged, or made to do harm; copy it again from who made it"
_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    ValueError,
)


def open_archive(file: BinaryIO, size: int) -> zipfile.ZipFile:
    """Opens an archive, and checks that its entries lie in the file, each by itself.

    Args:
        file: open for reading.
        size: size of the file, in bytes.

    Raises:
        ValueError: the archive is truncated or damaged, or its entries share a name,
            reach beyond the file or overlap. One line, without the path.
    """
    _check_end(file, size)
    try:
        archive = zipfile.ZipFile(file)
    except _ERRORS as error:
        raise ValueError(_DAMAGED) from error
    names = set()
    places = []
    for info in archive.infolist():
        if info.filename in names:
            raise ValueError(f"it holds {quote(info.filename)} twice: {_SUSPICIOUS}")
        names.add(info.filename)
        start = info.header_offset
        # The name in the header must be the same; its extra field only adds to this.
        end = start + _HEADER_SIZE + len(info.orig_filename) + info.compress_size
        if not 0 <= start <= end <= archive.start_dir:
            raise ValueError(f"{quote(info.filename)} reaches beyond it: {_SUSPICIOUS}")
        places.append((start, end))
    places.sort()
    if any(start < end for (_, end), (start, _) in itertools.pairwise(places)):
        raise ValueError(f"entries of the archive overlap: {_SUSPICIOUS}")
    return archive


def read(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Reads one entry into an array of uint8.

    Raises:
        KeyError: there is no such entry.
        ValueError: it is compressed or encrypted, or its checksum is wrong.
    """
    info = archive.getinfo(name)
    is_plain = info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1
    if not is_plain or info.compress_size != info.file_size:
        raise ValueError(
            f"{quote(info.filename)} in it is compressed or encrypted, which "
            "torch.save never does: unpack it, and pack it again with 'zip -0'"
        )
    if info.CRC == 0:
        # PyTorch can leave checksums out and writes zeros then; None is not checked.
        info.CRC = None
    data = np.empty(info.file_size, np.uint8)
    try:
        with archive.open(info) as entry:
            for start in range(0, data.size, _CHUNK):
                chunk = entry.read(_CHUNK)
                data[start : start + _CHUNK] = np.frombuffer(chunk, np.uint8)
    except _ERRORS as error:
        raise ValueError(
            f"{quote(info.filename)} in it is damaged: download or copy the file again"
        ) from error
    return data


def _check_end(file: BinaryIO, size: int) -> None:
    """Checks the records at the archive's end, before the directory is read."""
    before = _END64_SIZE + _LOCATOR64_SIZE
    file.seek(max(0, size - _END_SIZE - before))
    tail = file.read(_END_SIZE + before)
    if tail[-_END_SIZE:][:4] != b"PK\5\6":
        raise ValueError(
            "the archive has no end, so it is truncated, or something was appended: "
            "download or copy the file again"
        )
    (length,) = struct.unpack_from("<I", tail, len(tail) - 10)
    if tail[_END64_SIZE:].startswith(b"PK\6\7"):
        if not tail.startswith(b"PK\6\6"):
            raise ValueError(_DAMAGED)
        (length,) = struct.unpack_from("<Q", tail, 40)
    if length > _MAX_DIRECTORY:
        raise ValueError("the archive has too many entries; expected a checkpoint's")
