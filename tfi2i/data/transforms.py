"""Transforms decoded images: resizing, cropping, random jitter, colours."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np
import tensorflow as tf
from PIL import Image

# Fixed, so that a seed gives the same images on every device.
RANDOM_ALGORITHM = "philox"

Method = Literal["bicubic", "nearest"]


@dataclasses.dataclass(frozen=True)
class Jitter:
    """Random changes of training images; images of one example are changed alike.

    pix2pix's random jitter (section 6.2) is crop and flip.

    Attributes:
        crop: height and width of the crop; None keeps images whole.
        flip: whether to mirror half of the images left to right.
        rotate: largest angle in degrees, either way, around the centre; corners are
            filled by reflection.
    """

    crop: tuple[int, int] | None
    flip: bool = True
    rotate: float = 0.0

    def __call__(
        self, *images: tf.Tensor, seed: tf.Tensor, methods: tuple[Method, ...]
    ) -> tuple[tf.Tensor, ...]:
        """Rotates, crops and mirrors.

        Args:
            *images: `(height, width, channels)` each, of one height and width.
            seed: int64 `(2,)`; the only source of randomness.
            methods: interpolation of each image.

        Returns:
            The images, `(*crop, channels)` each.
        """
        images = list(map(tf.convert_to_tensor, images))
        if self.rotate:
            angle = self._angle(seed)
            images = [
                _rotate(image, angle, method)
                for image, method in zip(images, methods, strict=True)
            ]
        draws = tf.random.stateless_uniform((3,), seed, alg=RANDOM_ALGORITHM)
        if self.crop is not None:
            images = [_crop(image, self.crop, draws[:2]) for image in images]
        if not self.flip:
            return tuple(images)
        is_mirrored = draws[2] < 0.5
        return tuple(
            tf.cond(is_mirrored, lambda i=i: tf.reverse(i, (1,)), lambda i=i: i)
            for i in images
        )

    def _angle(self, seed):
        """Draws an angle in radians."""
        other = tf.random.fold_in(seed, 1, alg=RANDOM_ALGORITHM)
        most = math.radians(self.rotate)
        return tf.random.stateless_uniform((), other, -most, most, alg=RANDOM_ALGORITHM)


def resize(
    image: tf.Tensor, height: int, width: int, method: Method = "bicubic"
) -> tf.Tensor:
    """Resizes as `resized` does, in a graph or outside.

    Args:
        image: `(rows, columns, channels)`.
        height: wanted height in pixels.
        width: wanted width in pixels.
        method: interpolation.

    Returns:
        `(height, width, channels)` of the same dtype.
    """
    image = tf.convert_to_tensor(image)

    def call(image, height, width):
        return resized(image, height, width, method)

    result = tf.numpy_function(
        call, [image, height, width], image.dtype, stateful=False
    )
    height, width = tf.get_static_value(height), tf.get_static_value(width)
    return tf.ensure_shape(result, (height, width, image.shape[2]))


def resized(
    image: np.ndarray, height: int, width: int, method: Method = "bicubic"
) -> np.ndarray:
    """Resizes by Pillow, as the reference does: antialiased bicubic, or nearest.

    Pillow is twice as fast as TensorFlow, and 8-bit images equal those that the
    reference trains on, bit for bit.

    Args:
        image: `(rows, columns, channels)`, uint8, uint16 or float32.
        height: wanted height in pixels.
        width: wanted width in pixels.
        method: `nearest` makes no new values, as labels need it.

    Returns:
        `(height, width, channels)` of the same dtype; integers rounded and clipped.
    """
    if image.shape[:2] == (height, width):
        return image
    resampling = Image.Resampling[method.upper()]
    size = int(width), int(height)
    if image.dtype == np.uint8 and image.shape[2] == 3:
        return np.asarray(Image.fromarray(image).resize(size, resampling))
    if image.dtype == np.uint8:
        planes = [image[..., channel] for channel in range(image.shape[2])]
    else:
        planes = [image[..., i].astype(np.float32) for i in range(image.shape[2])]
    planes = [Image.fromarray(plane).resize(size, resampling) for plane in planes]
    values = np.stack([np.asarray(plane) for plane in planes], axis=-1)
    if image.dtype == np.uint16:
        values = np.clip(np.rint(values), 0, np.iinfo(np.uint16).max)
    return values.astype(image.dtype, copy=False)


def cut_half(image: np.ndarray, half: str) -> np.ndarray:
    """Cuts a half out of a side-by-side image.

    Args:
        image: `(height, width, ...)`.
        half: `left`, `right` or `whole`. The right half has the odd column.

    Returns:
        A view.
    """
    middle = image.shape[1] // 2
    return {"left": image[:, :middle], "right": image[:, middle:]}.get(half, image)


def stored(values: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Casts floats to a dtype; for integers they are rounded and clipped first."""
    if dtype.is_integer:
        values = tf.clip_by_value(tf.round(values), 0.0, float(dtype.max))
    return tf.cast(values, dtype)


