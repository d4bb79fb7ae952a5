"""Statistics of one image file: header, range of values, colours, digest of pixels."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import tensorflow as tf

from tfi2i.data import headers, reading
from tfi2i.data.headers import ImageFile
from tfi2i.data.pixels import PixelType
from tfi2i.data.transforms import cut_half

# Enough to tell a drawing in a few colours from a photograph.
_PIXELS_SAMPLED = (256, 4096)
MOST_COLOURS = 64


@dataclasses.dataclass(frozen=True)
class PixelStats:
    """Statistics of the pixels of an image, or of one half of it.

    Attributes:
        digest: of size and values; the same for the same picture, whatever its
            format. Grey ones in one channel and in three are the same.
        low: least value.
        high: greatest value.
        spread: standard deviation of the channel that varies most.
        colours: those found at some thousand places; None where there are too many.
        is_plain: whether all pixels are the same.
    """

    digest: bytes
    low: float
    high: float
    spread: float
    colours: frozenset[bytes] | None
    is_plain: bool


@dataclasses.dataclass(frozen=True)
class ImageStats:
    """Statistics of one file.

    Attributes:
        path: the file.
        header: None where it cannot be read.
        whole: of all pixels; None where they cannot be decoded.
        halves: of the left and the right half, where these were asked for.
        fault: why the file cannot be read, in a few words; empty where it can.
    """

    path: Path
    header: ImageFile | None = None
    whole: PixelStats | None = None
    halves: tuple[PixelStats, PixelStats] | None = None
    fault: str = ""

    @property
    def problem(self) -> Literal["unreadable", "damaged"] | None:
        """Whether the fault is in the header or after it; None for no fault."""
        if self.header is None:
            return "unreadable"
        return "damaged" if self.fault else None


def read_header(path: Path) -> ImageStats:
    """Reads the header of a file alone."""
    try:
        return ImageStats(path, headers.read(path))
    except (OSError, ValueError) as error:
        return ImageStats(path, fault=str(error))


def measure(file: ImageStats, halves: bool, background: str = "white") -> ImageStats:
    """Decodes a file and measures its pixels.

    Args:
        file: from `read_header`.
        halves: whether to measure the left and the right half, too.
        background: colour under transparent pixels, CSS name or `#rrggbb`.
    """
    if file.header is None:
        return file
    pixels = native_pixel_type(file.header)
    try:
        image = reading.read_image(file.path, background, pixels)
    except (OSError, ValueError) as error:
        return dataclasses.replace(file, fault=str(error))
    except (tf.errors.ResourceExhaustedError, MemoryError):
        return dataclasses.replace(file, fault="larger than the free memory")
    parts = None
    if halves and image.shape[1] > 1:
        left, right = (cut_half(image, half) for half in ("left", "right"))
        parts = _measure(left), _measure(right)
    return dataclasses.replace(file, whole=_measure(image), halves=parts)


def native_pixel_type(header: ImageFile) -> PixelType:
    """The pixel type that reads a file without converting its values."""
    low, high = (0.0, 1.0) if header.dtype == "float32" else (None, None)
    return PixelType.of(header.opaque_channels, header.dtype, low, high)


def _measure(image: np.ndarray) -> PixelStats:
    """Statistics of `(height, width, channels)`."""
    image = np.ascontiguousarray(image)
    values = np.ascontiguousarray(image[..., 0]) if _is_grey(image) else image
    digest = hashlib.blake2b(values, digest_size=16)
    digest.update(f"{values.shape} {values.dtype}".encode())
    # OpenCV takes four channels at most.
    spread = max(
        float(cv2.meanStdDev(image[..., i : i + 4])[1].max())
        for i in range(0, image.shape[2], 4)
    )
    return PixelStats(
        digest.digest(),
        float(image.min()),
        float(image.max()),
        spread,
        _colours(image),
        bool((image == image[0, 0]).all()),
    )


def _is_grey(image: np.ndarray) -> bool:
    """Whether all channels are the same; photographs differ in their first row."""
    return all(bool((rows == rows[..., :1]).all()) for rows in (image[:1], image[1:]))


def _colours(image: np.ndarray) -> frozenset[bytes] | None:
    flat = image.reshape(-1, image.shape[2])
    found: set[bytes] = set()
    # The few pixels of the first round tell most photographs.
    for count in _PIXELS_SAMPLED:
        found.update(map(np.ndarray.tobytes, flat[:: max(1, len(flat) // count)]))
        if len(found) > MOST_COLOURS:
            return None
    return frozenset(found)
