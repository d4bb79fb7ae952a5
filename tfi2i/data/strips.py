"""Parts of a TIFF to numbers, of which none becomes larger than it is meant to be.

tifffile by itself unpacks whatever a few bytes ask for, and needs the package
imagecodecs for LZW; OpenCV multiplies colours by their alpha, and turns images.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib

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

_MAX_PART = 2**27
_PREDICTS_FLOATS = 3
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def decoded(page: TiffPage) -> np.ndarray:
    """Decode a page whose compression is `KNOWN`.

    Args:
        page: of an open file; it is changed, and good for nothing else afterwards.

    Returns:
        `(height, width, samples)`.

    Raises:
        Refused: a part is too large, or the page is truncated.
        ValueError: damaged, or in need of imagecodecs.
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
    if min(map(len, (page.dataoffsets, page.databytecounts))) < planes * across * down:
        raise Refused("truncated")
    is_empty = True
    for index in range(planes * across * down):
        part = image[
            index // (across * down),
            0,
            index // across % down * rows :,
            index % across * columns :,
        ][:rows, :columns]
        shape = rows if page.is_tiled else part.shape[0], columns, samples
        data = _bytes(page, index)
        if not data:
            # Where there was nothing to write.
            part[...] = page.nodata
            continue
        is_empty = False
        data = data.translate(_MIRRORED) if is_mirrored else data
        line = -(-columns * samples * page.bitspersample // 8)
        data = _unpacked(data, compression, line, shape[0])
        part[...] = _numbers(page, data, index, shape)[: part.shape[0], : part.shape[1]]
    if is_empty:
        raise Refused("truncated")
    return np.moveaxis(image[:, 0], 0, -2).reshape(height, width, planes * samples)


def _bytes(page, index):
    file = page.parent.filehandle
    file.seek(page.dataoffsets[index])
    return file.read(page.databytecounts[index])


def _unpacked(data, compression, line, lines):
    """As many bytes as there should be; fewer are an error."""
    size = line * lines
    if compression in _DEFLATE:
        data = zlib.decompressobj().decompress(data, size)
    elif compression in _LIBTIFF:
        data = _by_libtiff(data, compression, line, lines)
    if len(data) < size:
        raise Refused("truncated")
    return bytearray(data[:size])


def _by_libtiff(data, compression, line, lines):
    """Let Pillow take compressed bytes for a grey image."""
    if line * lines > _MAX_PART:
        raise Refused(
            f"compressed in one part of {line * lines / 1e6:.0f} MB: save it in strips"
        )
    tags = [
        (256, line),
        (257, lines),
        (258, 8),
        (259, compression),
        (262, 1),
        (273, None),
        (277, 1),
        (278, lines),
        (279, len(data)),
    ]
    # After 8 bytes, their number, themselves, and where there are more.
    start = 8 + 2 + 12 * len(tags) + 4
    header = b"II*\0" + struct.pack("<IH", 8, len(tags))
    for tag, value in tags:
        header += struct.pack("<HHII", tag, 4, 1, start if value is None else value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(header + bytes(4) + data), "r", ("TIFF",)) as image:
            return image.tobytes()


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
