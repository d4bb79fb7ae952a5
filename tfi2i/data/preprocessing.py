"""The options of preprocessing, as one value."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tfi2i.data import decoding, pixel_lookup, reading
from tfi2i.data.geometry import Geometry, Preprocess, Size, shape_of
from tfi2i.data.headers import ImageFile
from tfi2i.data.memory import Cache
from tfi2i.data.pixel_lookup import PixelRequest


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """How image files become the images that training crops and mirrors.

    Attributes:
        preprocess: `resize_and_crop`, `crop`, `scale_width`, `scale_width_and_crop`
            or `none`, as the reference calls them; see `Geometry`.
        load_size: side in pixels to which images are resized, or height and width.
        crop_size: side in pixels of the crop, or height and width.
        multiple: sides of images that are not cropped are multiples of this.
        domain_a: wanted pixels of domain A; what is None is looked up in the files.
        domain_b: likewise, domain B.
        background: colour under transparent pixels, CSS name or `#rrggbb`.
        cache: where decoded images are kept: `memory`, `disk`, `off` (decoded anew
            in every epoch), or `auto`, the first of these that has room.
    """

    preprocess: Preprocess = "resize_and_crop"
    load_size: Size = 286
    crop_size: Size = 256
    multiple: int = 4
    domain_a: PixelRequest = PixelRequest()
    domain_b: PixelRequest = PixelRequest()
    background: str = "white"
    cache: Cache = "auto"

    @property
    def geometry(self) -> Geometry:
        """The sizes, checked."""
        return Geometry(
            self.preprocess,
            shape_of(self.load_size),
            shape_of(self.crop_size),
            self.multiple,
        )

    def whole(self) -> Preprocessing:
        """The preprocessing of images that are not cropped: see `Geometry.whole`."""
        return dataclasses.replace(self, load_size=self.geometry.whole().load)

    def reading(
        self, files: Sequence[ImageFile], domain: str, progress: bool = True
    ) -> reading.Reading:
        """Decides how the files of a domain are read.

        Args:
            files: all files of the domain.
            domain: `"a"` or `"b"`.
            progress: show a bar on stderr, if that is a terminal, where values have to
                be looked up.

        Raises:
            ValueError: as `pixel_lookup.pixel_type`; a field outside its range.
        """
        wanted = self.domain_a if domain == "a" else self.domain_b
        colour = decoding.parse_colour(self.background)
        pixels = pixel_lookup.pixel_type(files, wanted, domain, progress)
        return reading.Reading(pixels, self.geometry, wanted.method, colour)
