"""Images to files that hold their numbers: 8 and 16 bits, floats, any channels."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import tensorflow as tf
import tifffile
from PIL import Image

from tfi2i.data import profiles
from tfi2i.data.pixels import PixelType

_QUALITY = 95

# What each kind of file holds: numbers of channels for each dtype; None is any.
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
        suffix: such as `.png`, of any case.
        pixels: to be written.
    """
    counts = _HOLDS.get(suffix.lower(), {}).get(pixels.dtype, ())
    return counts is None or pixels.channels in counts


def suffix_for(suffix: str, pixels: PixelType) -> str:
    """The suffix itself where it can hold such pixels, else `.png`, else `.tif`."""
    if can_hold(suffix, pixels):
        return suffix
    return ".png" if can_hold(".png", pixels) else ".tif"


def write(
    image: np.ndarray,
    path: Path,
    profile: bytes | None = None,
    alpha: np.ndarray | None = None,
) -> None:
    """Write an image as its suffix says; `tfi2i.data` reads back what is lossless.

    Channels of a TIFF that are no colours become pages.

    Args:
        image: `(height, width, channels)`, uint8, uint16 or float32.
        path: of the file.
        profile: ICC profile, written where such a file can hold it and it is one of
            the image's colours.
        alpha: `(height, width)` of the same dtype, how opaque pixels are; of images of
            1 or 3 channels.

    Raises:
        ValueError: such a file cannot hold the image.
        OSError: it cannot be written.
    """
    suffix = path.suffix.lower()
    if alpha is not None:
        # As colour, since hardly any file but PNG holds grey with alpha.
        colours = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
        image = np.concatenate([colours, alpha[..., None]], axis=2)
    if not profiles.fits(profile, image):
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
    """A PNG with an iCCP chunk behind its header, which is 33 bytes long."""
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
