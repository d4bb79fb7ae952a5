"""Reads images in NumPy's files: `.npy`, and `.npz` that hold one array."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from tfi2i.data.pixels import MAX_CHANNELS, Dtype
from tfi2i.data.size_limits import Refused, check_size

log = logging.getLogger(__name__)

_MAX_HEADER = 2**14

# Bytes that are converted together.
_BLOCK = 2**22

# Up to here float32 holds every integer.
_EXACT = 2**24

# NumPy parses a header as Python. In CPython 3.11.7 and some others, a parser may fail
# when another thread parses at the same time (python/cpython#106905).
_PARSER = threading.Lock()


def header(path: Path) -> tuple[int, int, int, Dtype]:
    """Reads height, width and channels, and the dtype that will hold the values.

    Raises:
        Refused: the file holds no image, or one that is too large.
    """
    with _open(path) as (file, size):
        return _read_header(file, size)[0]


def read(path: Path) -> np.ndarray:
    """Reads the image, `(height, width, channels)`, uint8, uint16 or float32.

    `numpy.load` would hold it twice, or three times where it is converted.

    Raises:
        Refused: as `header`, or the values are not finite.
    """
    with _open(path) as (file, size):
        (*shape, held), stored, is_fortran, is_flat, is_first = _read_header(file, size)
        image = np.empty(shape, held)
        # A view with the axes in the order of the file.
        target = image[..., 0] if is_flat else image
        if is_first:
            target = np.moveaxis(target, -1, 0)
        _fill(target.T if is_fortran else target, file, stored)
    return image


def as_held(array: np.ndarray) -> np.ndarray:
    """Converts an array to uint8, uint16 or float32.

    Logs a warning, once a dtype, where large numbers lose digits.

    Raises:
        Refused: the values are not finite, or too large for float32.
    """
    if array.dtype == bool:
        return np.where(array, np.uint8(255), np.uint8(0))
    with np.errstate(over="ignore"):
        # What is too large becomes infinite, and is refused.
        held = np.ascontiguousarray(array, _held_dtype(array.dtype))
    if held.dtype == np.float32:
        if not np.isfinite(held).all():
            raise Refused("values that are infinite or no numbers")
        is_wide = array.dtype.itemsize >= 4 and array.dtype != held.dtype
        if is_wide and np.abs(held).max() >= _EXACT and (held != array).any():
            _warn_of_rounding(array.dtype.newbyteorder("=").name)
    return held


# Once, not for each image.
@functools.cache
def _warn_of_rounding(dtype: str) -> None:
    log.warning(
        "images hold %s beyond %s, where float32 has no room for all digits: "
        "neighbouring values become the same; if they matter, subtract what all have "
        "in common before saving",
        dtype,
        f"{_EXACT:,}",
    )


@contextlib.contextmanager
def _open(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """Opens the `.npy` in a file; yields it with the size that it claims."""
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
        # zipfile unpacks the other compressions without a limit.
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Refused("not compressed as NumPy does: expected deflate or none")
        with archive.open(entry) as file:
            yield file, entry.file_size


def _read_header(
    file: IO[bytes], size: int
) -> tuple[tuple[int, int, int, Dtype], np.dtype, bool, bool, bool]:
    """Reads and checks the header, and moves `file` to the first value.

    Returns:
        Height, width, channels and dtype of the image; the stored dtype; whether
        values are in Fortran's order, the channels have no axis, and have the first.
    """
    # NumPy would read as much as the header claims to be long.
    start = io.BytesIO(file.read(_MAX_HEADER))
    is_old = npy.read_magic(start) == (1, 0)
    parse = npy.read_array_header_1_0 if is_old else npy.read_array_header_2_0
    with _PARSER:
        shape, is_fortran, stored = parse(start)
    is_first = len(shape) == 3 and shape[0] <= MAX_CHANNELS < shape[2]
    height, width, channels = _image_shape(shape, is_first)
    held = _held_dtype(stored)
    check_size(height, width, channels * max(stored.itemsize, 4))
    if size - start.tell() < height * width * channels * stored.itemsize:
        raise Refused("truncated")
    file.seek(start.tell())
    image = height, width, channels, held
    return image, stored, is_fortran, len(shape) == 2, is_first


def _fill(target: np.ndarray, file: IO[bytes], stored: np.dtype) -> None:
    """Reads values in the order of `target`, block by block."""
    if target.ndim == 3:
        for part in target:
            _fill(part, file, stored)
        return
    rows, columns = target.shape
    step = max(1, _BLOCK // max(1, columns * stored.itemsize))
    for start in range(0, rows, step):
        part = target[start : start + step]
        data = file.read(part.size * stored.itemsize)
        if len(data) < part.size * stored.itemsize:
            raise Refused("truncated")
        part[...] = as_held(np.frombuffer(data, stored).reshape(part.shape))


def _image_shape(shape: tuple[int, ...], is_first: bool) -> tuple[int, int, int]:
    if len(shape) == 2:
        return (*shape, 1)
    if len(shape) != 3:
        raise Refused(
            f"an array of shape {shape}: expected (height, width) or (height, width, "
            "channels); save the images of a stack one by one"
        )
    if is_first:
        return (*shape[1:], shape[0])
    if shape[2] > MAX_CHANNELS:
        raise Refused(volume(shape[2], f"an array of shape {shape}"))
    return shape


def volume(count: int, what: str) -> str:
    """The error message for a stack of images."""
    return (
        f"{what} is a volume: expected at most {MAX_CHANNELS} channels, but there are "
        f"{count}; save its slices as single images"
    )


def _held_dtype(dtype: np.dtype) -> Dtype:
    if dtype.name in ("uint8", "uint16"):
        return dtype.name
    if dtype.kind == "b":
        return "uint8"
    if dtype.kind not in "iuf":
        raise Refused(f"values of dtype {dtype}: expected integers or floats")
    return "float32"
