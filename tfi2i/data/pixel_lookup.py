"""Looks up the pixel type of a domain in its files, where the user does not give it."""

from __future__ import annotations

import collections
import dataclasses
import functools
import logging
from collections.abc import Sequence

import numpy as np

from tfi2i.data import headers, reading
from tfi2i.data.headers import ImageFile
from tfi2i.data.pixels import PixelType
from tfi2i.data.threads import parallel_map

log = logging.getLogger(__name__)

# Formats in which a number of channels does not mean colours.
_ARRAYS = ("NPY", "NPZ")

_RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))


@dataclasses.dataclass(frozen=True)
class PixelRequest:
    """The pixels that the user wants of a domain; what is None is looked up.

    Attributes:
        channels: see `PixelType`.
        dtype: likewise.
        low: likewise.
        high: likewise.
        method: interpolation of the resizing.
    """

    channels: int | None = None
    dtype: str | None = None
    low: float | None = None
    high: float | None = None
    method: str = "bicubic"


def pixel_type(
    files: Sequence[ImageFile], wanted: PixelRequest, domain: str, progress: bool = True
) -> PixelType:
    """Looks up the pixel type of a domain.

    Ordinary pictures, grey ones among them, become 8-bit colour, as in the reference.
    Files that hold more keep it.

    Args:
        files: all files of the domain.
        wanted: what the user gives.
        domain: `"a"` or `"b"`, for messages.
        progress: show a bar on stderr, if that is a terminal, while floats are read.

    Raises:
        ValueError: the files differ so much that the user has to decide, do not fit
            what is wanted, or hold floats of unknown range.
    """
    dtype = wanted.dtype or _dtype(files, domain)
    channels = wanted.channels or _channels(files, domain)
    low, high = wanted.low, wanted.high
    # Before all files are read to find the range.
    _check(files, _pixels(channels, dtype, 0, 1, domain), domain)
    if dtype == "float32" and None in (low, high):
        low, high = _range(files, channels, domain, low, high, progress)
    pixels = _pixels(channels, dtype, low, high, domain)
    _warn_of_converted_levels(files, pixels, domain)
    return pixels


def _pixels(channels, dtype, low, high, domain):
    try:
        return PixelType.of(channels, dtype, low, high)
    except ValueError as error:
        raise ValueError(f"{error} (--data.domain-{domain})") from None


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


def _range(files, channels, domain, low, high, progress):
    """The usual range that contains all floats; of integers, the dtype's range."""
    paths = list(dict.fromkeys(f.path for f in files if f.dtype == "float32"))
    if not paths:
        most = max(_max_level(file) for file in files)
        return 0.0 if low is None else low, most if high is None else high
    extremes, unread = {}, {}

    def measure(path):
        try:
            status = path.stat()
            extremes[path] = _extremes(
                path, channels, status.st_size, status.st_mtime_ns
            )
        except (ValueError, OSError) as error:
            unread[path] = error

    parallel_map(measure, paths, f"Reading values of {domain.upper()}", progress)
    if unread:
        names = [f"'{path}' ({unread[path]})" for path in sorted(unread)]
        raise ValueError(
            f"cannot read {headers.shortened(names)}: replace or remove what is damaged"
        )
    least = min(low for low, _ in extremes.values())
    most = max(high for _, high in extremes.values())
    for start, end in _RANGES:
        if start <= least and most <= end:
            return start if low is None else low, end if high is None else high
    raise ValueError(
        f"values of {domain.upper()} reach from {least:g} to {most:g}: say which of "
        f"them are black and white, such as --data.domain-{domain}.low {least:g} "
        f"--data.domain-{domain}.high {most:g}"
    )


# Size and time belong to the key, so that a changed file is read again.
@functools.lru_cache(maxsize=2**17)
def _extremes(path, channels, size, changed):
    """The lowest and the highest float of a file."""
    image = reading.read_image(path, pixels=PixelType.of(channels, "float32", 0, 1))
    return float(image.min()), float(image.max())


def _warn_of_converted_levels(files, pixels, domain):
    """Logs how integers are converted to floats, unless they keep their values."""
    if pixels.dtype != "float32":
        return
    levels = [file for file in files if file.dtype != "float32"]
    moved = [f for f in levels if (pixels.low, pixels.high) != (0.0, _max_level(f))]
    if moved:
        log.warning(
            "%d of %d images of %s hold levels, no floats: black (0) becomes %g, white "
            "(%s) becomes %g",
            len(moved),
            len(files),
            domain.upper(),
            pixels.low,
            " or ".join(f"{most:g}" for most in sorted({_max_level(f) for f in moved})),
            pixels.high,
        )


def _max_level(file):
    """The highest level of an integer dtype."""
    return float(np.iinfo(file.dtype).max)


def _check(files, pixels, domain):
    """Refuses files that cannot be converted to such pixels."""
    found = [(file, file.misfit(pixels)) for file in files]
    names = [f"'{file.path}' ({why_not})" for file, why_not in found if why_not]
    if names:
        raise ValueError(
            f"images of other kinds ({len(names)}): {headers.shortened(names)}; leave "
            f"them out with --data.exclude, or say what all are with "
            f"--data.domain-{domain}.channels and --data.domain-{domain}.dtype"
        )
