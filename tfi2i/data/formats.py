"""Image files that TensorFlow does not decode, to arrays of a wanted kind."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from tfi2i.data import arrays, headers, tiff
from tfi2i.data.headers import ImageFile
from tfi2i.data.limits import Refused
from tfi2i.data.pixels import PixelType


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
    image = _with_dtype(image, pixels.dtype)
    if image.shape[2] == pixels.channels:
        return image
    if file.alpha:
        image = _flattened(image, background, file.dtype)
    count = image.shape[2]
    if pixels.channels == 1:
        return image if count == 1 else _luma(image)
    image = np.repeat(image, 3, axis=2) if count == 1 else image
    if pixels.channels == 3:
        return image
    opaque = np.full_like(image[..., :1], _white(image.dtype, file.dtype))
    return np.concatenate([image, opaque], axis=2)


def _picture(file):
    if file.format == "HEIF":
        headers.open_heif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(file.path, formats=(file.format,)) as image:
            modes = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
            array = np.asarray(image.convert(modes[file.channels]))
    return array[..., None] if array.ndim == 2 else array


def _with_dtype(image, dtype):
    if image.dtype == dtype or dtype == "float32":
        return image.astype(dtype, copy=False)
    if dtype == "uint16":
        return image.astype(np.uint16) * 257
    return (image >> 8).astype(np.uint8)


def _white(dtype, stored):
    """The value of white, where floats are integers that were stored."""
    return np.iinfo(stored if dtype == np.float32 else dtype).max


def _flattened(image, background, stored):
    """Composited over a colour, which makes grey with alpha a colour, too."""
    white = _white(image.dtype, stored)
    colour, alpha = image[..., :-1].astype(float), image[..., -1:] / white
    under = np.asarray(background) * (white / 255)
    mixed = colour * alpha + under * (1 - alpha)
    return mixed if image.dtype == np.float32 else np.rint(mixed).astype(image.dtype)


def _luma(image):
    """As Pillow's mode L."""
    weights = np.array([19595, 38470, 7471])
    if image.dtype == np.float32:
        return (image @ (weights / 65536)).astype(np.float32)[..., None]
    return ((image.astype(np.int64) @ weights + 0x8000) >> 16).astype(image.dtype)[
        ..., None
    ]
