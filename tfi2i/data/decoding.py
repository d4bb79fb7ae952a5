"""Image files to tensors: JPEG, PNG and WebP with TensorFlow's own decoders.

What TensorFlow leaves open is settled here: alpha, palettes, bit depths below
eight, CMYK and EXIF orientation all come out as Pillow shows them. Other formats are
read by `formats`.
"""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf
from PIL import ImageColor

from tfi2i.data import formats
from tfi2i.data.pixels import RGB, PixelType

JPEG, PNG, WEBP, OTHER = range(4)
NATIVE = {"JPEG": JPEG, "PNG": PNG, "WEBP": WEBP}
"""Formats that TensorFlow decodes."""

# Bytes looked at, and what some of them hold.
_HEADER = 32
_WEBP_FLAGS = 20
_PNG_DEPTH = 24
_OPAQUE = np.uint8(255)


def parse_colour(text: str) -> tuple[int, int, int]:
    """Read a colour.

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


def decode(
    path: tf.Tensor,
    orientation: tf.Tensor | int,
    background: tf.Tensor,
    pixels: PixelType = RGB,
    format: str | None = None,
) -> tf.Tensor:
    """Read one image file as it is meant to be seen.

    Args:
        path: string scalar.
        orientation: int32 scalar, EXIF orientation 1 (upright) to 8.
        background: int32 `(3,)`, 0 to 255: the colour under transparent pixels.
        pixels: what the image is to be made of. Greyscale becomes equal channels,
            colour its luma; 16 bits become 8 by their high byte, 8 become 16 by
            repetition; where floats are wanted, those of a file keep their numbers,
            and of 8 or 16 bits black becomes `pixels.low` and white `pixels.high`.
        format: of `headers.ImageFile`, where it is known for all that the graph will
            read; None looks at the content.

    Returns:
        `pixels.dtype` `(height, width, pixels.channels)`.

    Raises:
        tf.errors.OpError: not there, damaged, of an unknown kind, of channels that
            cannot become those wanted, or an animated WebP.
    """
    contents = tf.io.read_file(path)
    decoders = {
        JPEG: lambda: _of_colour(decode_jpeg(contents), pixels),
        PNG: lambda: _png(contents, background, pixels),
        WEBP: lambda: _of_rgba(_decode_webp(contents), background, pixels),
        OTHER: lambda: _other(path, background, pixels),
    }
    if format is None:
        image = tf.switch_case(_format(_header(contents)), decoders)
    else:
        image = decoders[NATIVE.get(format, OTHER)]()
    image = tf.ensure_shape(image, (None, None, pixels.channels))
    return orient(image, orientation)


def decode_contents(
    contents: tf.Tensor, background: tf.Tensor, pixels: PixelType = RGB
) -> tf.Tensor:
    """Read an image's bytes as `decode` reads an upright file, in graphs that travel.

    Without WebP and what needs Python, which the programs that run them lack.

    Args:
        contents: string scalar, a JPEG or PNG file.
        background: int32 `(3,)`, 0 to 255: the colour under transparent pixels.
        pixels: of 1, 3 or 4 channels.

    Returns:
        `pixels.dtype` `(height, width, pixels.channels)`.

    Raises:
        tf.errors.OpError: neither JPEG nor PNG, or truncated.
    """
    image = tf.cond(
        _holds(_header(contents), 0, b"\xff\xd8\xff"),
        lambda: _of_colour(decode_jpeg(contents), pixels),
        lambda: _png(contents, background, pixels),
    )
    return tf.ensure_shape(image, (None, None, pixels.channels))


def flatten(rgba: tf.Tensor, background: tf.Tensor) -> tf.Tensor:
    """Composite an image with alpha over one colour, rounded to nearest.

    Args:
        rgba: uint8 or uint16 `(height, width, 4)`, alpha not premultiplied.
        background: int32 `(3,)`, 0 to 255.

    Returns:
        `(height, width, 3)` of the same dtype.
    """
    rgba = tf.convert_to_tensor(rgba)
    return tf.cond(
        # Most images are, and this is far quicker.
        tf.reduce_all(rgba[..., 3] == rgba.dtype.max),
        lambda: rgba[..., :3],
        lambda: _mixed(rgba, background),
    )


def orient(image: tf.Tensor, orientation: tf.Tensor | int) -> tf.Tensor:
    """Turn an image upright.

    Args:
        image: `(height, width, channels)`.
        orientation: EXIF orientation 1 to 8, an int32 scalar or known beforehand.

    Returns:
        The image as shown; 5 to 8 exchange height and width.
    """

    def swapped():
        return tf.transpose(image, (1, 0, 2))

    ways = (
        lambda: image,
        lambda: tf.reverse(image, (1,)),
        lambda: tf.reverse(image, (0, 1)),
        lambda: tf.reverse(image, (0,)),
        swapped,
        lambda: tf.reverse(swapped(), (1,)),
        lambda: tf.reverse(swapped(), (0, 1)),
        lambda: tf.reverse(swapped(), (0,)),
    )
    if isinstance(orientation, int):
        return ways[orientation - 1]()
    return tf.switch_case(orientation - 1, ways)


def _mixed(rgba: tf.Tensor, background: tf.Tensor) -> tf.Tensor:
    """`flatten` where something is transparent."""
    white = rgba.dtype.max
    # These just hold the products, so that large images take no more than they must.
    wide = tf.uint16 if rgba.dtype == tf.uint8 else tf.uint32
    colour, alpha = tf.cast(rgba[..., :3], wide), tf.cast(rgba[..., 3:], wide)
    background = tf.cast(background, wide) * tf.constant(white // 255, wide)
    mixed = colour * alpha + background * (tf.constant(white, wide) - alpha)
    # White is odd, so no quotient lies halfway. Divided by it, and rounded to nearest:
    mixed += tf.constant(white // 2 + 1, wide)
    bits = tf.constant(8 * rgba.dtype.size, wide)
    mixed = tf.bitwise.right_shift(mixed + tf.bitwise.right_shift(mixed, bits), bits)
    return tf.cast(mixed, rgba.dtype)


def _header(contents: tf.Tensor) -> tf.Tensor:
    """The first bytes."""
    return tf.io.decode_raw(contents, tf.uint8, fixed_length=_HEADER)


def _format(header: tf.Tensor) -> tf.Tensor:
    """Which decoder the first bytes ask for."""
    is_webp = _holds(header, 0, b"RIFF") & _holds(header, 8, b"WEBP")
    return tf.case(
        [
            (_holds(header, 0, b"\xff\xd8\xff"), lambda: tf.constant(JPEG)),
            (_holds(header, 0, b"\x89PNG"), lambda: tf.constant(PNG)),
            (is_webp, lambda: tf.constant(WEBP)),
        ],
        default=lambda: tf.constant(OTHER),
    )


def _of_colour(image: tf.Tensor, pixels: PixelType) -> tf.Tensor:
    """Colour of 8 or 16 bits to what is wanted of it."""
    image = tf.convert_to_tensor(image)
    white = image.dtype.max
    if pixels.dtype == "uint16" and image.dtype == tf.uint8:
        image, white = tf.cast(image, tf.uint16) * 257, 65_535
    if pixels.channels == 1:
        # As Pillow's mode L; 32 bits just hold it.
        grey = tf.fill(tf.shape(image[..., :1]), tf.constant(0x8000, tf.uint32))
        for channel, weight in enumerate((19595, 38470, 7471)):
            part = tf.cast(image[..., channel : channel + 1], tf.uint32)
            grey += part * tf.constant(weight, tf.uint32)
        grey = tf.bitwise.right_shift(grey, tf.constant(16, tf.uint32))
        image = tf.cast(grey, image.dtype)
    elif pixels.channels == 4:
        opaque = tf.fill(tf.shape(image[..., :1]), tf.cast(white, image.dtype))
        image = tf.concat([image, opaque], axis=-1)
    elif pixels.channels != 3:
        raise_it = tf.Assert(False, [f"3 channels, expected {pixels.channels}"])
        with tf.control_dependencies([raise_it]):
            image = tf.repeat(image[..., :1], pixels.channels, axis=-1)
    return _stored(image, pixels)


def _stored(image: tf.Tensor, pixels: PixelType) -> tf.Tensor:
    """Levels as they are, or, where floats are wanted, between low and high."""
    if pixels.dtype != "float32":
        return tf.cast(image, pixels.dtype)
    step = (pixels.high - pixels.low) / image.dtype.max
    return tf.cast(image, tf.float32) * step + pixels.low


def _png(contents, background, pixels):
    """PNG to what is wanted of it."""
    header = _header(contents)

    def of_8_bits():
        return _of_rgba(decode_png(contents), background, pixels)

    def of_16_bits():
        rgba = tf.io.decode_png(contents, 4, tf.uint16)
        return _of_rgba(rgba, background, pixels)

    # The decoder takes the high byte of 16 bits by itself.
    if pixels.dtype == "uint8":
        return of_8_bits()
    return tf.cond(header[_PNG_DEPTH] == 16, of_16_bits, of_8_bits)


def _of_rgba(rgba, background, pixels):
    """Colour of 8 or 16 bits with alpha to what is wanted of it."""
    if pixels.channels != 4:
        return _of_colour(flatten(rgba, background), pixels)
    if pixels.dtype == "uint16" and rgba.dtype == tf.uint8:
        return tf.cast(rgba, tf.uint16) * 257
    return _stored(rgba, pixels)


def _other(path, background, pixels):
    """Files that need Python."""

    def read(path, background):
        # Outside of a graph, an array of bytes.
        path = os.fsdecode(np.asarray(path, object).item())
        image, file = formats.read(path)
        return formats.convert(image, file, background, pixels)

    return tf.numpy_function(
        read, [path, background], tf.as_dtype(pixels.dtype), stateful=False
    )


def _holds(header: tf.Tensor, offset: int, expected: bytes) -> tf.Tensor:
    found = header[offset : offset + len(expected)]
    return tf.reduce_all(found == tf.constant(list(expected), tf.uint8))


def decode_jpeg(contents: tf.Tensor) -> tf.Tensor:
    """JPEG of any kind to RGB, uint8."""
    # The accurate transform equals Pillow bit for bit, CMYK included; the
    # default one is up to 14 levels away.
    return tf.io.decode_jpeg(contents, channels=3, dct_method="INTEGER_ACCURATE")


def decode_png(contents: tf.Tensor) -> tf.Tensor:
    """PNG of any kind to RGBA, uint8."""
    header = _header(contents)
    rgba = tf.io.decode_png(contents, channels=4)

    def repaired():
        # Below 8 bits the decoder fills a missing alpha with 1, 3 or 15, not 255.
        # Only a palette with its own alpha has values between 0 and opaque, and
        # that is the one kind whose native decoding has four channels.
        native = tf.shape(tf.io.decode_png(contents))[2]
        opaque = tf.where(rgba[..., 3:] > 0, tf.constant(255, tf.uint8), 0)
        alpha = tf.where(native == 4, rgba[..., 3:], opaque)
        return tf.concat([rgba[..., :3], alpha], axis=2)

    return tf.cond(header[_PNG_DEPTH] < 8, repaired, lambda: rgba)


def _decode_webp(contents: tf.Tensor) -> tf.Tensor:
    """WebP with or without alpha to RGBA; the operator refuses to convert channels."""
    header = _header(contents)
    # An animation would end the process: the operator aborts on one.
    has_flags = _holds(header, 12, b"VP8X")
    is_animated = has_flags & (tf.bitwise.bitwise_and(header[_WEBP_FLAGS], 2) > 0)
    with tf.control_dependencies([tf.Assert(~is_animated, ["animated WebP"])]):
        image = tf.io.decode_webp(contents)[0]

    def opaque():
        colours = image[..., :3]
        return tf.concat([colours, tf.fill(tf.shape(colours[..., :1]), _OPAQUE)], 2)

    return tf.cond(tf.shape(image)[2] == 4, lambda: image[..., :4], opaque)
