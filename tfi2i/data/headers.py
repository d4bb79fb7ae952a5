"""What the first bytes of an image file say, and why some files cannot be read."""

from __future__ import annotations

import dataclasses
import stat
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from PIL import Image, UnidentifiedImageError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp")

_ORIENTATION_TAG = 0x0112
_NAMES_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """One image on disk, or one half of it.

    Attributes:
        path: the file.
        width: pixels of the whole file as it is shown, EXIF orientation applied.
        height: likewise.
        orientation: EXIF orientation, 1 (upright) to 8.
        half: which part of the file is meant.
    """

    path: Path
    width: int
    height: int
    orientation: int = 1
    half: Literal["whole", "left", "right"] = "whole"


def read(path: Path) -> ImageFile:
    """Read the header of one image file.

    Args:
        path: the file.

    Returns:
        The whole image, with its displayed size and EXIF orientation.

    Raises:
        OSError: there is no such file, or it may not be read.
        ValueError: it is empty, damaged, animated, or not JPEG, PNG or WebP.
            Both messages are one line that says why, without the path.
    """
    try:
        return _read(path)
    except UnidentifiedImageError:
        raise ValueError("not JPEG, PNG or WebP") from None
    except OSError as error:
        # Pillow's own have no number, and those of the system repeat the path.
        if error.errno is None:
            raise ValueError(_first_line(error)) from error
        raise type(error)(error.strerror or _first_line(error)) from error
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(_first_line(error)) from error


def shortened(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _read(path: Path) -> ImageFile:
    status = path.stat()
    # Opening a pipe would wait for ever.
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a file")
    if status.st_size == 0:
        raise ValueError("empty")
    with warnings.catch_warnings():
        # A large or oddly tagged picture is not this reader's concern.
        warnings.simplefilter("ignore")
        with Image.open(path, formats=("JPEG", "PNG", "WEBP")) as image:
            # A JPEG of several pictures (MPO) is a photograph and its previews.
            if image.format in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
                raise ValueError("animated")
            # PngImageFile.getexif decodes all pixels to look for a late tag.
            orientation = Image.Image.getexif(image).get(_ORIENTATION_TAG, 1)
            width, height = image.size
    if orientation not in range(1, 9):
        orientation = 1
    if orientation >= 5:
        width, height = height, width
    return ImageFile(path, width, height, orientation)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
