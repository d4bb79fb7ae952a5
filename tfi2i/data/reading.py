"""One image file to one image, of the pixels and the size that are wanted."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfi2i.data import decoding, formats, headers, transforms
from tfi2i.data.geometry import Geometry
from tfi2i.data.headers import ImageFile
from tfi2i.data.pixels import RGB, Dtype, PixelType


@dataclasses.dataclass(frozen=True)
class Reading:
    """How the files of a domain become images.

    Attributes:
        pixels: what they are made of then.
        geometry: which size they get.
        method: how they get it.
        background: red, green, blue under transparent pixels, 0 to 255.
    """

    pixels: PixelType
    geometry: Geometry
    method: transforms.Method
    background: tuple[int, int, int]

    def shapes(self, files: Sequence[ImageFile]) -> np.ndarray:
        """Heights and widths that images will have, `(count, 2)`.

        Raises:
            ValueError: naming the images that are smaller than the crop.
        """
        shapes, small = [], []
        for file in files:
            width = file.width if file.half == "whole" else file.width // 2
            try:
                shapes.append(self.geometry.loaded(file.height, width))
            except ValueError as error:
                small.append(f"'{file.path}' ({error})")
        if small:
            raise ValueError(
                f"images too small ({len(small)}): {headers.shortened(small)}; choose "
                "a smaller --data.crop-size, leave them out with --data.exclude, or "
                "choose a --data.preprocess that resizes"
            )
        return np.array(shapes, np.int64)

    def decode(self, file: ImageFile) -> np.ndarray:
        """Decode a whole file.

        Raises:
            tf.errors.OpError: it is damaged.
        """
        return _decoded(file, self.background, self.pixels)

    def cut(self, image: np.ndarray, file: ImageFile, shape) -> np.ndarray:
        """Take what is meant of a decoded file, and resize it.

        Args:
            image: the whole file, `(height, width, channels)`.
            file: says which half.
            shape: height and width wanted.
        """
        middle = image.shape[1] // 2
        if file.half != "whole":
            image = image[:, :middle] if file.half == "left" else image[:, middle:]
        return transforms.resized(image, *shape, self.method)


def read_image(
    path: str | Path, background: str = "white", pixels: PixelType = RGB
) -> np.ndarray:
    """Decode one image at its own size, as training sees it.

    EXIF orientation is applied and alpha is composited.

    Args:
        path: of the file.
        background: colour under transparent pixels, CSS name or `#rrggbb`.
        pixels: what the image is to be made of.

    Returns:
        `(height, width, pixels.channels)` of `pixels.dtype`.

    Raises:
        OSError: there is no such file, or it may not be read.
        ValueError: it is empty, truncated, animated or of another kind; or the
            background is no colour. All messages are one line without the path.
        tf.errors.ResourceExhaustedError: memory is too small for it.
    """
    colour = decoding.parse_colour(background)
    image = headers.read(Path(path))
    why_not = image.misfit(pixels)
    if why_not is not None:
        raise ValueError(why_not)
    try:
        return _decoded(image, colour, pixels)
    except tf.errors.ResourceExhaustedError:
        # The image may be sound; it is memory that is short.
        raise
    except tf.errors.OpError:
        # TensorFlow's message names graph nodes, and not the reason.
        raise ValueError("truncated or damaged") from None


def read_alpha(path: str | Path, dtype: Dtype = "uint8") -> np.ndarray | None:
    """How opaque the pixels of an image are, EXIF orientation applied.

    Args:
        path: of the file.
        dtype: of the result, `uint8` or `uint16`.

    Returns:
        `(height, width)`; None where the file has no alpha.

    Raises:
        OSError, ValueError, tf.errors.ResourceExhaustedError: of `read_image`.
    """
    if not headers.read(Path(path)).alpha:
        return None
    return read_image(path, pixels=PixelType.of(4, dtype))[..., 3]


def _decoded(file, background, pixels):
    if file.format in decoding.NATIVE:
        # As bytes, since names need not be UTF-8.
        contents = tf.io.read_file(os.fsencode(file.path))
        image, file = _stored(contents, file)
    else:
        # Here, errors keep their reasons.
        image, file = formats.read(file.path)
    image = formats.convert(image, file, np.asarray(background), pixels)
    return _upright(image, file.orientation)


def _stored(contents, file):
    """The pixels of a JPEG, PNG or WebP, and what its header would say of these."""
    with tf.device("CPU:0"):
        if file.format == "JPEG":
            return _numpy(decoding.decode_jpeg(contents)), _made_of(file, 3, False)
        if file.format == "WEBP":
            image = _numpy(tf.io.decode_webp(contents))[0]
            return image, _made_of(file, image.shape[2], image.shape[2] == 4)
        channels = 4 if file.alpha else file.channels
        kind = tf.as_dtype(file.dtype)
        if file.alpha and file.dtype == "uint8":
            # Alpha of less than 8 bits is repaired there.
            return _numpy(decoding.decode_png(contents)), _made_of(file, 4, True)
        image = _numpy(tf.io.decode_png(contents, channels, kind))
        return image, _made_of(file, channels, file.alpha)


def _made_of(file, channels, alpha):
    return dataclasses.replace(file, channels=channels, alpha=alpha)


def _numpy(tensor: tf.Tensor) -> np.ndarray:
    """The numbers of a tensor themselves; its `numpy()` is a copy."""
    return np.asarray(memoryview(tensor))


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turn an image as `decoding.orient` does."""
    image = image.swapaxes(0, 1) if orientation >= 5 else image
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
