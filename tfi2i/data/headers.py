"""Reads the headers of image files, and says why a file cannot be read.

Nothing is decoded, and no memory is allocated that a file merely claims to need.
"""

from __future__ import annotations

import dataclasses
import stat
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import Base

from tfi2i.data import numpy_files, tiff_files
from tfi2i.data.pixels import Dtype, PixelType
from tfi2i.data.size_limits import MAX_PIXELS, Refused, check_size
from tfi2i.errors import reason

EXTENSIONS = (
    *(".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    *(".npy", ".npz", ".heic", ".heif"),
)


_NAMES_SHOWN = 5
_HEADER = 32
_KNOWN = "expected JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or NumPy"

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"BM": "BMP",
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\x93NUMPY": "NPY",
    b"PK\3\4": "NPZ",
}
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

# Pillow's mode to channels, and whether the last is alpha.
_MODES = {"1": (1, False), "L": (1, False), "LA": (2, True), "RGBA": (4, True)}


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """One image on disk, or one half of it.

    Attributes:
        path: the file.
        width: of the whole file in pixels, EXIF orientation applied.
        height: likewise.
        orientation: EXIF orientation, 1 (upright) to 8.
        half: the part of the file that is the image.
        format: of the content, whatever the name: `JPEG`, `PNG`, `WEBP`, `BMP`, `GIF`,
            `TIFF`, `HEIF`, `NPY` or `NPZ`.
        channels: of the file, alpha included; a palette of colours has 3.
        alpha: whether the last channel is opacity.
        dtype: holds the values of the file without loss.
    """

    path: Path
    width: int
    height: int
    orientation: int = 1
    half: Literal["whole", "left", "right"] = "whole"
    format: str = "PNG"
    channels: int = 3
    alpha: bool = False
    dtype: Dtype = "uint8"

    @property
    def opaque_channels(self) -> int:
        """Number of channels without alpha."""
        return self.channels - self.alpha

    def misfit(self, pixels: PixelType) -> str | None:
        """Says why this file cannot be converted to such pixels; None where it can."""
        if self.dtype == "float32" and pixels.dtype != "float32":
            return f"floats, expected {pixels.dtype}"
        if self.channels == pixels.channels and self.channels != 2 * self.alpha:
            return None
        if self.opaque_channels in (1, 3) and pixels.channels in (1, 3, 4):
            return None
        return f"{self.opaque_channels} channels, expected {pixels.channels}"


def read(path: Path) -> ImageFile:
    """Reads the header of one image file.

    Args:
        path: the file.

    Returns:
        The whole image, with its displayed size and EXIF orientation.

    Raises:
        OSError: the file does not exist, or may not be read.
        ValueError: it is empty, damaged, animated, a volume, too large, or of another
            kind. Each message is one line that says why, without the path.
    """
    try:
        return _read(path)
    except UnidentifiedImageError:
        raise ValueError(f"damaged, or no image: {_KNOWN}") from None
    except OSError as error:
        # Pillow's own errors have no number; those of the system repeat the path.
        if error.errno is None:
            raise ValueError(reason(error)) from error
        raise type(error)(error.strerror or reason(error)) from error
    except Refused:
        raise
    except Image.DecompressionBombError as error:
        raise ValueError(
            "too many pixels, as of a decompression bomb: expected at most "
            f"{MAX_PIXELS:,}; cut it into parts, or make it smaller"
        ) from error
    except Exception as error:
        # Damaged files make Pillow and tifffile raise errors of every kind.
        raise ValueError(f"damaged ({reason(error)})") from error


def shortened(names: Sequence[str]) -> str:
    """Joins the first few names, and says how many more there are."""
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def format_of(header: bytes) -> str | None:
    """Identifies a format by its first bytes; None for one that is not read."""
    if header[:4] == b"RIFF" and header[8:12] == b"WEBP":
        return "WEBP"
    if header[4:8] == b"ftyp" and header[8:12] in _HEIF_BRANDS:
        return "HEIF"
    known = (name for start, name in _SIGNATURES.items() if header.startswith(start))
    return next(known, None)


def open_heif() -> None:
    """Registers HEIC with Pillow.

    Raises:
        Refused: pillow-heif is not installed.
    """
    try:
        import pillow_heif
    except ImportError:
        raise Refused(
            "HEIC needs the package pillow-heif: pip install pillow-heif"
        ) from None
    pillow_heif.register_heif_opener()


def _read(path: Path) -> ImageFile:
    status = path.stat()
    # Opening a pipe would block.
    if not stat.S_ISREG(status.st_mode):
        raise Refused("not a file")
    if status.st_size == 0:
        raise Refused("empty")
    with path.open("rb") as file:
        header = file.read(_HEADER)
    kind = format_of(header)
    if kind is None:
        raise Refused(f"not an image: {_KNOWN}")
    if kind in ("NPY", "NPZ"):
        height, width, channels, dtype = numpy_files.header(path)
        return ImageFile(path, width, height, 1, "whole", kind, channels, False, dtype)
    if kind == "TIFF":
        found = tiff_files.header(path)
        picture = ImageFile(path, *found.size, 1, "whole", kind, *found.pixels)
        return _with_orientation(picture, found.orientation)
    return _read_by_pillow(path, kind, header)


def _read_by_pillow(path: Path, kind: str, header: bytes) -> ImageFile:
    if kind == "HEIF":
        open_heif()
    with warnings.catch_warnings():
        # Pillow warns of large files and odd tags.
        warnings.simplefilter("ignore")
        with Image.open(path, formats=(kind,)) as image:
            # A JPEG of several images (MPO) is a photograph and its previews.
            if kind in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
                raise Refused("animated")
            # PngImageFile.getexif decodes all pixels to look for a late tag.
            orientation = Image.Image.getexif(image).get(Base.Orientation, 1)
            width, height = image.size
            is_clear = "transparency" in image.info
            channels, alpha = _MODES.get(image.mode, (3, False))
    check_size(height, width)
    dtype = "uint8"
    if kind == "PNG" and header[24:25] == b"\x10":
        dtype = "uint16"
        # Pillow reads no 16-bit colour.
        channels, alpha = {0: (1, False), 2: (3, False), 4: (2, True)}.get(
            header[25], (4, True)
        )
    if is_clear and not alpha:
        channels, alpha = channels + 1, True
    if kind == "HEIF":
        # Its decoder applies the orientation.
        orientation = 1
    picture = ImageFile(path, width, height, 1, "whole", kind, channels, alpha, dtype)
    return _with_orientation(picture, orientation)


def _with_orientation(image: ImageFile, orientation: int) -> ImageFile:
    """Sets the orientation, and exchanges the sides of an image that lies on one."""
    if orientation not in range(1, 9):
        orientation = 1
    width, height = image.width, image.height
    if orientation >= 5:
        width, height = height, width
    return dataclasses.replace(
        image, width=width, height=height, orientation=orientation
    )
