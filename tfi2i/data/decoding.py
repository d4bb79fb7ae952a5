"""Decodes JPEG, PNG and WebP with TensorFlow's own decoders.

`decode` returns arrays, for training and translation. `decode_contents` does the same
inside the graph of an export, where no Python runs. Both give what Pillow gives for
alpha, palettes, bit depths below eight and CMYK. `pixel_conversion` reads all other
formats.
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import tensorflow as tf
from PIL import ImageColor

from tfi2i.data.headers import ImageFile
from tfi2i.data.pixels import RGB, PixelType

NATIVE = ("JPEG", "PNG", "WEBP")
"""Formats that TensorFlow decodes."""

# Offset of a PNG's bit depth, and of the flags of an extended WebP (VP8X).
_PNG_DEPTH = 24
_WEBP_FLAGS = 20
_IS_ANIMATED = 2


def parse_colour(text: str) -> tuple[int, int, int]:
    """Parses a colour.

    Args:
        text: a CSS name such as `white`, or `#rrggbb`.

    Returns:
        Red, green and blue, 0 to 255.

    Raises:
        ValueError: the text names no opaque colour.
    """
    try:
        colour = ImageColor.getrgb(text)
    except ValueError:
        colour = ()
    if len(colour) != 3:
        raise ValueError(
            f"'{text}' is not a colour: --data.background takes a CSS name such as "
            "'white', or '#rrggbb'"
        )
    return colour


def decode(file: ImageFile) -> tuple[np.ndarray, ImageFile]:
    """Decodes a JPEG, PNG or WebP file.

    Args:
        file: its header; `format` is one of `NATIVE`.

    Returns:
        `(height, width, channels)`, uint8 or uint16, EXIF orientation not applied; and
        the header with the channels of that array.

    Raises:
        tf.errors.OpError: the file is missing or damaged.
        ValueError: an animated WebP.
    """
    with tf.device("CPU:0"):
        # As bytes, because a name need not be UTF-8.
        contents = tf.io.read_file(os.fsencode(file.path))
        if file.format == "JPEG":
            image, alpha = _decode_jpeg(contents), False
        elif file.format == "WEBP":
            _check_not_animated(contents.numpy())
            image = tf.io.decode_webp(contents)[0]
            alpha = image.shape[2] == 4
        elif file.alpha and file.dtype == "uint8":
            image, alpha = _decode_png(contents), True
        else:
            alpha = file.alpha
            channels = 4 if alpha else file.channels
            image = tf.io.decode_png(contents, channels, tf.as_dtype(file.dtype))
    # `numpy()` would copy.
    array = np.asarray(memoryview(image))
    return array, dataclasses.replace(file, channels=array.shape[2], alpha=alpha)


def decode_contents(
    contents: tf.Tensor, background: tf.Tensor, pixels: PixelType = RGB
) -> tf.Tensor:
    """Decodes the bytes of a JPEG or PNG inside an exported graph.

    Equal to `reading.read_image` on an upright file.

    Args:
        contents: string scalar, a JPEG or PNG file.
        background: int32 `(3,)`, 0 to 255: the colour under transparent pixels.
        pixels: uint8 or uint16, of 1, 3 or 4 channels.

    Returns:
        `pixels.dtype` `(height, width, pixels.channels)`.

    Raises:
        tf.errors.OpError: neither JPEG nor PNG, or truncated.
    """
    start = tf.io.decode_raw(contents, tf.uint8, fixed_length=32)
    is_jpeg = tf.reduce_all(start[:3] == tf.constant(list(b"\xff\xd8\xff"), tf.uint8))

    def from_rgb(rgb):
        return _with_channels(_widened(rgb, pixels.dtype), pixels.channels)

    def from_rgba(rgba):
        if pixels.channels == 4:
            return _widened(rgba, pixels.dtype)
        return from_rgb(_flatten(rgba, background))

    def from_png():
        # The decoder keeps the high byte of 16 bits where 8 are asked for.
        if pixels.dtype == "uint8":
            return from_rgba(_decode_png(contents))
        return tf.cond(
            start[_PNG_DEPTH] == 16,
            lambda: from_rgba(tf.io.decode_png(contents, 4, tf.uint16)),
            lambda: from_rgba(_decode_png(contents)),
        )

    image = tf.cond(is_jpeg, lambda: from_rgb(_decode_jpeg(contents)), from_png)
    return tf.ensure_shape(image, (None, None, pixels.channels))


def _decode_jpeg(contents: tf.Tensor) -> tf.Tensor:
    """Decodes any JPEG to RGB, uint8."""
    # The accurate transform equals Pillow bit for bit, CMYK included; the
    # default one is up to 14 levels away.
    return tf.io.decode_jpeg(contents, channels=3, dct_method="INTEGER_ACCURATE")


def _decode_png(contents: tf.Tensor) -> tf.Tensor:
    """Decodes any PNG to RGBA, uint8."""
    rgba = tf.io.decode_png(contents, channels=4)

    def with_alpha_repaired():
        # Below 8 bits the decoder fills a missing alpha with 1, 3 or 15, not 255.
        # Only a palette with its own alpha has values between 0 and opaque, and
        # that is the one kind whose native decoding has four channels.
        native = tf.shape(tf.io.decode_png(contents))[2]
        opaque = tf.where(rgba[..., 3:] > 0, tf.constant(255, tf.uint8), 0)
        alpha = tf.where(native == 4, rgba[..., 3:], opaque)
        return tf.concat([rgba[..., :3], alpha], axis=2)

    depth = tf.io.decode_raw(contents, tf.uint8, fixed_length=32)[_PNG_DEPTH]
    return tf.cond(depth < 8, with_alpha_repaired, lambda: rgba)


def _check_not_animated(webp: bytes) -> None:
    """Refuses an animated WebP, on which TensorFlow's decoder aborts the process."""
    if webp[12:16] == b"VP8X" and webp[_WEBP_FLAGS] & _IS_ANIMATED:
        raise ValueError("animated")


