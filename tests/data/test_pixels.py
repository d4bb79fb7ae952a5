"""What pixels are, and the way from them to the networks' range and back."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfi2i.data.pixels import PixelType, from_float, to_float, to_uint8

GREY = PixelType.of(1)
DEEP = PixelType.of(1, "uint16")
levels = np.arange(256, dtype=np.uint8)


def test_levels_come_back_exactly():
    floats = to_float(levels)
    assert floats.dtype == tf.float32
    assert (floats[0], floats[-1]) == (-1.0, 1.0)
    np.testing.assert_array_equal(to_uint8(floats), levels)
    for dtype in (tf.float16, tf.float64):
        back = to_uint8(tf.cast(floats, dtype))
        np.testing.assert_array_equal(back, levels)


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1), st.floats(-0.49, 0.49))
def test_to_uint8_rounds_to_nearest(values, offset):
    values = np.array(values)
    floats = (values + offset) / 127.5 - 1
    expected = np.clip(np.rint(np.clip(values + offset, 0, 255)), 0, 255)
    np.testing.assert_array_equal(to_uint8(floats), expected)


def test_to_uint8_clips():
    values = to_uint8([-9.0, -1.001, 1.001, 9.0]).numpy()
    assert values.tolist() == [0, 0, 255, 255]


@settings(deadline=None)
@given(st.integers(0, 65_534), st.data())
def test_integers_survive_the_networks_range(low, data):
    high = data.draw(st.integers(low + 1, 65_535))
    pixels = PixelType.of(1, "uint16", low, high)
    values = np.linspace(low, high, 100).astype(np.uint16)
    floats = to_float(values, pixels)
    assert floats[0] >= -1 - 1e-6 and floats[-1] <= 1 + 1e-6
    np.testing.assert_array_equal(from_float(floats, pixels), values)


def test_all_levels_survive_the_networks_range():
    for pixels in (GREY, DEEP):
        values = np.arange(pixels.high + 1).astype(pixels.dtype)
        floats = to_float(values, pixels).numpy()
        assert (floats[0], floats[-1]) == (-1, 1)
        np.testing.assert_array_equal(from_float(floats, pixels), values)


def test_pixel_types_that_cannot_be():
    for arguments, message in (
        ((0,), "channels are 0, expected 1 to 32"),
        ((3, "uint32"), "dtype is 'uint32', expected uint8, uint16, float32"),
        ((3, "float32"), "float32 needs a range"),
        ((3, "uint8", 9, 9), "range is 9 to 9, expected low below high"),
        ((3, "float32", 0, np.nan), "range is 0 to nan, expected low below high"),
        ((3, "uint8", 0, 300), "range is 0 to 300, expected .*uint8 holds, 0 to 255"),
        ((3, "uint8", -5), "range is -5 to 255, expected numbers that uint8 holds"),
        ((1, "uint16", 0, 65536), "0 to 65536, expected .*uint16 holds, 0 to 65535"),
        ((1, "float32", -np.inf, 0), "range is -inf to 0, expected numbers that flo"),
    ):
        with pytest.raises(ValueError, match=message):
            PixelType.of(*arguments)
