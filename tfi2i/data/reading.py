"""One image file to one image, of the pixels and the size that are wanted."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
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
    if file.format not in decoding.NATIVE:
        # Here, errors keep their reasons.
        image = formats.convert(*formats.read(file.path), background, pixels)
        return decoding.orient(tf.constant(image), file.orientation).numpy()
    # As bytes, since names need not be UTF-8.
    path = tf.constant(os.fsencode(file.path))
    colour = tf.constant(background, tf.int32)
    if file.format == "JPEG" and pixels == RGB:
        # Two operators, which run faster without a graph.
        with tf.device("CPU:0"):
            args = path, file.orientation, colour, pixels, file.format
            return decoding.decode(*args).numpy()
    return _decoder(pixels, file.format, file.orientation)(path, colour).numpy()


# What traces a graph is kept, since that takes longer than reading many images; one
# for each kind of file, since looking at the content takes as long as a small JPEG.
@functools.cache
def _decoder(pixels: PixelType, format: str, orientation: int) -> Callable:
    signature = (tf.TensorSpec((), tf.string), tf.TensorSpec((3,), tf.int32))

    @tf.function(input_signature=signature, autograph=False)
    def decode(path, background):
        with tf.device("CPU:0"):
            return decoding.decode(path, orientation, background, pixels, format)

    return decode
