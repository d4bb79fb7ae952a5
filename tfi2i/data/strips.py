"""Parts of a TIFF to numbers, of which none becomes larger than it is meant to be.

tifffile by itself unpacks whatever a few bytes ask for, and needs the package
imagecodecs for LZW; OpenCV multiplies colours by their alpha, and turns images.
"""

from __future__ import annotations

import io
import itertools
import struct
import warnings
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image
from tifffile import COMPRESSION, TiffPage

from tfi2i.data.limits import Refused

_DEFLATE = (COMPRESSION.ADOBE_DEFLATE, COMPRESSION.DEFLATE)
_LIBTIFF = (
    COMPRESSION.LZW,
    COMPRESSION.PACKBITS,
    COMPRESSION.LZMA,
    COMPRESSION.ZSTD,
)

KNOWN = (COMPRESSION.NONE, *_DEFLATE, *_LIBTIFF)
"""Compressions that are read here."""

# Bytes: of one part, and of what libtiff is given together.
_MAX_PART = 2**27
_AT_ONCE = 2**24
_PREDICTS_FLOATS = 3
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class _Part(NamedTuple):
    """A strip or tile."""

    index: int
    data: bytes
    lines: int


def decoded(page: TiffPage) -> np.ndarray:
    """Decode a page whose compression is `KNOWN`.

    Args:
        page: of an open file; it is changed, and good for nothing else afterwards.

    Returns:
        `(height, width, samples)`.

    Raises:
        Refused: a part is too large, or the page is truncated.
        ValueError, OSError: damaged, or in need of imagecodecs.
    """
    compression, is_mirrored = page.compression, page.fillorder == 2
    # What is left to decode is no longer compressed.
    page.compression, page.fillorder = COMPRESSION.NONE, 1
    image = np.zeros(page.shaped, page.dtype)
    planes, _, height, width, samples = image.shape
    rows, columns = page.rowsperstrip, width
    if page.is_tiled:
        rows, columns = page.tilelength, page.tilewidth
    across, down = -(-width // columns), -(-height // rows)
    count = planes * across * down
    if min(map(len, (page.dataoffsets, page.databytecounts))) < count:
        raise Refused("truncated")

    def parts():
        file = page.parent.filehandle
        for index in range(count):
            file.seek(page.dataoffsets[index])
            data = file.read(page.databytecounts[index])
            data = data.translate(_MIRRORED) if is_mirrored else data
            above = index // across % down * rows
            lines = rows if page.is_tiled else min(rows, height - above)
            # Parts in which there was nothing to write may have no bytes.
            if data:
                yield _Part(index, data, lines)

    if page.nodata:
        image[...] = page.nodata
    line = -(-columns * samples * page.bitspersample // 8)
    is_empty = True
    for index, data, lines in _unpacked(parts(), compression, line):
        plane, place = divmod(index, across * down)
        above, left = place // across * rows, place % across * columns
        part = image[plane, 0, above : above + rows, left : left + columns]
        numbers = _numbers(page, data, index, (lines, columns, samples))
        part[...] = numbers[: part.shape[0], : part.shape[1]]
        is_empty = False
    if is_empty:
        raise Refused("truncated")
    return np.moveaxis(image[:, 0], 0, -2).reshape(height, width, planes * samples)


def _unpacked(parts, compression, line):
    """Parts with as many bytes as there should be; fewer are an error."""
    if compression in _LIBTIFF:
        for batch in _batches(parts, line):
            yield from _by_libtiff(batch, compression, line)
        return
    for part in parts:
        data, size = part.data, line * part.lines
        if compression in _DEFLATE:
            data = zlib.decompressobj().decompress(data, size)
        if len(data) < size:
            raise Refused("truncated")
        yield part._replace(data=bytearray(data[:size]))


def _batches(parts, line):
    """Lists of parts of equal lines, of which the last may have fewer."""
    batch, size = [], 0
    for part in parts:
        if part.lines * line > _MAX_PART:
            raise Refused(
                f"compressed in one part of {part.lines * line / 1e6:.0f} MB: save it "
                "in strips"
            )
        is_odd = batch and (
            part.lines > batch[0].lines or batch[-1].lines < batch[0].lines
        )
        if is_odd or size + part.lines * line > _AT_ONCE:
            if batch:
                yield batch
            batch, size = [], 0
        batch.append(part)
        size += part.lines * line
    if batch:
        yield batch


def _by_libtiff(batch, compression, line):
    """Let Pillow take compressed bytes for the strips of a grey image."""
    tags = [
        (256, (line,)),
        (257, (sum(part.lines for part in batch),)),
        (258, (8,)),
        (259, (compression,)),
        (262, (1,)),
        (273, None),
        (277, (1,)),
        (278, (batch[0].lines,)),
        (279, tuple(len(part.data) for part in batch)),
    ]
    # A header, what has a tag of its own, what several parts need, and the parts.
    rest = 8 + 2 + 12 * len(tags) + 4
    start = rest + (2 * 4 * len(batch) if len(batch) > 1 else 0)
    offsets = tuple(itertools.accumulate(tags[-1][1][:-1], initial=start))
    directory, lists = struct.pack("<H", len(tags)), b""
    for tag, values in tags:
        values = offsets if values is None else values
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            packed, lists = struct.pack("<I", rest + len(lists)), lists + packed
        directory += struct.pack("<HHI", tag, 4, len(values)) + packed
    contents = b"II*\0" + struct.pack("<I", 8) + directory + bytes(4) + lists
    contents += b"".join(part.data for part in batch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(contents), "r", ("TIFF",)) as image:
            data = memoryview(bytearray(image.tobytes()))
    for part in batch:
        yield part._replace(data=data[: line * part.lines])
        data = data[line * part.lines :]


def _numbers(page, data, index, shape):
    """Bytes of a part to numbers of its shape."""
    if page.predictor != _PREDICTS_FLOATS:
        return page.decode(data, index)[0][0]
    rows, columns, samples = shape
    # Differences of bytes; those of each line are sorted by how much they count.
    found = np.frombuffer(data, np.uint8).reshape(rows, -1, samples)
    found = np.cumsum(found, axis=1, dtype=np.uint8)
    found = found.reshape(rows, -1, columns * samples).swapaxes(1, 2)
    kind = page.dtype.newbyteorder(">")
    return np.ascontiguousarray(found).view(kind).reshape(shape)
