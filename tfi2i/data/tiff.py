"""TIFF of 8, 16 and 32 bits, with pages as channels."""

from __future__ import annotations

import io
import logging
import struct
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tifffile import EXTRASAMPLE, PHOTOMETRIC, TiffFile

from tfi2i.data import pictures, strips
from tfi2i.data.arrays import as_held, volume
from tfi2i.data.limits import Refused, check_size
from tfi2i.data.pixels import MAX_CHANNELS, Dtype

# tifffile tells of what is odd in a file by logging it.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_ORIENTATION_TAG = 0x0112

_GREY = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE)
# What Pillow turns into colour of 8 bits.
_COLOURS = (PHOTOMETRIC.PALETTE, PHOTOMETRIC.SEPARATED, PHOTOMETRIC.YCBCR)
_LAB = (PHOTOMETRIC.CIELAB, PHOTOMETRIC.ICCLAB, PHOTOMETRIC.ITULAB)
_ALPHA = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)
# Kinds of pages that are smaller copies of others, or their masks.
_ASIDE = 1 | 4
_MAX_PAGES = 16 * MAX_CHANNELS


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
    """Read a header.

    Raises:
        Refused: it holds no image, a volume, or one that is too large.
    """
    with TiffFile(path) as file:
        return _header(file, _pages(file))


def read(path: Path) -> np.ndarray:
    """The image, `(height, width, channels)`, uint8, uint16 or float32, not turned.

    Raises:
        Refused: as `header`, or it is compressed in a way that needs another package.
        ValueError, OSError: it is damaged.
    """
    with TiffFile(path) as file:
        pages = _pages(file)
        found = _header(file, pages)
        if found.is_picture:
            return _by_pillow(path, file, found)
        is_white = pages[0].photometric == PHOTOMETRIC.MINISWHITE
        is_premultiplied = pages[0].extrasamples[:1] == (EXTRASAMPLE.ASSOCALPHA,)
        count, has_alpha, dtype = found.pixels
        # One array, which every page is decoded into, a part at a time.
        image = np.zeros((*found.size[::-1], count), dtype)
        start = 0
        for page in pages:
            stop = start + page.samplesperpixel
            _decode(page, image[..., start:stop])
            start = stop
    if is_white and dtype != "float32":
        colour = image[..., :-1] if has_alpha else image
        np.subtract(np.iinfo(dtype).max, colour, out=colour)
    return _divided(image) if has_alpha and is_premultiplied else image


def _pages(file):
    """Those that hold channels."""
    pages = []
    for number, page in enumerate(file.pages):
        if not pages or not page.subfiletype & _ASIDE:
            pages.append(page)
        if len(pages) > MAX_CHANNELS or number >= _MAX_PAGES:
            count = len(file.pages)
            if count <= number:
                raise Refused("damaged: its pages go round in a circle")
            raise Refused(volume(count, f"{count} pages"))
    if not pages:
        raise Refused("no image in it")
    return pages


def _header(file, pages):
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
    size = file.filehandle.size
    if any(
        start + length > size
        for page in pages
        for start, length in zip(page.dataoffsets, page.databytecounts, strict=False)
    ):
        raise Refused("truncated")
    tag = first.tags.get(_ORIENTATION_TAG)
    orientation = tag.value if tag is not None and isinstance(tag.value, int) else 1
    return Header((width, height), orientation, *_pixels(first, pages, count))


def _pixels(first, pages, count):
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
    is_picture = (
        len(pages) == 1
        and first.dtype == np.uint8
        and colours is not None
        and count - alpha == colours
        and first.compression not in strips.KNOWN
    )
    return (count, alpha, dtype), is_picture


def _decode(page, into):
    """One page to a view of `(height, width, samples)`."""
    kind = page.compression
    try:
        if kind in strips.KNOWN:
            strips.decode(page, into)
            return
        array = page.asarray()
    except (ValueError, NotImplementedError) as error:
        if "imagecodecs" not in str(error):
            raise
        raise Refused(
            f"{page.bitspersample} bits, compressed by {kind.name}, which needs the "
            "package imagecodecs: pip install imagecodecs"
        ) from error
    if array.shape == (into.shape[2], *into.shape[:2]):
        array = np.moveaxis(array, 0, -1)
    into[...] = as_held(array.reshape(into.shape))


def _divided(image):
    """Colours that were multiplied by their alpha, as Pillow divides them."""
    white = np.iinfo(image.dtype).max
    for line in image:
        alpha = line[:, -1:].astype(np.uint32)
        colour = line[:, :-1] * np.uint32(white) // np.maximum(alpha, 1)
        line[:, :-1] = np.where(alpha == 0, 0, np.minimum(colour, white))
    return image


def _by_pillow(path, file, found):
    contents = bytearray(path.read_bytes())
    tag = file.pages[0].tags.get(_ORIENTATION_TAG)
    if tag is not None:
        # Some of Pillow's versions turn some images.
        struct.pack_into(file.byteorder + "H", contents, tag.valueoffset, 1)
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[found.pixels[0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(contents), "r", ("TIFF",)) as image:
            if image.size != found.size:
                raise Refused("damaged (its size is not clear)")
            return pictures.to_array(image, mode)