def _flatten(rgba: tf.Tensor, background: tf.Tensor) -> tf.Tensor:
    """Composites RGBA over a colour of 8 bits, rounded to nearest."""
    return tf.cond(
        # True of most images, and much faster.
        tf.reduce_all(rgba[..., 3] == rgba.dtype.max),
        lambda: rgba[..., :3],
        lambda: _composite(rgba, background),
    )


def _composite(rgba: tf.Tensor, background: tf.Tensor) -> tf.Tensor:
    white = rgba.dtype.max
    # The narrowest type that holds the products.
    wide = tf.uint16 if rgba.dtype == tf.uint8 else tf.uint32
    colour, alpha = tf.cast(rgba[..., :3], wide), tf.cast(rgba[..., 3:], wide)
    background = tf.cast(background, wide) * tf.constant(white // 255, wide)
    mixed = colour * alpha + background * (tf.constant(white, wide) - alpha)
    # White is odd, so no quotient lies halfway. Divides by it, rounded to nearest:
    mixed += tf.constant(white // 2 + 1, wide)
    bits = tf.constant(8 * rgba.dtype.size, wide)
    mixed = tf.bitwise.right_shift(mixed + tf.bitwise.right_shift(mixed, bits), bits)
    return tf.cast(mixed, rgba.dtype)


def _with_channels(image: tf.Tensor, channels: int) -> tf.Tensor:
    """Converts RGB of 8 or 16 bits to grey, RGB or RGBA."""
    if channels == 1:
        # As Pillow's mode L. The sum just fits into 32 bits.
        grey = tf.fill(tf.shape(image[..., :1]), tf.constant(0x8000, tf.uint32))
        for channel, weight in enumerate((19595, 38470, 7471)):
            part = tf.cast(image[..., channel : channel + 1], tf.uint32)
            grey += part * tf.constant(weight, tf.uint32)
        grey = tf.bitwise.right_shift(grey, tf.constant(16, tf.uint32))
        return tf.cast(grey, image.dtype)
    if channels == 4:
        opaque = tf.fill(
            tf.shape(image[..., :1]), tf.cast(image.dtype.max, image.dtype)
        )
        return tf.concat([image, opaque], axis=-1)
    return image


def _widened(image: tf.Tensor, dtype: str) -> tf.Tensor:
    """Repeats the byte of 8-bit levels where 16 bits are wanted."""
    if dtype == "uint16" and image.dtype == tf.uint8:
        return tf.cast(image, tf.uint16) * 257
    return image
