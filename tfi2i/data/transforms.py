"""What happens to decoded images: resizing, jitter, edges, value ranges."""

from __future__ import annotations

import cv2
import numpy as np
import tensorflow as tf

# Fixed, so that the same seed means the same pictures on every device.
RANDOM_ALGORITHM = "philox"


def resize(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resize by antialiased bicubic interpolation, as Pillow's BICUBIC.

    Args:
        image: uint8 `(rows, columns, channels)`.
        height: pixels wanted.
        width: pixels wanted.

    Returns:
        uint8 `(height, width, channels)`, rounded and clipped.
    """
    resized = tf.image.resize(image, (height, width), method="bicubic", antialias=True)
    return _to_levels(resized)


def to_float(image: tf.Tensor) -> tf.Tensor:
    """Map levels 0 to 255 onto [-1, 1].

    Args:
        image: uint8, any shape.

    Returns:
        float32 of the same shape.
    """
    return tf.cast(image, tf.float32) / 127.5 - 1.0


def to_uint8(image: tf.Tensor) -> tf.Tensor:
    """Map [-1, 1] onto levels 0 to 255; the inverse of `to_float`, exactly.

    Args:
        image: float, any shape; values outside [-1, 1] are clipped.

    Returns:
        uint8 of the same shape, rounded to nearest.
    """
    return _to_levels((tf.cast(image, tf.float32) + 1.0) * 127.5)


def jitter(
    *images: tf.Tensor, crop_size: int, flip: bool, seed: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """Crop and mirror images alike: pix2pix's random jitter (section 6.2).

    Args:
        *images: `(height, width, channels)` each, of one height and width.
        crop_size: side of the square cut out, at most height and width.
        flip: whether to mirror left to right half of the time.
        seed: int64 `(2,)`; the only source of randomness.

    Returns:
        The images, `(crop_size, crop_size, channels)` each.
    """
    size = tf.shape(images[0])[:2]
    draws = tf.random.stateless_uniform((3,), seed, alg=RANDOM_ALGORITHM)
    # A draw is below 1 by at least 2**-24, so the product stays below the count.
    places = tf.cast(size - crop_size + 1, tf.float32)
    top_left = tf.cast(draws[:2] * places, tf.int32)
    begin = tf.concat([top_left, [0]], axis=0)
    mirrored = tf.logical_and(flip, draws[2] < 0.5)
    cropped = []
    for image in images:
        crop = tf.slice(image, begin, (crop_size, crop_size, image.shape[2]))
        crop.set_shape((crop_size, crop_size, image.shape[2]))
        cropped.append(tf.where(mirrored, tf.reverse(crop, (1,)), crop))
    return tuple(cropped)


def edges(image: np.ndarray) -> np.ndarray:
    """Draw the edges of an image: black lines on white, by Canny's detector.

    OpenCV follows, at each pixel, the channel that changes most, so colours of
    equal brightness are separated too.

    Args:
        image: uint8 `(height, width, 3)`, RGB.

    Returns:
        uint8 `(height, width, 3)`, every value 0 (edge) or 255.
    """
    smooth = cv2.GaussianBlur(image, ksize=(3, 3), sigmaX=0)
    lines = cv2.Canny(smooth, threshold1=50, threshold2=150, L2gradient=True)
    return np.repeat(255 - lines[..., None], 3, axis=2)


def _to_levels(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(tf.round(values), 0.0, 255.0), tf.uint8)
