"""Images in NumPy's files: `.npy`, and `.npz` that hold one array."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from tfi2i.data.limits import Refused, check_size
from tfi2i.data.pixels import MAX_CHANNELS, Dtype

log = logging.getLogger(__name__)

_MAX_HEADER = 2**14

# Bytes of numbers that are converted together.
_AT_ONCE = 2**22

# Up to here float32 holds every integer.
_EXACT = 2**24


def header(path: Path) -> tuple[int, int, int, Dtype]:
    """Height, width and channels, and the dtype to hold the numbers in.

    Raises:
        Refused: it holds no image, or one that is too large.
    """
    with _opened(path) as (file, size):
        (shape, _, dtype), start = _read_header(file)
        height, width, channels = _image_shape(shape)
        held = _held(dtype)
        check_size(height, width, channels * max(dtype.itemsize, 4))
        needed = height * width * channels * dtype.itemsize
        if size - start < needed:
            raise Refused("truncated")
    return height, width, channels, held


def read(path: Path) -> np.ndarray:
    """The image, `(height, width, channels)`, uint8, uint16 or float32.

    Raises:
        Refused: as `header`, or there are values that are no numbers.
    """
    height, width, channels, dtype = header(path)
    found = np.empty((height, width, channels), dtype)
    with _opened(path) as (file, _):
        shape, is_fortran, stored = _skip_header(file)
        # A view of what is read, with the axes in the order of the file.
        target = found[..., 0] if len(shape) == 2 else found
        if len(shape) == 3 and _is_channels_first(shape):
            target = np.moveaxis(target, -1, 0)
        _fill(target.T if is_fortran else target, file, stored)
    return found


def _fill(target: np.ndarray, file: IO[bytes], stored: np.dtype) -> None:
    """Read numbers in the order of `target`, a part of its size at a time."""
    if target.ndim == 3:
        for part in target:
            _fill(part, file, stored)
        return
    rows, columns = target.shape
    step = max(1, _AT_ONCE // max(1, columns * stored.itemsize))
    for start in range(0, rows, step):
        part = target[start : start + step]
        data = file.read(part.size * stored.itemsize)
        if len(data) < part.size * stored.itemsize:
            raise Refused("truncated")
        part[...] = as_held(np.frombuffer(data, stored).reshape(part.shape))


def as_held(array: np.ndarray) -> np.ndarray:
    """An array in uint8, uint16 or float32, whatever its numbers were.

    Says so, once, where large numbers lose digits by that.

    Raises:
        Refused: there are values that are no numbers.
    """
    if array.dtype == bool:
        return np.where(array, np.uint8(255), np.uint8(0))
    with np.errstate(over="ignore"):
        # What is too large becomes infinite, and is refused.
        held = np.ascontiguousarray(array, _held(array.dtype))
    if held.dtype == np.float32:
        if not np.isfinite(held).all():
            raise Refused("values that are infinite or no numbers")
        is_wide = array.dtype.itemsize >= 4 and array.dtype != held.dtype
        if is_wide and np.abs(held).max() >= _EXACT and (held != array).any():
            _tell_of_rounding(array.dtype.newbyteorder("=").name)
    return held


# Once, not for each image.
@functools.cache
def _tell_of_rounding(dtype: str) -> None:
    log.warning(
        "images hold %s beyond %s, where float32 has no room for all digits: "
        "neighbouring values become the same; if they matter, subtract what all have "
        "in common before saving",
        dtype,
        f"{_EXACT:,}",
    )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """The `.npy` in a file, and how long it says it is."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            yield file, path.stat().st_size
        return
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != 1:
            shown = ", ".join(sorted(names)[:5])
            raise Refused(f"{len(names)} arrays ({shown}): expected one")
        entry = archive.getinfo(names[0])
        # The others unpack all that a few bytes ask for.
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Refused("not compressed as NumPy does: expected deflate or none")
        with archive.open(entry) as file:
            yield file, entry.file_size


def _read_header(file):
    """Shape, order and dtype, and where the numbers begin."""
    # No more of it than a header takes, whatever length it says that it has.
    file = io.BytesIO(file.read(_MAX_HEADER))
    version = npy.read_magic(file)
    if version == (1, 0):
        return npy.read_array_header_1_0(file), file.tell()
    return npy.read_array_header_2_0(file), file.tell()


def _skip_header(file):
    """Shape, order and dtype; the numbers come next."""
    version = npy.read_magic(file)
    if version == (1, 0):
        return npy.read_array_header_1_0(file)
    return npy.read_array_header_2_0(file)


def _image_shape(shape):
    if len(shape) == 2:
        return (*shape, 1)
    if len(shape) != 3:
        raise Refused(
            f"an array of shape {shape}: expected (height, width) or (height, width, "
            "channels); save the images of a stack one by one"
        )
    if _is_channels_first(shape):
        return (*shape[1:], shape[0])
    if shape[2] > MAX_CHANNELS:
        raise Refused(volume(shape[2], f"an array of shape {shape}"))
    return shape


def volume(count: int, what: str) -> str:
    """Say what to do with images that are a stack."""
    return (
        f"{what} is a volume: expected at most {MAX_CHANNELS} channels, but there are "
        f"{count}; save its slices as single images"
    )


def _is_channels_first(shape):
    return shape[0] <= MAX_CHANNELS < shape[2]


def _held(dtype: np.dtype) -> Dtype:
    if dtype.name in ("uint8", "uint16"):
        return dtype.name
    if dtype.kind == "b":
        return "uint8"
    if dtype.kind not in "iuf":
        raise Refused(f"values of dtype {dtype}: expected integers or floats")
    return "float32"
