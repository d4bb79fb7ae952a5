"""ICC profiles of image files: read as they are, and kept where they still apply.

Networks are shown the numbers that files hold, in training and afterwards, whatever
their profile says. Outputs that carry the profile of their input look as those numbers
are meant, beside it.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image
from tifffile import TiffFile

from tfi2i.data import headers

_TAG = 34675
# What a profile is for, by four bytes of its header; and the channels of that.
_SPACE = slice(16, 20)
_SIGNATURE = slice(36, 40)
_CHANNELS = {b"RGB ": (3, 4), b"GRAY": (1,)}


def read_profile(path: Path) -> bytes | None:
    """The ICC profile of an image file.

    Args:
        path: of a sound file.

    Returns:
        None where there is none, or one that cannot be read.
    """
    try:
        profile = _read(path)
    except Exception:
        # Damaged files lead Pillow and tifffile to errors of every kind, and none is
        # worth losing the image for.
        return None
    return profile if profile and profile[_SIGNATURE] == b"acsp" else None


def fits(profile: bytes | None, image: np.ndarray) -> bool:
    """Whether a profile is one of an image's colours.

    Profiles of CMYK are of no image that is written, nor are those of colours of grey
    ones. Floats have none, since their black and white are the domain's.

    Args:
        profile: of the file that the image was made from.
        image: `(height, width, channels)`, to be written.
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
            tag = file.pages[0].tags.get(_TAG)
            return bytes(tag.value) if tag is not None else None
    if kind == "HEIF":
        headers.open_heif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path, formats=(kind,)) as image:
            return image.info.get("icc_profile")
