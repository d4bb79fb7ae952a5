"""The zip archives that `torch.save` writes, whose entries are read in place."""

import dataclasses
import struct
import zlib
from typing import BinaryIO

import numpy as np

_END = struct.Struct("<4s4H2IH")
_END64_PLACE = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")

# Ten times what a network of a thousand tensors needs.
_MAX_DIRECTORY = 2**24
_DAMAGED = "the archive is damaged: download or copy the file again"
_TRUNCATED = "the archive is truncated: download or copy the file again"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One entry: where its bytes lie in the file, and their checksum."""

    start: int
    size: int
    crc: int


def entries(file: BinaryIO, size: int) -> dict[str, Entry]:
    """Lists an archive, and checks that every entry lies in the file by itself.

    Args:
        file: open for reading.
        size: of the file, in bytes.

    Returns:
        Entries by name.

    Raises:
        ValueError: the archive is truncated or damaged, its entries are compressed or
            encrypted, lie beyond the file or over each other, or share a name. One
            line, without the path.
    """
    directory, start = _directory(file, size)
    found: dict[str, Entry] = {}
    places: list[tuple[int, int]] = []
    at = 0
    while at < len(directory):
        name, header, entry_size, crc, at = _listed(directory, at)
        shown = repr(name[:80])
        if name in found:
            raise ValueError(f"the archive holds {shown} twice: do not trust it")
        data = _data_start(file, header, start)
        if data + entry_size > start:
            raise ValueError(f"{shown} reaches beyond the archive: do not trust it")
        found[name] = Entry(data, entry_size, crc)
        places.append((header, data + entry_size))
    places.sort()
    for (_, end), (following, _) in zip(places, places[1:], strict=False):
        if following < end:
            raise ValueError("entries of the archive overlap: do not trust it")
    return found


def read(file: BinaryIO, entry: Entry, shown: str) -> np.ndarray:
    """Reads one entry.

    Args:
        file: open for reading.
        entry: which.
        shown: what to call it in errors.

    Returns:
        Its bytes, as an array of uint8.

    Raises:
        ValueError: they do not have their checksum.
    """
    file.seek(entry.start)
    data = np.fromfile(file, np.uint8, entry.size)
    if data.size < entry.size:
        raise ValueError(_TRUNCATED)
    # PyTorch can be told to leave checksums out, and writes zeros then.
    if entry.crc and zlib.crc32(data) != entry.crc:
        raise ValueError(f"{shown} in it is damaged: download or copy the file again")
    return data


def _directory(file: BinaryIO, size: int) -> tuple[bytes, int]:
    """Reads the directory at the archive's end, and says where it starts."""
    if size < _END.size:
        raise ValueError(_TRUNCATED)
    file.seek(size - _END.size)
    end = _END.unpack(file.read(_END.size))
    if end[0] != b"PK\5\6":
        raise ValueError(
            "the archive has no end, so it is truncated, or something was appended: "
            "download or copy the file again"
        )
    length, start = end[5], end[6]
    place = size - _END.size - _END64_PLACE.size
    if place >= 0:
        file.seek(place)
        signature, _, end64_start, _ = _END64_PLACE.unpack(file.read(_END64_PLACE.size))
        if signature == b"PK\6\7":
            if end64_start + _END64.size > size:
                raise ValueError(_DAMAGED)
            file.seek(end64_start)
            end64 = _END64.unpack(file.read(_END64.size))
            if end64[0] != b"PK\6\6":
                raise ValueError(_DAMAGED)
            length, start = end64[8], end64[9]
    if length > _MAX_DIRECTORY:
        raise ValueError("the archive has too many entries; expected a checkpoint's")
    if start + length > size:
        raise ValueError(_DAMAGED)
    file.seek(start)
    return file.read(length), start


def _listed(directory: bytes, at: int) -> tuple[str, int, int, int, int]:
    """Reads what the directory says of one entry, and where its next one is."""
    if at + _ENTRY.size > len(directory):
        raise ValueError(_DAMAGED)
    fields = _ENTRY.unpack_from(directory, at)
    if fields[0] != b"PK\1\2":
        raise ValueError(_DAMAGED)
    flags, method, crc, packed, size = fields[3], fields[4], *fields[7:10]
    name_length, extra_length, comment_length = fields[10:13]
    header = fields[16]
    at += _ENTRY.size
    name = directory[at : at + name_length].decode("utf-8", "replace")
    extra = directory[at + name_length : at + name_length + extra_length]
    size, packed, header = _wide(extra, [size, packed, header])
    if flags & 1:
        raise ValueError(
            f"{name[:80]!r} in it is encrypted; expected what torch.save wrote"
        )
    if method != 0 or packed != size:
        raise ValueError(
            f"{name[:80]!r} in it is compressed, as torch.save never does: unpack it, and "
            "pack it again without compression (zip -0)"
        )
    return name, header, size, crc, at + name_length + extra_length + comment_length


def _wide(extra: bytes, values: list[int]) -> list[int]:
    """Puts in the 64-bit values of those that do not fit 32 bits."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            for index, value in enumerate(values):
                if value == 0xFFFFFFFF:
                    if len(field) < 8:
                        raise ValueError(_DAMAGED)
                    (values[index],) = struct.unpack_from("<Q", field)
                    field = field[8:]
        at += 4 + length
    return values


def _data_start(file: BinaryIO, header: int, end: int) -> int:
    """Says where the bytes of the entry begin whose header is there."""
    if header + _LOCAL.size > end:
        raise ValueError(_DAMAGED)
    file.seek(header)
    fields = _LOCAL.unpack(file.read(_LOCAL.size))
    if fields[0] != b"PK\3\4":
        raise ValueError(_DAMAGED)
    return header + _LOCAL.size + fields[9] + fields[10]
