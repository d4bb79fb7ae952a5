"""What a loaded translator is: from images, arrays or pictures, to the same."""

from collections.abc import Callable
from pathlib import Path
from typing import cast, overload

import numpy as np
from PIL import Image, ImageOps

from tfi2i.data import profiles
from tfi2i.data.decoding import parse_colour
from tfi2i.data.formats import convert
from tfi2i.data.headers import ImageFile
from tfi2i.data.pixels import RGB, Dtype, PixelType

_PICTURES = ((3, "uint8"), (4, "uint8"))


class Translator:
    """Translates images of any size, one direction.

    Arrays are as the images that were trained on, mostly uint8,
    `(height, width, channels)` or `(batch, height, width, channels)`; what comes back
    has the same form. A `PIL.Image` gives a `PIL.Image`, and is seen as its file would
    be: turned as its EXIF orientation says, alpha on the background, 16 bits to their
    high bytes where the translator takes 8; the painted one has its ICC profile.

    Args:
        translate: from `(batch, height, width, channels)` of `input_pixels` to the
            same of `output_pixels`. Where its attribute `together` is true, batches
            are faster than their images.
        input_pixels: what images that it takes are made of.
        output_pixels: what images that it gives are made of.
        background: colour under transparent pixels, CSS name or `#rrggbb`.
        direction: `"a2b"` or `"b2a"`; None where an export's name does not say.

    Attributes:
        shown: `shown.Shown`, how images are shown to the network; None where this
            is no translator of `load`.

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
        """Whether images of one size are better translated together."""
        return getattr(self._translate, "together", False)

    @overload
    def __call__(self, image: np.ndarray) -> np.ndarray: ...

    @overload
    def __call__(self, image: Image.Image) -> Image.Image: ...

    def __call__(self, image: np.ndarray | Image.Image) -> np.ndarray | Image.Image:
        """Translates one image or a batch of images of one size.

        Raises:
            TypeError: the array's dtype is not that of the images trained on.
            ValueError: its shape or number of channels does not fit, or it is empty;
                a `PIL.Image` of mode "I" or "F", whose range is unknown; what is
                painted is no picture.
        """
        if isinstance(image, Image.Image):
            self._check_picture()
            painted = self(self._pixels(image))
            picture = self._picture(painted)
            profile = image.info.get("icc_profile")
            if profiles.fits(profile, painted):
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

    def _pixels(self, image):
        """The values that `tfi2i.data.reading.read_image` gives of the image's file."""
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
        """Before it is painted, which may take long."""
        pixels = self.output_pixels
        # Pillow has grey of all dtypes, and colour of 8 bits.
        if pixels.channels != 1 and (pixels.channels, pixels.dtype) not in _PICTURES:
            raise ValueError(
                f"What is painted has {pixels.channels} channels of {pixels.dtype}, "
                "which Pillow has no mode for: pass an array."
            )

    def _picture(self, painted):
        return Image.fromarray(painted[..., 0] if painted.shape[-1] == 1 else painted)


def _as_array(image: Image.Image) -> tuple[np.ndarray, bool]:
    """An array as deep as the picture, and whether its last channel is alpha."""
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
