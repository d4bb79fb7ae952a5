"""The zip archives that `torch.save` writes, whose entries are read in place."""

import dataclasses
import itertools
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
_DOUBTFUL = "it is damaged, or made to do harm; copy it again from who made it"
_TRUNCATED = "the archive is truncated: download or copy the file again"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One entry.

    Attributes:
        name: as listed.
        start: where its bytes lie in the file.
        size: of those bytes.
        crc: their checksum; 0 where the writer left it out.
        plain: whether the bytes are the content: neither compressed nor encrypted.
    """

    name: str
    start: int
    size: int
    crc: int
    plain: bool


def entries(file: BinaryIO, size: int) -> dict[str, Entry]:
    """Lists an archive, and checks that every entry lies in the file by itself.

    Args:
        file: open for reading.
        size: of the file, in bytes.

    Returns:
        Entries by name.

    Raises:
        ValueError: the archive is truncated or damaged, or its entries share a name,
            lie beyond the file or over each other. One line, without the path.
    """
    directory, start = _directory(file, size)
    found: dict[str, Entry] = {}
    places: list[tuple[int, int]] = []
    at = 0
    while at < len(directory):
        listed, at = _listed(directory, at)
        header = listed.start
        entry = dataclasses.replace(listed, start=_data_start(file, header, start))
        if entry.name in found:
            raise ValueError(f"it holds {_shown(entry)} twice: {_DOUBTFUL}")
        if entry.start + entry.size > start:
            raise ValueError(f"{_shown(entry)} reaches beyond it: {_DOUBTFUL}")
        found[entry.name] = entry
        places.append((header, entry.start + entry.size))
    places.sort()
    for (_, end), (following, _) in itertools.pairwise(places):
        if following < end:
            raise ValueError(f"entries of the archive overlap: {_DOUBTFUL}")
    return found


def read(file: BinaryIO, entry: Entry) -> np.ndarray:
    """Reads one entry.

    Returns:
        Its bytes, as an array of uint8.

    Raises:
        ValueError: they are compressed or encrypted, or do not have their checksum.
    """
    if not entry.plain:
        raise ValueError(
            f"{_shown(entry)} in it is compressed or encrypted, which torch.save never "
            "does: unpack it, and pack it again with 'zip -0'"
        )
    file.seek(entry.start)
    data = np.fromfile(file, np.uint8, entry.size)
    if data.size < entry.size:
        raise ValueError(_TRUNCATED)
    # PyTorch can be told to leave checksums out, and writes zeros then.
    if entry.crc and zlib.crc32(data) != entry.crc:
        raise ValueError(
            f"{_shown(entry)} in it is damaged: download or copy the file again"
        )
    return data


def _shown(entry: Entry) -> str:
    # Escaped and cut, because it comes from the file and goes to a terminal.
    return repr(entry.name[:80])


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


def _listed(directory: bytes, at: int) -> tuple[Entry, int]:
    """Reads what the directory says of one entry, and where its next one is.

    Returns:
        The entry, with the place of its header as its start, and the next place.
    """
    if at + _ENTRY.size > len(directory):
        raise ValueError(_DAMAGED)
    fields = _ENTRY.unpack_from(directory, at)
    if fields[0] != b"PK\1\2":
        raise ValueError(_DAMAGED)
    flags, method, crc, packed, size = fields[3], fields[4], *fields[7:10]
    name_end = at + _ENTRY.size + fields[10]
    extra_end = name_end + fields[11]
    name = directory[at + _ENTRY.size : name_end].decode("utf-8", "replace")
    size, packed, header = _wide(
        directory[name_end:extra_end], [size, packed, fields[16]]
    )
    plain = method == 0 and packed == size and not flags & 1
    return Entry(name, header, packed, crc, plain), extra_end + fields[12]


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
