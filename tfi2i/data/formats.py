"""Image files that TensorFlow does not decode, to arrays of a wanted kind."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from tfi2i.data import arrays, headers, pictures, tiff
from tfi2i.data.headers import ImageFile
from tfi2i.data.limits import Refused
from tfi2i.data.pixels import PixelType

# Pixels.
_AT_ONCE = 2**16


def read(path: str | Path) -> tuple[np.ndarray, ImageFile]:
    """Decode a BMP, GIF (its first picture), TIFF, HEIC or NumPy file.

    Args:
        path: of the file.

    Returns:
        `(height, width, channels)`, uint8, uint16 or float32, as stored (EXIF
        orientation is not applied); and what its header says.

    Raises:
        OSError, ValueError: of `headers.read`; damaged content.
    """
    file = headers.read(Path(path))
    try:
        if file.format in ("NPY", "NPZ"):
            return arrays.read(file.path), file
        if file.format == "TIFF":
            return tiff.read(file.path), file
        return _picture(file), file
    except (Refused, MemoryError):
        raise
    except Exception as error:
        # Damaged files lead Pillow and tifffile to errors of every kind.
        raise ValueError("truncated or damaged") from error


def convert(
    image: np.ndarray, file: ImageFile, background: np.ndarray, pixels: PixelType
) -> np.ndarray:
    """Make a decoded image consist of other pixels, as `decoding` does in a graph.

    Args:
        image: `(height, width, channels)`, uint8, uint16 or float32.
        file: says which channel is alpha.
        background: red, green, blue under transparent pixels, 0 to 255.
        pixels: wanted.

    Raises:
        ValueError: that would invent channels or cut floats off.
    """
    why_not = file.misfit(pixels)
    if why_not is not None:
        raise ValueError(why_not)
    if image.shape[2] == pixels.channels and image.dtype == pixels.dtype:
        return image
    height, width, _ = image.shape
    found = np.empty((height, width, pixels.channels), pixels.dtype)
    # In parts, since numbers in between take several times the memory.
    step = max(1, _AT_ONCE // max(1, width))
    for start in range(0, height, step):
        rows = slice(start, start + step)
        found[rows] = _stored(
            _converted(image[rows], file.alpha, background, pixels), pixels
        )
    return found


def _stored(image, pixels):
    """Levels as they are, or, where floats are wanted, between low and high."""
    if pixels.dtype != "float32" or image.dtype == np.float32:
        return image
    step = (pixels.high - pixels.low) / np.iinfo(image.dtype).max
    return image.astype(np.float32) * np.float32(step) + np.float32(pixels.low)


def _converted(image, alpha, background, pixels):
    """Numbers first become as small as they will be, and large at last."""
    if pixels.dtype == "uint8" and image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if alpha and pixels.channels != 4:
        image = _flattened(image, background)
    if pixels.dtype == "uint16" and image.dtype == np.uint8:
        image = image.astype(np.uint16) * 257
    count = image.shape[2]
    if count == pixels.channels:
        return image
    if pixels.channels == 1:
        return _luma(image)
    if count < 3:
        # Grey, and maybe alpha.
        image = np.concatenate([image[..., :1]] * 3 + [image[..., 1:]], axis=2)
    if image.shape[2] == pixels.channels:
        return image
    white = pixels.high if image.dtype == np.float32 else np.iinfo(image.dtype).max
    opaque = np.full_like(image[..., :1], white)
    return np.concatenate([image, opaque], axis=2)


def _picture(file):
    if file.format == "HEIF":
        headers.open_heif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(file.path, formats=(file.format,)) as image:
            modes = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
            return pictures.to_array(image, modes[file.channels])


def _flattened(image, background):
    """Composited over a colour, which makes grey with alpha a colour, too."""
    white = np.iinfo(image.dtype).max
    colour, alpha = image[..., :-1].astype(np.int64), image[..., -1:].astype(np.int64)
    under = np.asarray(background, np.int64) * (white // 255)
    mixed = (colour * alpha + under * (white - alpha) + white // 2) // white
    return mixed.astype(image.dtype)


def _luma(image):
    """As Pillow's mode L."""
    weights = np.array([19595, 38470, 7471])
    if image.dtype == np.float32:
        return (image @ (weights / 65536))[..., None]
    grey = (image.astype(np.int64) @ weights + 0x8000) >> 16
    return grey.astype(image.dtype)[..., None]
