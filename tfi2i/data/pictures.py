"""Pillow's pictures to arrays, in rows, so that no copy of the whole is made."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

# Pixels.
_AT_ONCE = 2**17


def to_array(image: Image.Image, mode: str) -> np.ndarray:
    """The pixels of a picture.

    Args:
        image: that is open.
        mode: of 8 bits: `L`, `LA`, `RGB` or `RGBA`.

    Returns:
        uint8 `(height, width, channels)`.
    """
    found = np.empty((image.height, image.width, len(mode)), np.uint8)
    for start, rows in row_blocks(image, mode):
        found[start : start + len(rows)] = rows
    return found


def row_blocks(image: Image.Image, mode: str) -> Iterator[tuple[int, np.ndarray]]:
    """Rows of a picture, a few at a time, and which is the first of them."""
    step = max(1, _AT_ONCE // max(1, image.width))
    image.load()
    for start in range(0, image.height, step):
        box = 0, start, image.width, min(start + step, image.height)
        rows = np.asarray(image.crop(box).convert(mode))
        yield start, rows.reshape(len(rows), image.width, -1)
