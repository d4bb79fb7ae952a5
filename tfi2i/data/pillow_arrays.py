"""Converts Pillow's images to arrays block by block, without a copy of the whole."""

from __future__ import annotations

import numpy as np
from PIL import Image

# Pixels that are converted together.
_BLOCK = 2**17


def to_array(image: Image.Image, mode: str) -> np.ndarray:
    """Converts an image of Pillow to an array.

    Args:
        image: an open image.
        mode: of 8 bits: `L`, `LA`, `RGB` or `RGBA`.

    Returns:
        uint8 `(height, width, channels)`.
    """
    found = np.empty((image.height, image.width, len(mode)), np.uint8)
    step = max(1, _BLOCK // max(1, image.width))
    image.load()
    for start in range(0, image.height, step):
        rows = found[start : start + step]
        block = image.crop((0, start, image.width, start + len(rows)))
        rows[...] = np.asarray(block.convert(mode)).reshape(rows.shape)
    return found
