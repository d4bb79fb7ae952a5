"""What a loaded translator is: from images, arrays or pictures, to the same."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageOps

from tfi2i.data.decoding import flatten, parse_colour


class Translator:
    """Translates images of any size, one direction.

    Arrays are uint8, `(height, width, channels)` or
    `(batch, height, width, channels)`; what comes back has the same form. A
    `PIL.Image` gives a `PIL.Image`, and is seen as its file would be: turned as its
    EXIF orientation says, alpha on the background, 16 bits to their high bytes.

    Args:
        translate: from uint8 `(batch, height, width, in_channels)` to uint8
            `(batch, height, width, out_channels)`.
        in_channels: of images that it takes.
        background: colour under transparent pixels, CSS name or `#rrggbb`.
        direction: `"a2b"` or `"b2a"`; None where an export's name does not say.

    Example:
        >>> translator = tfi2i.load("saved_models/facades")
        >>> painted = translator(drawing)
    """

    def __init__(
        self,
        translate: Callable[[np.ndarray], np.ndarray],
        in_channels: int,
        background: str = "white",
        direction: str | None = None,
    ):
        self._translate = translate
        self.in_channels = in_channels
        self.background = background
        self.direction = direction

    def __call__(self, image: np.ndarray | Image.Image) -> np.ndarray | Image.Image:
        """Translates one image or a batch of images of one size.

        Raises:
            TypeError: the array is not uint8.
            ValueError: its shape or number of channels does not fit, or it is empty;
                a `PIL.Image` of mode "I" or "F", whose range is unknown.
        """
        if isinstance(image, Image.Image):
            return Image.fromarray(self(_pixels(image, self.background)))
        batch = self._checked(np.asarray(image))
        output = self._translate(batch)
        return output if np.ndim(image) == 4 else output[0]

    def _checked(self, array):
        if array.dtype != np.uint8:
            raise TypeError(
                f"Images are uint8 arrays with values from 0 to 255. Received "
                f"{array.dtype}: convert with np.uint8(np.clip(image, 0, 255))."
            )
        if array.ndim not in (3, 4) or array.shape[-1] != self.in_channels:
            raise ValueError(
                f"This translator takes arrays of shape (height, width, "
                f"{self.in_channels}) or (batch, height, width, {self.in_channels}). "
                f"Received shape {array.shape}."
            )
        if 0 in array.shape:
            raise ValueError(f"The image is empty: its shape is {array.shape}.")
        return array if array.ndim == 4 else array[None]


def _pixels(image, background):
    """As `tfi2i.data.loading.read_image` reads the picture's file."""
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F"):
        raise ValueError(
            f'Images of mode "{image.mode}" have no known range: scale them to 0 to '
            '255 and convert to "RGB".'
        )
    colour = np.int32(parse_colour(background))
    if image.mode.startswith("I;16"):
        values = np.asarray(image)[..., None]
        is_clear = values == image.info.get("transparency", -1)
        return np.uint8(np.where(is_clear, colour, values >> 8))
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    return flatten(np.asarray(image.convert("RGBA")), colour).numpy()
