"""Decodes TIFF strips and tiles; refuses data that expand beyond the declared size.

tifffile by itself unpacks whatever a few bytes ask for, and needs the package
imagecodecs for LZW; OpenCV multiplies colours by their alpha, and turns images.
"""

from __future__ import annotations

import io
import itertools
import struct
import warnings
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image
from tifffile import COMPRESSION, TiffPage

from tfi2i.data.arrays import as_held
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

# Bytes: of one part, of what is decoded together, and of what zlib is given.
_MAX_PART = 2**27
_AT_ONCE = 2**22
_PIECE = 2**20
_PREDICTS_NUMBERS = 2
_PREDICTS_FLOATS = 3
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class _Stored(NamedTuple):
    """Bytes of a file."""

    page: TiffPage
    offset: int
    count: int
    is_mirrored: bool

    def pieces(self, size: int) -> Iterator[bytes]:
        """At most so many at a time, as far as there are."""
        file = self.page.parent.filehandle
        for start in range(0, self.count, size):
            file.seek(self.offset + start)
            data = file.read(min(size, self.count - start))
            yield data.translate(_MIRRORED) if self.is_mirrored else data


class _Part(NamedTuple):
    """A strip or tile, or some of its lines, stored or unpacked."""

    index: int
    data: _Stored | bytes
    lines: int
    first: int = 0


def decode(page: TiffPage, into: np.ndarray) -> None:
    """Decode a page whose compression is `KNOWN`.

    What is not written stays as it is.

    Args:
        page: of an open file; it is changed, and good for nothing else afterwards.
        into: `(height, width, samples)` of uint8, uint16 or float32, which takes the
            numbers, as `arrays.as_held` converts them.

    Raises:
        Refused: a part is too large, or the page is truncated; or numbers are none.
        ValueError, OSError: damaged, or in need of imagecodecs.
    """
    compression, is_mirrored = page.compression, page.fillorder == 2
    # What is left to decode is no longer compressed.
    page.compression, page.fillorder = COMPRESSION.NONE, 1
    planes, _, height, width, samples = page.shaped
    rows, columns = page.rowsperstrip, width
    if page.is_tiled:
        rows, columns = page.tilelength, page.tilewidth
    across, down = -(-width // columns), -(-height // rows)
    count = planes * across * down
    if min(map(len, (page.dataoffsets, page.databytecounts))) < count:
        raise Refused("truncated")

    def parts():
        for index in range(count):
            stored = page.dataoffsets[index], page.databytecounts[index]
            above = index // across % down * rows
            lines = rows if page.is_tiled else min(rows, height - above)
            # Parts in which there was nothing to write may have no bytes.
            if stored[1]:
                yield _Part(index, _Stored(page, *stored, is_mirrored), lines)

    if page.nodata:
        into[...] = as_held(np.array(page.nodata, page.dtype).reshape(1, 1, 1))
    line = -(-columns * samples * page.bitspersample // 8)
    step = max(1, _AT_ONCE // line) if _is_plain(page) else rows
    is_empty = True
    for part in _unpacked(parts(), compression, line, step):
        plane, place = divmod(part.index, across * down)
        above = place // across * rows + part.first
        left = place % across * columns
        channels = slice(plane * samples, (plane + 1) * samples)
        target = into[above : above + part.lines, left : left + columns, channels]
        shape = part.lines, columns, samples
        numbers = _numbers(page, part.data, part.index, shape)
        target[...] = as_held(numbers[: target.shape[0], : target.shape[1]])
        is_empty = False
    if is_empty:
        raise Refused("truncated")


def _is_plain(page):
    """Whether numbers are whole bytes, so that any lines can be read by themselves."""
    is_whole = page.bitspersample == 8 * page.dtype.itemsize
    is_float = page.dtype.kind == "f"
    known = (1, _PREDICTS_FLOATS) if is_float else (1, _PREDICTS_NUMBERS)
    return is_whole and page.dtype.kind in "iuf" and page.predictor in known


def _unpacked(parts, compression, line, step):
    """Parts, or `step` lines of them at a time; fewer bytes are an error."""
    if compression in _LIBTIFF:
        for batch in _batches(parts, line):
            yield from _by_libtiff(batch, compression, line, step)
        return
    for part in parts:
        size, most = line * part.lines, line * min(step, part.lines)
        blocks = part.data.pieces(most)
        if compression in _DEFLATE:
            blocks = _inflated(part.data.pieces(_PIECE), size, most)
        first = 0
        for block in blocks:
            lines = min(step, part.lines - first)
            if first >= part.lines:
                break
            if len(block) < lines * line:
                raise Refused("truncated")
            data = bytearray(memoryview(block)[: lines * line])
            yield part._replace(data=data, lines=lines, first=first)
            first += lines
        if first < part.lines:
            raise Refused("truncated")


def _inflated(pieces, size, step):
    """As many bytes of what is compressed as there should be, `step` at a time."""
    inflate, block = zlib.decompressobj(), bytearray()
    while size > 0 and not inflate.eof:
        piece = inflate.unconsumed_tail or next(pieces, b"")
        if not piece:
            break
        block += inflate.decompress(piece, min(step, size) - len(block))
        if len(block) == min(step, size):
            yield block
            size, block = size - len(block), bytearray()
    if block:
        yield block


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
        data = b"".join(part.data.pieces(part.data.count))
        batch.append(part._replace(data=data))
        size += part.lines * line
    if batch:
        yield batch


def _by_libtiff(batch, compression, line, step):
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
            image.load()
    above = 0
    for part in batch:
        for first in range(0, part.lines, step):
            lines = min(step, part.lines - first)
            top = above + first
            data = image.crop((0, top, line, top + lines)).tobytes()
            yield part._replace(data=bytearray(data), lines=lines, first=first)
        above += part.lines


def _numbers(page, data, index, shape):
    """Bytes of a part, or of lines of it, to numbers of its shape."""
    if page.predictor != _PREDICTS_FLOATS:
        if not _is_plain(page):
            return page.decode(data, index)[0][0]
        order = page.parent.byteorder
        found = np.frombuffer(data, page.dtype.newbyteorder(order)).reshape(shape)
        if page.predictor == _PREDICTS_NUMBERS:
            found = np.cumsum(found, axis=1, dtype=page.dtype)
        return found
    rows, columns, samples = shape
    # Differences of bytes; those of each line are sorted by how much they count.
    found = np.frombuffer(data, np.uint8).reshape(rows, -1, samples)
    found = np.cumsum(found, axis=1, dtype=np.uint8)
    found = found.reshape(rows, -1, columns * samples).swapaxes(1, 2)
    kind = page.dtype.newbyteorder(">")
    return np.ascontiguousarray(found).view(kind).reshape(shape)
