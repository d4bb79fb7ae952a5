"""Image files to uint8 RGB tensors, with TensorFlow's own decoders.

What TensorFlow leaves open is settled here: alpha, palettes, bit depths below
eight, CMYK and EXIF orientation all come out as Pillow shows them.
"""

from __future__ import annotations

import tensorflow as tf
from PIL import ImageColor

JPEG, PNG, WEBP = range(3)

# Bytes looked at, and what some of them hold.
_HEADER = 32
_WEBP_FLAGS = 20
_PNG_DEPTH = 24


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


def decode(path: tf.Tensor, orientation: tf.Tensor, background: tf.Tensor) -> tf.Tensor:
    """Read one image file as it is meant to be seen.

    The format is told by the content, not by the name. Greyscale becomes three
    equal channels, 16-bit PNG keeps its high bytes.

    Args:
        path: string scalar.
        orientation: int32 scalar, EXIF orientation 1 (upright) to 8.
        background: int32 `(3,)`, 0 to 255: the colour under transparent pixels.

    Returns:
        uint8 `(height, width, 3)`.

    Raises:
        tf.errors.OpError: not there, not JPEG, PNG or WebP, truncated, or an
            animated WebP.
    """
    contents = tf.io.read_file(path)
    header = tf.io.decode_raw(contents, tf.uint8, fixed_length=_HEADER)
    image = tf.switch_case(
        _format(header),
        {
            JPEG: lambda: _decode_jpeg(contents),
            PNG: lambda: flatten(_decode_png(contents, header), background),
            WEBP: lambda: _decode_webp(contents, header, background),
        },
    )
    return orient(tf.ensure_shape(image, (None, None, 3)), orientation)


def decode_contents(contents: tf.Tensor, background: tf.Tensor) -> tf.Tensor:
    """Read an image's bytes as `decode` reads an upright file, in graphs that travel.

    Without WebP, whose operator is too new for some of the programs that run them.

    Args:
        contents: string scalar, a JPEG or PNG file.
        background: int32 `(3,)`, 0 to 255: the colour under transparent pixels.

    Returns:
        uint8 `(height, width, 3)`.

    Raises:
        tf.errors.OpError: neither JPEG nor PNG, or truncated.
    """
    header = tf.io.decode_raw(contents, tf.uint8, fixed_length=_HEADER)
    image = tf.cond(
        _holds(header, 0, b"\xff\xd8\xff"),
        lambda: _decode_jpeg(contents),
        lambda: flatten(_decode_png(contents, header), background),
    )
    return tf.ensure_shape(image, (None, None, 3))


def flatten(rgba: tf.Tensor, background: tf.Tensor) -> tf.Tensor:
    """Composite an image with alpha over one colour, rounded to nearest.

    Args:
        rgba: uint8 `(height, width, 4)`, alpha not premultiplied.
        background: int32 `(3,)`, 0 to 255.

    Returns:
        uint8 `(height, width, 3)`.
    """
    rgba = tf.cast(rgba, tf.int32)
    colour, alpha = rgba[..., :3], rgba[..., 3:]
    # 255 is odd, so no quotient lies halfway and adding 127 rounds to nearest.
    mixed = (colour * alpha + background * (255 - alpha) + 127) // 255
    return tf.cast(mixed, tf.uint8)


def orient(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn an image upright.

    Args:
        image: `(height, width, channels)`.
        orientation: int32 scalar, EXIF orientation 1 to 8.

    Returns:
        The image as shown; 5 to 8 exchange height and width.
    """

    def swapped():
        return tf.transpose(image, (1, 0, 2))

    return tf.switch_case(
        orientation - 1,
        (
            lambda: image,
            lambda: tf.reverse(image, (1,)),
            lambda: tf.reverse(image, (0, 1)),
            lambda: tf.reverse(image, (0,)),
            swapped,
            lambda: tf.reverse(swapped(), (1,)),
            lambda: tf.reverse(swapped(), (0, 1)),
            lambda: tf.reverse(swapped(), (0,)),
        ),
    )


def _format(header: tf.Tensor) -> tf.Tensor:
    """Which decoder the first bytes ask for."""
    is_png = _holds(header, 0, b"\x89PNG")
    is_webp = _holds(header, 0, b"RIFF") & _holds(header, 8, b"WEBP")
    is_known = is_png | is_webp | _holds(header, 0, b"\xff\xd8\xff")
    with tf.control_dependencies([tf.Assert(is_known, ["not JPEG, PNG or WebP"])]):
        return tf.where(is_png, PNG, tf.where(is_webp, WEBP, JPEG))


def _holds(header: tf.Tensor, offset: int, expected: bytes) -> tf.Tensor:
    found = header[offset : offset + len(expected)]
    return tf.reduce_all(found == tf.constant(list(expected), tf.uint8))


def _decode_jpeg(contents: tf.Tensor) -> tf.Tensor:
    # The accurate transform equals Pillow bit for bit, CMYK included; the
    # default one is up to 14 levels away.
    return tf.io.decode_jpeg(contents, channels=3, dct_method="INTEGER_ACCURATE")


def _decode_png(contents: tf.Tensor, header: tf.Tensor) -> tf.Tensor:
    """PNG of any kind to RGBA."""
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


def _decode_webp(
    contents: tf.Tensor, header: tf.Tensor, background: tf.Tensor
) -> tf.Tensor:
    """WebP with or without alpha; the operator refuses to convert channels."""
    # An animation would end the process: the operator aborts on one.
    has_flags = _holds(header, 12, b"VP8X")
    is_animated = has_flags & (tf.bitwise.bitwise_and(header[_WEBP_FLAGS], 2) > 0)
    with tf.control_dependencies([tf.Assert(~is_animated, ["animated WebP"])]):
        image = tf.io.decode_webp(contents)[0]
    return tf.cond(
        tf.shape(image)[2] == 4,
        lambda: flatten(image[..., :4], background),
        lambda: image[..., :3],
    )
