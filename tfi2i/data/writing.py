"""Writes images to files that keep their values: 8 or 16 bits, floats, any channels."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import tensorflow as tf
import tifffile
from PIL import Image

from tfi2i.data import icc_profiles
from tfi2i.data.pixels import PixelType

_QUALITY = 95

# Suffix to dtype to the numbers of channels that such a file holds; None is any.
_ANY = {"uint8": None, "uint16": None, "float32": None}
_HOLDS = {
    ".png": {"uint8": (1, 3, 4), "uint16": (1, 3, 4)},
    ".jpg": {"uint8": (1, 3)},
    ".jpeg": {"uint8": (1, 3)},
    ".webp": {"uint8": (3, 4)},
    ".bmp": {"uint8": (1, 3)},
    ".tif": _ANY,
    ".tiff": _ANY,
    ".npy": _ANY,
}

WRITABLE = tuple(_HOLDS)
"""Suffixes that can be written."""


def can_hold(suffix: str, pixels: PixelType) -> bool:
    """Whether files of a suffix hold such pixels.

    Args:
        suffix: such as `.png`, in any case.
        pixels: type of the pixels.
    """
    counts = _HOLDS.get(suffix.lower(), {}).get(pixels.dtype, ())
    return counts is None or pixels.channels in counts


def suffix_for(suffix: str, pixels: PixelType) -> str:
    """Returns the suffix where it can hold such pixels, else `.png`, else `.tif`."""
    if can_hold(suffix, pixels):
        return suffix
    return ".png" if can_hold(".png", pixels) else ".tif"


def write(
    image: np.ndarray,
    path: Path,
    profile: bytes | None = None,
    alpha: np.ndarray | None = None,
) -> None:
    """Writes an image in the format of the suffix.

    `tfi2i.data` reads lossless formats back unchanged. In TIFF, channels that are no
    colours become pages.

    Args:
        image: `(height, width, channels)`, uint8, uint16 or float32.
        path: the file.
        profile: ICC profile; written where the format holds profiles and this one
            applies to the image.
        alpha: opacity, `(height, width)` of the same dtype, for 1 or 3 channels.

    Raises:
        ValueError: the format cannot hold the image.
        OSError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    if alpha is not None:
        # As colour, because few formats but PNG hold grey with alpha.
        colours = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
        image = np.concatenate([colours, alpha[..., None]], axis=2)
    if not icc_profiles.fits(profile, image):
        profile = None
    if not can_hold(suffix, PixelType(image.shape[2], image.dtype.name)):
        raise ValueError(
            f"'{path.name}' cannot hold {image.shape[2]} channels of {image.dtype}: "
            "expected .tif or .npy"
        )
    if suffix == ".npy":
        np.save(path, image)
    elif suffix in (".tif", ".tiff"):
        _write_tiff(image, path, profile)
    elif image.dtype == np.uint16:
        # Pillow writes no colour of 16 bits.
        contents = tf.io.encode_png(image).numpy()
        path.write_bytes(_with_profile(contents, profile))
    else:
        picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        options = {} if suffix in (".png", ".bmp") else {"quality": _QUALITY}
        if profile is not None:
            options["icc_profile"] = profile
        picture.save(path, **options)


def _with_profile(png: bytes, profile: bytes | None) -> bytes:
    """Inserts an iCCP chunk behind the header of a PNG, which has 33 bytes."""
    if profile is None:
        return png
    content = b"iCCP" + b"ICC profile\0\0" + zlib.compress(profile)
    length = struct.pack(">I", len(content) - 4)
    checksum = struct.pack(">I", zlib.crc32(content))
    return png[:33] + length + content + checksum + png[33:]


def _write_tiff(image, path, profile):
    is_colour = image.shape[2] in (3, 4) and image.dtype != np.float32
    if is_colour:
        extra = {"extrasamples": ["unassalpha"]} if image.shape[2] == 4 else {}
        tifffile.imwrite(path, image, photometric="rgb", iccprofile=profile, **extra)
    else:
        pages = np.moveaxis(image, -1, 0)
        tifffile.imwrite(
            path, pages, photometric="minisblack", metadata=None, iccprofile=profile
        )
