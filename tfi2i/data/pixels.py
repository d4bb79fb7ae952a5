"""The pixel type of a domain, and its conversion from and to [-1, 1].

Inside the program every image is float32 in [-1, 1]. Files, and the arrays that users
pass, are of a `PixelType`.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import tensorflow as tf

Dtype = Literal["uint8", "uint16", "float32"]
DTYPES = ("uint8", "uint16", "float32")

MAX_CHANNELS = 32
"""More channels or pages than this are taken for a volume."""


@dataclasses.dataclass(frozen=True)
class PixelType:
    """How the pixels of a domain are stored.

    Integers of 32 and 64 bits and other floats are stored as float32, which has 24 bits
    for the digits: neighbours beyond 16,777,216 become the same, and a warning is
    logged.

    Attributes:
        channels: 1 is grey, 3 is RGB, 4 is RGBA where the file says so.
        dtype: of the values.
        low: the value that becomes -1.
        high: the value that becomes 1.
    """

    channels: int = 3
    dtype: Dtype = "uint8"
    low: float = 0.0
    high: float = 255.0

    @classmethod
    def of(
        cls,
        channels: int | None = None,
        dtype: Dtype | None = None,
        low: float | None = None,
        high: float | None = None,
    ) -> PixelType:
        """Fills in what is None: 3 channels, uint8, the whole range of the dtype.

        Raises:
            ValueError: an unknown dtype, too few or too many channels, a range that is
                empty or exceeds the dtype, or float32 without a range.
        """
        channels = 3 if channels is None else channels
        dtype = "uint8" if dtype is None else dtype
        if dtype not in DTYPES:
            raise ValueError(f"dtype is '{dtype}', expected {', '.join(DTYPES)}")
        if not 1 <= channels <= MAX_CHANNELS:
            raise ValueError(f"channels are {channels}, expected 1 to {MAX_CHANNELS}")
        if dtype == "float32":
            if low is None or high is None:
                raise ValueError(
                    "float32 needs a range: which values are black (low) and white "
                    "(high)"
                )
            least, most = np.finfo(np.float32).min, np.finfo(np.float32).max
        else:
            least, most = 0, np.iinfo(dtype).max
            low = least if low is None else low
            high = most if high is None else high
        if not low < high:
            raise ValueError(f"range is {low:g} to {high:g}, expected low below high")
        if low < least or high > most:
            # Outputs beyond it would wrap around.
            raise ValueError(
                f"range is {low:g} to {high:g}, expected numbers that {dtype} holds, "
                f"{least:g} to {most:g}"
            )
        return cls(channels, dtype, float(low), float(high))


RGB = PixelType()
"""Colour of 8 bits, as in the reference."""


def to_float(image: tf.Tensor, pixels: PixelType = RGB) -> tf.Tensor:
    """Maps the stored range onto [-1, 1]; values outside of it stay outside.

    Args:
        image: of `pixels.dtype`, any shape.
        pixels: type of its pixels.

    Returns:
        float32 of the same shape.
    """
    half = (pixels.high - pixels.low) / 2
    # The subtraction is exact, so narrow ranges far from zero lose nothing.
    return (tf.cast(image, tf.float32) - pixels.low) / half - 1.0


def from_float(image: tf.Tensor, pixels: PixelType = RGB) -> tf.Tensor:
    """Maps [-1, 1] onto the stored range; for integers the inverse of `to_float`.

    Args:
        image: float, any shape; values outside [-1, 1] are clipped.
        pixels: type of the result's pixels.

    Returns:
        `pixels.dtype` of the same shape; integers are rounded to nearest.
    """
    half = (pixels.high - pixels.low) / 2
    values = (tf.cast(image, tf.float32) + 1.0) * half + pixels.low
    if pixels.dtype != "float32":
        values = tf.round(values)
    values = tf.clip_by_value(values, pixels.low, pixels.high)
    return tf.cast(values, pixels.dtype)


def to_uint8(image: tf.Tensor) -> tf.Tensor:
    """Maps [-1, 1] onto levels 0 to 255; the exact inverse of `to_float`.

    Args:
        image: float, any shape; values outside [-1, 1] are clipped.

    Returns:
        uint8 of the same shape, rounded to nearest.
    """
    return from_float(image)
