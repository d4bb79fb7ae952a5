"""Reads TIFF of 8, 16 and 32 bits; pages become channels."""

from __future__ import annotations

import io
import logging
import math
import struct
import warnings
from pathlib import Path
from typing import NamedTuple

import imagecodecs
import numpy as np
from PIL import Image
from PIL.ExifTags import Base
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, TiffFile, TiffPage

from tfi2i.data import pillow_arrays
from tfi2i.data.numpy_files import as_held, volume
from tfi2i.data.pixels import MAX_CHANNELS, Dtype
from tfi2i.data.size_limits import Refused, check_size

# tifffile logs whatever is odd in a file.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


_GREY = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE)
# Pillow converts these to RGB of 8 bits.
_COLOURS = (PHOTOMETRIC.PALETTE, PHOTOMETRIC.SEPARATED, PHOTOMETRIC.YCBCR)
_LAB = (PHOTOMETRIC.CIELAB, PHOTOMETRIC.ICCLAB, PHOTOMETRIC.ITULAB)
_ALPHA = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)
# Bits of the subfile type: a smaller copy of another page, or its mask.
_NOT_A_CHANNEL = 1 | 4
_MAX_PAGES = 16 * MAX_CHANNELS
# Compressed bytes that are read at a time.
_BUFFER = 2**22
# Decoders that refuse more data than they are told to expect, and their encoders.
_DEFLATE = imagecodecs.zlib_decode, imagecodecs.zlib_encode
_EXACT_DECODERS = {
    COMPRESSION.ADOBE_DEFLATE: _DEFLATE,
    COMPRESSION.DEFLATE: _DEFLATE,
    COMPRESSION.PACKBITS: (imagecodecs.packbits_decode, imagecodecs.packbits_encode),
    COMPRESSION.ZSTD: (imagecodecs.zstd_decode, imagecodecs.zstd_encode),
}


class Header(NamedTuple):
    """What a TIFF holds.

    Attributes:
        size: width and height in pixels, as stored.
        orientation: EXIF orientation.
        pixels: channels, whether the last is alpha, and dtype.
        is_picture: whether Pillow reads it.
    """

    size: tuple[int, int]
    orientation: int
    pixels: tuple[int, bool, Dtype]
    is_picture: bool


def header(path: Path) -> Header:
    """Reads a header.

    Raises:
        Refused: there is no image, a volume, or an image that is too large.
    """
    with TiffFile(path) as file:
        return _header(file, _pages(file))


def read(path: Path) -> np.ndarray:
    """Reads an image, `(height, width, channels)`, uint8, uint16 or float32.

    EXIF orientation is not applied.

    Raises:
        Refused: as `header`.
        ValueError, OSError: the file is damaged.
    """
    with TiffFile(path) as file:
        pages = _pages(file)
        found = _header(file, pages)
        if found.is_picture:
            return _read_by_pillow(path, file, found)
        count, has_alpha, dtype = found.pixels
        is_white = pages[0].photometric == PHOTOMETRIC.MINISWHITE
        is_premultiplied = pages[0].extrasamples[:1] == (EXTRASAMPLE.ASSOCALPHA,)
        image = np.empty((*found.size[::-1], count), dtype)
        start = 0
        for page in pages:
            stop = start + page.samplesperpixel
            _decode(page, image[..., start:stop])
            start = stop
    if is_white and dtype != "float32":
        colour = image[..., :-1] if has_alpha else image
        np.subtract(np.iinfo(dtype).max, colour, out=colour)
    return _unpremultiplied(image) if has_alpha and is_premultiplied else image


def _pages(file: TiffFile) -> list[TiffPage]:
    """The pages that are channels."""
    pages = []
    for number, page in enumerate(file.pages):
        if not pages or not page.subfiletype & _NOT_A_CHANNEL:
            pages.append(page)
        if len(pages) > MAX_CHANNELS or number >= _MAX_PAGES:
            count = len(file.pages)
            if count <= number:
                raise Refused("damaged: its pages go round in a circle")
            raise Refused(volume(count, f"{count} pages"))
    if not pages:
        raise Refused("no image in it")
    return pages


def _header(file: TiffFile, pages: list[TiffPage]) -> Header:
    first = pages[0]
    shapes = {(page.imagelength, page.imagewidth, page.dtype) for page in pages}
    if len(shapes) > 1 or first.dtype is None:
        raise Refused("pages of several sizes or kinds: expected equal ones")
    if first.dtype.kind not in "biuf":
        raise Refused(f"values of dtype {first.dtype}: expected integers or floats")
    if first.photometric in _LAB:
        raise Refused("colours are CIELAB: expected RGB or grey; save it as RGB")
    if first.imagedepth != 1:
        raise Refused(volume(first.imagedepth, "this TIFF"))
    count = sum(page.samplesperpixel for page in pages)
    if count > MAX_CHANNELS:
        raise Refused(volume(count, "this TIFF"))
    height, width = first.imagelength, first.imagewidth
    check_size(height, width, count * max(first.dtype.itemsize, 4))
    for page in pages:
        _check_parts(file, page)
    orientation = first.tags.valueof(Base.Orientation, 1)
    return Header((width, height), orientation, *_pixels(first, pages, count))


