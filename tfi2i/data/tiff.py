"""TIFF of 8, 16 and 32 bits, with pages as channels."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image
from tifffile import PHOTOMETRIC, TiffFile

from tfi2i.data.arrays import as_held, volume
from tfi2i.data.limits import Refused, check_size
from tfi2i.data.pixels import MAX_CHANNELS, Dtype

# tifffile tells of what is odd in a file by logging it.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_ORIENTATION_TAG = 0x0112

# What Pillow turns into colour or grey of 8 bits.
_PICTURES = (
    PHOTOMETRIC.PALETTE,
    PHOTOMETRIC.SEPARATED,
    PHOTOMETRIC.YCBCR,
    PHOTOMETRIC.MINISWHITE,
    PHOTOMETRIC.CIELAB,
)


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
        return _header(file)


def read(path: Path) -> np.ndarray:
    """The image, `(height, width, channels)`, uint8, uint16 or float32.

    Raises:
        Refused: as `header`, or it is compressed in a way that needs another package.
    """
    with TiffFile(path) as file:
        found = _header(file)
        if not found.is_picture:
            return as_held(_by_tifffile(path, list(file.pages)))
    return _by_pillow(path)


def _header(file):
    pages = []
    for page in file.pages:
        pages.append(page)
        if len(pages) > MAX_CHANNELS:
            raise Refused(volume(len(file.pages), f"{len(file.pages)} pages"))
    if not pages:
        raise Refused("no image in it")
    first = pages[0]
    shapes = {(page.imagelength, page.imagewidth, page.dtype) for page in pages}
    if len(shapes) > 1 or first.dtype is None:
        raise Refused("pages of several sizes or kinds: expected equal ones")
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
        if first.photometric in _PICTURES or first.bitspersample < 8:
            is_grey = first.photometric in (
                PHOTOMETRIC.MINISWHITE,
                PHOTOMETRIC.MINISBLACK,
            )
            return (1 if is_grey else 3, False, "uint8"), True
    is_colour = first.photometric == PHOTOMETRIC.RGB
    alpha = is_colour and len(pages) == 1 and count == 4
    dtype = first.dtype.name if first.dtype.name in ("uint8", "uint16") else "float32"
    if first.dtype == bool:
        dtype = "uint8"
    if first.dtype.kind not in "biuf":
        raise Refused(f"values of dtype {first.dtype}: expected integers or floats")
    return (count, alpha, dtype), False


def _by_tifffile(path, pages):
    try:
        return np.concatenate([_decoded(page) for page in pages], axis=-1)
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
    # Compressed in a way that tifffile leaves to another package; OpenCV may know it.
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        _, found = cv2.imreadmulti(str(path), flags=cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if [image.shape[:2] for image in found] != [page.shape[:2] for page in pages]:
        raise Refused(
            f"compressed by {pages[0].compression.name}, which needs the package "
            "imagecodecs: pip install imagecodecs"
        )
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}
    found = [image[..., None] if image.ndim == 2 else image for image in found]
    found = [image[..., order.get(image.shape[2], [0])] for image in found]
    return np.concatenate(found, axis=-1)


def _decoded(page):
    array = page.asarray()
    height, width = page.imagelength, page.imagewidth
    if array.shape == (page.samplesperpixel, height, width):
        array = np.moveaxis(array, 0, -1)
    return array.reshape(height, width, page.samplesperpixel)


def _by_pillow(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path, formats=("TIFF",)) as image:
            # 1-bit and grey ones stay grey.
            is_grey = image.mode in ("1", "L")
            array = np.asarray(image.convert("L" if is_grey else "RGB"))
    return array[..., None] if array.ndim == 2 else array
