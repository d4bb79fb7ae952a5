"""Reads one image file as an array: upright, of the wanted pixels and size."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfi2i.data import decoding, headers, pixel_conversion, transforms
from tfi2i.data.geometry import Geometry
from tfi2i.data.headers import ImageFile
from tfi2i.data.pixels import RGB, Dtype, PixelType


@dataclasses.dataclass(frozen=True)
class Reading:
    """How the files of a domain become images.

    Attributes:
        pixels: pixels of the images.
        geometry: computes the size of each image.
        method: interpolation of the resizing.
        background: red, green, blue under transparent pixels, 0 to 255.
    """

    pixels: PixelType
    geometry: Geometry
    method: transforms.Method
    background: tuple[int, int, int]

    def shapes(self, files: Sequence[ImageFile]) -> np.ndarray:
        """Computes the height and width of each image, int64 `(count, 2)`.

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
        """Decodes a whole file at its own size.

        Raises:
            tf.errors.OpError: TensorFlow finds the file damaged.
            ValueError: another decoder does.
        """
        return _decode(file, self.background, self.pixels)

    def cut(self, image: np.ndarray, file: ImageFile, shape) -> np.ndarray:
        """Takes the half of a decoded file that `file` names, and resizes it.

        Args:
            image: the whole file, `(height, width, channels)`.
            file: its header; `half` names the part.
            shape: wanted height and width.
        """
        part = transforms.cut_half(image, file.half)
        return transforms.resized(part, *shape, self.method)


def read_image(
    path: str | Path, background: str = "white", pixels: PixelType = RGB
) -> np.ndarray:
    """Reads one image at its own size, with the values that training sees.

    EXIF orientation is applied, and transparent pixels are composited.

    Args:
        path: the file.
        background: colour under transparent pixels, CSS name or `#rrggbb`.
        pixels: pixels of the result.

    Returns:
        `(height, width, pixels.channels)` of `pixels.dtype`.

    Raises:
        OSError: the file does not exist, or may not be read.
        ValueError: it is empty, truncated, animated or of another kind; or the
            background is no colour. Each message is one line without the path.
        tf.errors.ResourceExhaustedError: memory is too small for it.
    """
    colour = decoding.parse_colour(background)
    file = headers.read(Path(path))
    # Checked before decoding, which may take long.
    pixel_conversion.check_fit(file, pixels)
    try:
        return _decode(file, colour, pixels)
    except tf.errors.ResourceExhaustedError:
        # Memory is short; the image may be sound.
        raise
    except tf.errors.OpError:
        # TensorFlow's message names graph nodes and not the reason.
        raise ValueError("truncated or damaged") from None


def read_alpha(path: str | Path, dtype: Dtype = "uint8") -> np.ndarray | None:
    """Reads the opacity of an image's pixels, EXIF orientation applied.

    Args:
        path: the file.
        dtype: of the result, `uint8` or `uint16`.

    Returns:
        `(height, width)`; None where the file has no alpha.

    Raises:
        OSError, ValueError, tf.errors.ResourceExhaustedError: as `read_image`.
    """
    if not headers.read(Path(path)).alpha:
        return None
    return read_image(path, pixels=PixelType.of(4, dtype))[..., 3]


def _decode(
    file: ImageFile, background: tuple[int, int, int], pixels: PixelType
) -> np.ndarray:
    orientation = file.orientation
    if file.format in decoding.NATIVE:
        image, file = decoding.decode(file)
    else:
        image = pixel_conversion.read(file)
    image = pixel_conversion.convert(image, file, background, pixels)
    return _upright(image, orientation)


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Applies an EXIF orientation, 1 to 8, to `(height, width, channels)`."""
    image = image.swapaxes(0, 1) if orientation >= 5 else image
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
