"""Which size an image gets before anything is cut out of it."""

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
    """Height and width of what may be given as one side."""
    return (size, size) if isinstance(size, int) else size


@dataclasses.dataclass(frozen=True)
class Geometry:
    """What is done to images of any size, by the reference's names.

    `resize_and_crop` makes all images `load` large; `scale_width` gives all one width
    and leaves their shapes; `crop` and `none` do not resize. What is not cropped
    afterwards is rounded to sizes that the network takes, as the reference rounds
    to multiples of 4.

    Attributes:
        preprocess: one of `PREPROCESS`.
        load: height and width, of which `scale_width` uses the width alone.
        crop: height and width of what is cut out.
        multiple: of which sides are that are not cropped.
    """

    preprocess: Preprocess = "resize_and_crop"
    load: tuple[int, int] = (286, 286)
    crop: tuple[int, int] = (256, 256)
    multiple: int = 4

    def __post_init__(self):
        """Refuse what is no mode, and sizes below 1."""
        if self.preprocess not in PREPROCESS:
            raise ValueError(
                f"--data.preprocess is '{self.preprocess}', expected "
                f"{', '.join(PREPROCESS[:-1])} or {PREPROCESS[-1]}"
            )
        for name, shape in (("load", self.load), ("crop", self.crop)):
            if min(shape) < 1:
                raise ValueError(
                    f"--data.{name}-size is {_shown(shape)}, expected at least 1"
                )

    @property
    def is_cropped(self) -> bool:
        """Whether training cuts a random part out."""
        return self.preprocess.endswith("crop")

    def whole(self) -> Geometry:
        """The same for images that are looked at whole, after training or beside it.

        `resize_and_crop` resizes them to what the network sees; else they keep the
        scale that they have in training.
        """
        if self.preprocess == "resize_and_crop":
            return dataclasses.replace(self, load=self.crop)
        return self

    def loaded(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that an image gets before it is cropped.

        Args:
            height: of the image as it is shown, in pixels.
            width: likewise.

        Raises:
            ValueError: it would be smaller than what is cut out of it.
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
                f"{height}x{width} is smaller than the crop of {_shown(self.crop)}"
            )
        return height, width

    def _rounded(self, side: int) -> int:
        return max(round(side / self.multiple), 1) * self.multiple


def _shown(shape: tuple[int, int]) -> str:
    height, width = shape
    return str(height) if height == width else f"{height}x{width}"
