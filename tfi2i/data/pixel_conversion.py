"""Decodes the files that TensorFlow does not, and converts arrays to wanted pixels."""

from __future__ import annotations

import warnings

import numpy as np
from PIL import Image

from tfi2i.data import headers, numpy_files, pillow_arrays, tiff_files
from tfi2i.data.headers import ImageFile
from tfi2i.data.pixels import PixelType
from tfi2i.data.size_limits import Refused

# Pixels that are converted together.
_BLOCK = 2**16
_LUMA = np.array([19595, 38470, 7471])


def read(file: ImageFile) -> np.ndarray:
    """Decodes a BMP, GIF (its first picture), TIFF, HEIC or NumPy file.

    Args:
        file: its header.

    Returns:
        `(height, width, channels)`, uint8, uint16 or float32, as stored (EXIF
        orientation is not applied).

    Raises:
        OSError, ValueError: the content is damaged, or has changed since its header
            was read.
    """
    try:
        if file.format in ("NPY", "NPZ"):
            image = numpy_files.read(file.path)
        elif file.format == "TIFF":
            image = tiff_files.read(file.path)
        else:
            image = _decode_by_pillow(file)
    except (Refused, MemoryError):
        raise
    except Exception as error:
        # Damaged files make Pillow and tifffile raise errors of every kind.
        raise ValueError("truncated or damaged") from error
    if image.shape[2] != file.channels or image.dtype != file.dtype:
        raise ValueError("changed since its header was read")
    return image


def check_fit(file: ImageFile, pixels: PixelType) -> None:
    """Refuses a file that cannot be converted to such pixels.

    Raises:
        ValueError: the conversion would invent channels or cut floats off.
    """
    why_not = file.misfit(pixels)
    if why_not is not None:
        raise ValueError(why_not)


def convert(
    image: np.ndarray,
    file: ImageFile,
    background: tuple[int, int, int],
    pixels: PixelType,
) -> np.ndarray:
    """Converts a decoded image to the pixels of a domain.

    Grey becomes equal channels, and colour its luma. 16 bits become 8 by their high
    byte, 8 become 16 by repetition. Where floats are wanted, floats keep their values,
    and of integers black becomes `pixels.low` and white `pixels.high`.

    Args:
        image: `(height, width, channels)`, uint8, uint16 or float32.
        file: its header, which says whether the last channel is alpha.
        background: red, green, blue under transparent pixels, 0 to 255.
        pixels: the wanted pixels.

    Returns:
        `(height, width, pixels.channels)` of `pixels.dtype`.

    Raises:
        ValueError: of `check_fit`.
    """
    check_fit(file, pixels)
    if image.shape[2] == pixels.channels and image.dtype == pixels.dtype:
        return image
    height, width, _ = image.shape
    found = np.empty((height, width, pixels.channels), pixels.dtype)
    # In blocks of rows, because the intermediate values take several times the memory.
    step = max(1, _BLOCK // max(1, width))
    for start in range(0, height, step):
        rows = slice(start, start + step)
        block = _convert_levels(image[rows], file.alpha, background, pixels)
        found[rows] = _to_range(block, pixels)
    return found


def _to_range(image: np.ndarray, pixels: PixelType) -> np.ndarray:
    """Maps levels onto `pixels.low` to `pixels.high` where floats are wanted."""
    if pixels.dtype != "float32" or image.dtype == np.float32:
        return image
    step = (pixels.high - pixels.low) / np.iinfo(image.dtype).max
    return image.astype(np.float32) * np.float32(step) + np.float32(pixels.low)


def _convert_levels(
    image: np.ndarray, alpha: bool, background: tuple[int, int, int], pixels: PixelType
) -> np.ndarray:
    """Converts bit depth and channels: narrowed first, widened last."""
    if pixels.dtype == "uint8" and image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if alpha and pixels.channels != 4:
        image = _composite(image, background)
    if pixels.dtype == "uint16" and image.dtype == np.uint8:
        image = image.astype(np.uint16) * 257
    count = image.shape[2]
    if count == pixels.channels:
        return image
    if pixels.channels == 1:
        return _luma(image)
    if count < 3:
        # Grey, or grey and alpha.
        image = np.concatenate([image[..., :1]] * 3 + [image[..., 1:]], axis=2)
    if image.shape[2] == pixels.channels:
        return image
    white = pixels.high if image.dtype == np.float32 else np.iinfo(image.dtype).max
    opaque = np.full_like(image[..., :1], white)
    return np.concatenate([image, opaque], axis=2)


def _decode_by_pillow(file: ImageFile) -> np.ndarray:
    if file.format == "HEIF":
        headers.open_heif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(file.path, formats=(file.format,)) as image:
            modes = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
            return pillow_arrays.to_array(image, modes[file.channels])


def _composite(image: np.ndarray, background: tuple[int, int, int]) -> np.ndarray:
    """Composites over a colour, rounded to nearest; grey becomes RGB."""
    white = np.iinfo(image.dtype).max
    colour, alpha = image[..., :-1].astype(np.int64), image[..., -1:].astype(np.int64)
    under = np.asarray(background, np.int64) * (white // 255)
    mixed = (colour * alpha + under * (white - alpha) + white // 2) // white
    return mixed.astype(image.dtype)


def _luma(image: np.ndarray) -> np.ndarray:
    """Converts RGB to grey as Pillow's mode L does."""
    if image.dtype == np.float32:
        return (image @ (_LUMA / 65536))[..., None]
    grey = (image.astype(np.int64) @ _LUMA + 0x8000) >> 16
    return grey.astype(image.dtype)[..., None]
