"""Reads the ICC profile of an image file, so that outputs can carry it.

Colours are never converted: networks see the values that files hold, in training and
afterwards. An output with the profile of its input is shown in the same colour space.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image
from tifffile import TiffFile

from tfi2i.data import headers

_TAG = 34675
# Fields of a profile's header, and the numbers of channels of a colour space.
_SPACE = slice(16, 20)
_SIGNATURE = slice(36, 40)
_CHANNELS = {b"RGB ": (3, 4), b"GRAY": (1,)}


def read_profile(path: Path) -> bytes | None:
    """Reads the ICC profile of an image file.

    Args:
        path: an image that can be read.

    Returns:
        The profile; None where there is none, or none that can be read.
    """
    try:
        profile = _read(path)
    except Exception:
        # Damaged files make Pillow and tifffile raise errors of every kind, and a
        # profile is not worth losing the image for.
        return None
    return profile if profile and profile[_SIGNATURE] == b"acsp" else None


def fits(profile: bytes | None, image: np.ndarray) -> bool:
    """Whether a profile applies to the channels of an image.

    A profile of CMYK never does, nor one of colours to a grey image. Floats have no
    profile, because their domain defines black and white.

    Args:
        profile: of the file that the image was made from.
        image: `(height, width, channels)`.
    """
    if profile is None or not np.issubdtype(image.dtype, np.integer):
        return False
    return image.shape[2] in _CHANNELS.get(profile[_SPACE], ())


def _read(path):
    with path.open("rb") as file:
        kind = headers.format_of(file.read(32))
    if kind in (None, "NPY", "NPZ", "BMP"):
        return None
    if kind == "TIFF":
        with TiffFile(path) as file:
            return file.pages[0].tags.valueof(_TAG)
    if kind == "HEIF":
        headers.open_heif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path, formats=(kind,)) as image:
            return image.info.get("icc_profile")
