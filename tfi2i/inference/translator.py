"""The translator that `load` returns: takes and returns arrays or `PIL.Image`s."""

from collections.abc import Callable
from pathlib import Path
from typing import cast, overload

import numpy as np
from PIL import Image, ImageOps

from tfi2i.data import icc_profiles
from tfi2i.data.decoding import parse_colour
from tfi2i.data.headers import ImageFile
from tfi2i.data.pixel_conversion import convert
from tfi2i.data.pixels import RGB, Dtype, PixelType

_PICTURES = ((3, "uint8"), (4, "uint8"))


class Translator:
    """Translates images of any size in one direction.

    Arrays have the dtype of the training images, mostly uint8, and are
    `(height, width, channels)` or `(batch, height, width, channels)`; the result has
    the same form. A `PIL.Image` gives a `PIL.Image`. It is read as its file would be:
    EXIF orientation applied, transparent pixels composited over the background, 16
    bits reduced to their high byte where the translator takes 8. The result carries
    its ICC profile.

    Args:
        translate: maps `(batch, height, width, channels)` of `input_pixels` to the
            same of `output_pixels`. If its attribute `together` is true, a batch is
            faster than its images one by one.
        input_pixels: pixel type of the images that it takes.
        output_pixels: pixel type of the images that it returns.
        background: colour under transparent pixels, CSS name or `#rrggbb`.
        direction: `"a2b"` or `"b2a"`; None where an export's name does not say.

    Attributes:
        shown: how images are prepared for the network, a `network_inputs.Shown`; None
            for a translator that `load` did not make.

    Example:
        >>> translator = tfi2i.load("saved_models/facades")
        >>> painted = translator(drawing)
    """

    def __init__(
        self,
        translate: Callable[[np.ndarray], np.ndarray],
        input_pixels: PixelType = RGB,
        output_pixels: PixelType = RGB,
        background: str = "white",
        direction: str | None = None,
    ):
        self._translate = translate
        self.input_pixels = input_pixels
        self.output_pixels = output_pixels
        self.background = background
        self.direction = direction
        self.shown = None

    @property
    def together(self) -> bool:
        """Whether images of one size are translated faster in a batch."""
        return getattr(self._translate, "together", False)

    @overload
    def __call__(self, image: np.ndarray) -> np.ndarray: ...

    @overload
    def __call__(self, image: Image.Image) -> Image.Image: ...

    def __call__(self, image: np.ndarray | Image.Image) -> np.ndarray | Image.Image:
        """Translates one image or a batch of images of one size.

        Raises:
            TypeError: the array's dtype is not that of the training images.
            ValueError: its shape or number of channels does not fit, or it is empty;
                a `PIL.Image` of mode "I" or "F", whose range is unknown; Pillow has no
                mode for the result.
        """
        if isinstance(image, Image.Image):
            self._check_picture()
            painted = self(self._to_input(image))
            picture = Image.fromarray(
                painted[..., 0] if painted.shape[-1] == 1 else painted
            )
            profile = image.info.get("icc_profile")
            if icc_profiles.fits(profile, painted):
                picture.info["icc_profile"] = profile
            return picture
        batch = self._checked(np.asarray(image))
        output = self._translate(batch)
        if np.ndim(output) != 4 or len(output) != len(batch):
            raise ValueError(
                f"{len(batch)} images became an array of shape {np.shape(output)}: the "
                "translator's file is damaged, or no image-to-image network."
            )
        return output if np.ndim(image) == 4 else output[0]

    def _checked(self, array):
        pixels = self.input_pixels
        if array.dtype != pixels.dtype:
            remedy = ": convert with np.uint8(np.clip(image, 0, 255))"
            raise TypeError(
                f"Images are {pixels.dtype} arrays with values from {pixels.low:g} to "
                f"{pixels.high:g}. Received {array.dtype}"
                f"{remedy if pixels == RGB else ''}."
            )
        if array.ndim not in (3, 4) or array.shape[-1] != pixels.channels:
            raise ValueError(
                f"This translator takes arrays of shape (height, width, "
                f"{pixels.channels}) or (batch, height, width, {pixels.channels}). "
                f"Received shape {array.shape}."
            )
        if 0 in array.shape:
            raise ValueError(f"The image is empty: its shape is {array.shape}.")
        return array if array.ndim == 4 else array[None]

    def _to_input(self, image: Image.Image) -> np.ndarray:
        """Converts a picture to what `data.reading.read_image` gives of its file."""
        image = ImageOps.exif_transpose(image)
        if image.mode in ("I", "F") and self.input_pixels.dtype != "float32":
            raise ValueError(
                f'Images of mode "{image.mode}" have no known range: scale them to 0 '
                'to 255 and convert to "RGB".'
            )
        array, alpha = _as_array(image)
        height, width, channels = array.shape
        file = ImageFile(
            Path("picture"),
            width,
            height,
            channels=channels,
            alpha=alpha,
            dtype=cast(Dtype, array.dtype.name),
        )
        background = parse_colour(self.background)
        try:
            return convert(array, file, background, self.input_pixels)
        except ValueError as error:
            raise ValueError(f"The image has {error}: pass an array.") from None

    def _check_picture(self):
        """Refuses pictures if Pillow has no mode for the result, before translating."""
        pixels = self.output_pixels
        # Pillow has grey of all dtypes, and colour of 8 bits.
        if pixels.channels != 1 and (pixels.channels, pixels.dtype) not in _PICTURES:
            raise ValueError(
                f"What is painted has {pixels.channels} channels of {pixels.dtype}, "
                "which Pillow has no mode for: pass an array."
            )


def _as_array(image: Image.Image) -> tuple[np.ndarray, bool]:
    """Returns an array as deep as the picture, and whether it ends with alpha."""
    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint16)[..., None]
        if "transparency" not in image.info:
            return values, False
        is_clear = values == image.info["transparency"]
        alpha = np.where(is_clear, np.uint16(0), np.uint16(65_535))
        return np.concatenate([values, alpha], axis=2), True
    if image.mode in ("I", "F"):
        return np.asarray(image).astype(np.float32)[..., None], False
    if image.has_transparency_data:
        return np.asarray(image.convert("RGBA")), True
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))[..., None], False
    return np.asarray(image.convert("RGB")), False
