"""What the pixels of a domain are, where nobody says it: what its files hold."""

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
from tfi2i.data.threads import in_threads

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


def pixel_type(
    files: Sequence[ImageFile], wanted: Wanted, domain: str, progress: bool = True
) -> PixelType:
    """Find out what a domain's pixels are.

    Ordinary pictures, grey ones among them, are 8-bit colour, as for the reference.
    Files that hold more keep it.

    Args:
        files: of the domain.
        wanted: what is known already.
        domain: `"a"` or `"b"`, for messages.
        progress: show a bar on stderr, if that is a terminal, while floats are read.

    Raises:
        ValueError: the files differ so much that somebody has to decide, do not fit
            what is wanted, or hold floats of unknown range.
    """
    dtype = wanted.dtype or _dtype(files, domain)
    channels = wanted.channels or _channels(files, domain)
    low, high = wanted.low, wanted.high
    # Before anything is read to find out the range.
    _check(files, _pixels(channels, dtype, 0, 1, domain), domain)
    if dtype == "float32" and None in (low, high):
        low, high = _range(files, channels, domain, low, high, progress)
    pixels = _pixels(channels, dtype, low, high, domain)
    _tell_of_levels(files, pixels, domain)
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
    """Which of the usual ranges all floats lie in; of levels all that there are."""
    paths = list(dict.fromkeys(f.path for f in files if f.dtype == "float32"))
    if not paths:
        most = max(_most(file) for file in files)
        return 0.0 if low is None else low, most if high is None else high
    extremes, unread = {}, {}

    def look(number):
        path = paths[number]
        try:
            status = path.stat()
            extremes[path] = _extremes(
                path, channels, status.st_size, status.st_mtime_ns
            )
        except (ValueError, OSError) as error:
            unread[path] = error

    in_threads(look, len(paths), f"Reading values of {domain.upper()}", progress)
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


# A file may belong to several domains, and be asked for more than once.
@functools.lru_cache(maxsize=2**17)
def _extremes(path, channels, size, changed):
    """The least and the most of a file's floats, while its size and time are these."""
    image = reading.read_image(path, pixels=PixelType.of(channels, "float32", 0, 1))
    return float(image.min()), float(image.max())


def _tell_of_levels(files, pixels, domain):
    """Say what becomes of integers where floats are wanted, unless they stay."""
    if pixels.dtype != "float32":
        return
    levels = [file for file in files if file.dtype != "float32"]
    moved = [f for f in levels if (pixels.low, pixels.high) != (0.0, _most(f))]
    if moved:
        log.warning(
            "%d of %d images of %s hold levels, no floats: black (0) becomes %g, white "
            "(%s) becomes %g",
            len(moved),
            len(files),
            domain.upper(),
            pixels.low,
            " or ".join(f"{most:g}" for most in sorted({_most(f) for f in moved})),
            pixels.high,
        )


def _most(file):
    """The largest level that a file of integers may hold."""
    return float(np.iinfo(file.dtype).max)


def _check(files, pixels, domain):
    """Refuse files that cannot become such pixels."""
    found = [(file, file.misfit(pixels)) for file in files]
    names = [f"'{file.path}' ({why_not})" for file, why_not in found if why_not]
    if names:
        raise ValueError(
            f"images of other kinds ({len(names)}): {headers.shortened(names)}; leave "
            f"them out with --data.exclude, or say what all are with "
            f"--data.domain-{domain}.channels and --data.domain-{domain}.dtype"
        )