def _check_parts(file: TiffFile, page: TiffPage) -> None:
    """Refuses strips or tiles that are missing, or larger than an image may be."""
    if page.is_tiled:
        check_size(page.tilelength, page.tilewidth, 4 * page.samplesperpixel)
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    is_cut = any(start + length > file.filehandle.size for start, length in parts)
    if is_cut or len(parts) < np.prod(page.chunked) or not any(page.databytecounts):
        raise Refused("truncated")


def _pixels(
    first: TiffPage, pages: list[TiffPage], count: int
) -> tuple[tuple[int, bool, Dtype], bool]:
    """Channels, alpha and dtype; and whether Pillow reads them."""
    is_small = first.bitspersample <= 8 and first.dtype.kind != "f"
    if len(pages) == 1 and is_small:
        if first.photometric in _COLOURS:
            return (3, False, "uint8"), True
        if first.bitspersample < 8:
            is_grey = first.photometric in _GREY
            return (1 if is_grey else 3, False, "uint8"), True
    dtype = first.dtype.name if first.dtype.name in ("uint8", "uint16") else "float32"
    if first.dtype == bool:
        dtype = "uint8"
    colours = {PHOTOMETRIC.RGB: 3, **dict.fromkeys(_GREY, 1)}.get(first.photometric)
    alpha = len(pages) == 1 and dtype != "float32" and count - 1 == colours
    # Old files do not say what a fourth channel is; other extra ones are no alpha.
    extra = first.extrasamples or ((EXTRASAMPLE.UNASSALPHA,) if count == 4 else ())
    alpha = alpha and extra[:1] != () and extra[0] in _ALPHA
    # Every decoder of JPEG rounds in its own way; Pillow's is that of JPEG files.
    is_picture = (
        len(pages) == 1
        and first.dtype == np.uint8
        and colours is not None
        and count - alpha == colours
        and first.compression in (COMPRESSION.JPEG, COMPRESSION.OJPEG)
    )
    return (count, alpha, dtype), is_picture


def _decode(page: TiffPage, into: np.ndarray) -> None:
    """Decodes a page, strip by strip, into a view of `(height, width, samples)`."""
    into[...] = as_held(np.full((1, 1, 1), page.nodata, page.dtype))
    count = math.prod(page.chunked)
    parts = page.parent.filehandle.read_segments(
        page.dataoffsets[:count],
        page.databytecounts[:count],
        sort=False,
        buffersize=_BUFFER,
    )
    for data, index in parts:
        part, (plane, _, top, left, _), (_, *shape, samples) = _decode_part(
            page, data, index
        )
        # A strip in which there was nothing to write may have no bytes.
        if part is not None:
            target = into[top:, left:, plane : plane + samples]
            target = target[: shape[0], : shape[1]]
            target[...] = as_held(part[0, : target.shape[0], : target.shape[1]])


def _decode_part(page: TiffPage, data: bytes | None, index: int):
    """Decodes a strip or tile, and leaves out what goes on beyond the image.

    Some programs write the last strip as high as the others.
    """
    tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
    try:
        return page.decode(data, index, **tables)
    except Exception:
        if page.compression not in _EXACT_DECODERS:
            raise
        *_, shape = page.decode(None, index)
        size = math.prod(shape) * page.dtype.itemsize
        most = max(2 * size, math.prod(page.chunks) * page.dtype.itemsize)
        decode, encode = _EXACT_DECODERS[page.compression]
        return page.decode(encode(decode(data, out=most)[:size]), index)


def _unpremultiplied(image: np.ndarray) -> np.ndarray:
    """Divides colours by their alpha, in place, as Pillow does."""
    white = np.iinfo(image.dtype).max
    for line in image:
        alpha = line[:, -1:].astype(np.uint32)
        colour = line[:, :-1] * np.uint32(white) // np.maximum(alpha, 1)
        line[:, :-1] = np.where(alpha == 0, 0, np.minimum(colour, white))
    return image


def _read_by_pillow(path: Path, file: TiffFile, found: Header) -> np.ndarray:
    contents = bytearray(path.read_bytes())
    tag = file.pages[0].tags.get(Base.Orientation)
    if tag is not None:
        # Some versions of Pillow turn some images.
        struct.pack_into(file.byteorder + "H", contents, tag.valueoffset, 1)
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[found.pixels[0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(contents), "r", ("TIFF",)) as image:
            if image.size != found.size:
                raise Refused("damaged (its size is not clear)")
            return pillow_arrays.to_array(image, mode)