def center(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Crops the centre of an image.

    Args:
        image: `(rows, columns, channels)`, at least as large as the crop.
        height: of the crop.
        width: likewise.
    """
    image = tf.convert_to_tensor(image)
    return _crop(image, (height, width), tf.constant([0.5, 0.5]))


def luma(image: tf.Tensor) -> tf.Tensor:
    """Computes the luma of colours by the weights of ITU-R BT.601, as in Pillow.

    Args:
        image: float `(..., 3)`.

    Returns:
        `(..., 1)`.
    """
    return tf.reduce_sum(image * (0.299, 0.587, 0.114), axis=-1, keepdims=True)


def color_jitter(image: tf.Tensor, most: float, seed: tf.Tensor) -> tf.Tensor:
    """Changes brightness, contrast and saturation, each by its own random factor.

    As in torchvision's `ColorJitter`, brightness scales from black, contrast from the
    mean of the image's luma, and saturation (of three channels only) from the luma of
    each pixel.

    Args:
        image: float `(height, width, channels)` in [-1, 1].
        most: factors are 1 - most to 1 + most; from 0 up to, but without, 1.
        seed: int64 `(2,)`.

    Returns:
        The same shape, clipped to [-1, 1].
    """
    seed = tf.random.fold_in(seed, 2, alg=RANDOM_ALGORITHM)
    brightness, contrast, saturation = tf.unstack(
        tf.random.stateless_uniform(
            (3,), seed, 1.0 - most, 1.0 + most, alg=RANDOM_ALGORITHM
        )
    )
    image = tf.clip_by_value((image + 1.0) * brightness, 0.0, 2.0)
    is_colour = image.shape[2] == 3
    middle = tf.reduce_mean(luma(image) if is_colour else image)
    image = tf.clip_by_value(middle + (image - middle) * contrast, 0.0, 2.0)
    if is_colour:
        grey = luma(image)
        image = tf.clip_by_value(grey + (image - grey) * saturation, 0.0, 2.0)
    return image - 1.0


def _crop(image, shape, position):
    """Crops at a relative position, from (0, 0) at the top left to below 1."""
    # A draw is below 1 by at least 2**-24, so the product stays below the count.
    count = tf.cast(tf.shape(image)[:2] - shape + 1, tf.float32)
    top_left = tf.cast(position * count, tf.int32)
    begin = tf.concat([top_left, [0]], axis=0)
    part = tf.slice(image, begin, (*shape, image.shape[2]))
    return tf.ensure_shape(part, (*shape, image.shape[2]))


def _rotate(image, angle, method):
    """Rotates around the centre."""
    sides = tf.cast(tf.shape(image)[:2] - 1, tf.float32)
    y, x = sides[0] / 2, sides[1] / 2
    cos, sin = tf.cos(angle), tf.sin(angle)
    # Maps a pixel of the result to its source: the first two rows of a matrix.
    transform = tf.stack(
        [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y, 0.0, 0.0]
    )
    rotated = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(image, tf.float32)[None],
        transforms=transform[None],
        output_shape=tf.shape(image)[:2],
        fill_value=0.0,
        interpolation="NEAREST" if method == "nearest" else "BILINEAR",
        fill_mode="REFLECT",
    )
    return tf.ensure_shape(stored(rotated[0], image.dtype), image.shape)
