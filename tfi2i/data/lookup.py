"""What the pixels of a domain are, where nobody says it: what its files hold."""

from __future__ import annotations

import collections
import dataclasses
import logging
from collections.abc import Sequence

from tfi2i.data import headers, reading
from tfi2i.data.headers import ImageFile
from tfi2i.data.pixels import PixelType

log = logging.getLogger(__name__)

# Where the numbers of channels have no meaning of their own.
_ARRAYS = ("NPY", "NPZ")

_RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is asked of a domain's pixels; None is looked up.

    Attributes:
        channels: of `PixelType`, as are the others.
        dtype: likewise.
        low: likewise.
        high: likewise.
        method: how images are resized.
    """

    channels: int | None = None
    dtype: str | None = None
    low: float | None = None
    high: float | None = None
    method: str = "bicubic"


def pixel_type(files: Sequence[ImageFile], wanted: Wanted, domain: str) -> PixelType:
    """Find out what a domain's pixels are.

    Ordinary pictures, grey ones among them, are 8-bit colour, as for the reference.
    Files that hold more keep it.

    Args:
        files: of the domain.
        wanted: what is known already.
        domain: `"a"` or `"b"`, for messages.

    Raises:
        ValueError: the files differ so much that somebody has to decide, do not fit
            what is wanted, or hold floats of unknown range.
    """
    dtype = wanted.dtype or _dtype(files, domain)
    channels = wanted.channels or _channels(files, domain)
    low, high = wanted.low, wanted.high
    if dtype == "float32" and None in (low, high):
        low, high = _range(files, channels, domain, low, high)
    pixels = PixelType.of(channels, dtype, low, high)
    _check(files, pixels)
    return pixels


def _dtype(files, domain):
    counts = collections.Counter(file.dtype for file in files)
    if len(counts) == 1:
        return next(iter(counts))
    if "float32" in counts:
        raise ValueError(
            f"images of {domain.upper()} hold numbers of several kinds "
            f"({', '.join(sorted(counts))}): expected one, or say which to take with "
            f"--data.domain-{domain}.dtype"
        )
    log.warning(
        "%d of %d images of %s have 16 bits and are read with 8, as the others have: "
        "--data.domain-%s.dtype uint16 keeps them",
        counts["uint16"],
        len(files),
        domain.upper(),
        domain,
    )
    return "uint8"


def _channels(files, domain):
    if all(_is_ordinary(file) for file in files):
        return 3
    counts = {file.opaque_channels for file in files}
    if counts == {1, 3}:
        return 3
    if len(counts) > 1:
        examples = {file.opaque_channels: file.path.name for file in files}
        shown = [f"{count} ('{examples[count]}')" for count in sorted(counts)]
        raise ValueError(
            f"images of {domain.upper()} have different numbers of channels: "
            f"{headers.shortened(shown)}; expected one, or say which to take with "
            f"--data.domain-{domain}.channels"
        )
    return counts.pop()


def _is_ordinary(file):
    is_picture = file.format not in _ARRAYS and file.opaque_channels in (1, 3)
    return file.dtype == "uint8" and is_picture


def _range(files, channels, domain, low, high):
    """Which of the usual ranges all floats lie in."""
    pixels = PixelType.of(channels, "float32", 0.0, 1.0)
    least, most = float("inf"), float("-inf")
    for path in dict.fromkeys(file.path for file in files):
        try:
            image = reading.read_image(path, pixels=pixels)
        except (ValueError, OSError) as error:
            raise ValueError(f"cannot read '{path}': {error}") from error
        least, most = min(least, float(image.min())), max(most, float(image.max()))
    for start, end in _RANGES:
        if start <= least and most <= end:
            return start if low is None else low, end if high is None else high
    raise ValueError(
        f"values of {domain.upper()} reach from {least:g} to {most:g}: say which of "
        f"them are black and white, such as --data.domain-{domain}.low {least:g} "
        f"--data.domain-{domain}.high {most:g}"
    )


def _check(files, pixels):
    """Refuse files that cannot become such pixels."""
    found = [(file, file.misfit(pixels)) for file in files]
    names = [f"'{file.path}' ({why_not})" for file, why_not in found if why_not]
    if names:
        raise ValueError(
            f"images of other kinds ({len(names)}): {headers.shortened(names)}; leave "
            "them out with --data.exclude, or say what all are"
        )
