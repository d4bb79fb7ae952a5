"""Computes the size to which an image is resized before it is cropped."""

from __future__ import annotations

import dataclasses
from typing import Literal

Preprocess = Literal[
    "resize_and_crop", "crop", "scale_width", "scale_width_and_crop", "none"
]
PREPROCESS = ("resize_and_crop", "crop", "scale_width", "scale_width_and_crop", "none")

Size = int | tuple[int, int]
"""A side of a square, or height and width, in pixels."""


def shape_of(size: Size) -> tuple[int, int]:
    """Height and width of a size; one number is the side of a square."""
    return (size, size) if isinstance(size, int) else size


@dataclasses.dataclass(frozen=True)
class Geometry:
    """How images of any size are resized, by the reference's names.

    `resize_and_crop` resizes all images to `load`; `scale_width` to the width of
    `load`, keeping proportions; `crop` and `none` do not resize. Sides that are not
    cropped afterwards are rounded to a multiple that the network takes; the
    reference rounds to multiples of 4.

    Attributes:
        preprocess: one of `PREPROCESS`.
        load: height and width; `scale_width` uses the width alone.
        crop: height and width of the crop.
        multiple: sides of images that are not cropped are multiples of this.
    """

    preprocess: Preprocess = "resize_and_crop"
    load: tuple[int, int] = (286, 286)
    crop: tuple[int, int] = (256, 256)
    multiple: int = 4

    def __post_init__(self):
        """Refuses unknown modes, and sizes below 1."""
        if self.preprocess not in PREPROCESS:
            raise ValueError(
                f"--data.preprocess is '{self.preprocess}', expected "
                f"{', '.join(PREPROCESS[:-1])} or {PREPROCESS[-1]}"
            )
        for name, shape in (("load", self.load), ("crop", self.crop)):
            if min(shape) < 1:
                raise ValueError(
                    f"--data.{name}-size is {_format_shape(shape)}, expected at least 1"
                )

    @property
    def is_cropped(self) -> bool:
        """Whether training takes a random crop."""
        return self.preprocess.endswith("crop")

    def whole(self) -> Geometry:
        """The geometry of images that are not cropped, as for validation.

        `resize_and_crop` resizes them to the size of the crop; the other modes keep
        the scale of training.
        """
        if self.preprocess == "resize_and_crop":
            return dataclasses.replace(self, load=self.crop)
        return self

    def loaded(self, height: int, width: int) -> tuple[int, int]:
        """Computes the height and width of an image before it is cropped.

        Args:
            height: of the upright image, in pixels.
            width: likewise.

        Raises:
            ValueError: the image would be smaller than the crop.
        """
        if self.preprocess == "resize_and_crop":
            return self.load
        if self.preprocess.startswith("scale_width"):
            scaled = self.load[1]
            height, width = max(int(scaled * height / width), self.crop[0]), scaled
        if not self.is_cropped:
            return self._rounded(height), self._rounded(width)
        if height < self.crop[0] or width < self.crop[1]:
            raise ValueError(
                f"{height}x{width} is smaller than the crop of "
                f"{_format_shape(self.crop)}"
            )
        return height, width

    def _rounded(self, side: int) -> int:
        return max(round(side / self.multiple), 1) * self.multiple


def _format_shape(shape: tuple[int, int]) -> str:
    height, width = shape
    return str(height) if height == width else f"{height}x{width}"
