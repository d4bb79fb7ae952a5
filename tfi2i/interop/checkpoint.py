"""PyTorch's checkpoint files, read without PyTorch and without running anything."""

import io
import os
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfi2i.interop import archive, pickles

# The first pickles of files from before PyTorch 1.6 (torch/serialization.py).
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001

_MAX_PICKLE = 2**26
_MAX_DEPTH = 6
_NAMES_SHOWN = 8


def read(path: str | os.PathLike[str], key: str | None = None) -> dict[str, np.ndarray]:
    """Reads the tensors of a network from a PyTorch checkpoint.

    Reads the zip format that `torch.save` writes since PyTorch 1.6, and the one
    before. The file may hold a state_dict, or one inside dictionaries of other things,
    such as an epoch and the state of an optimizer, which are left unread.

    Args:
        path: the file.
        key: which of several networks in the file to read, such as "netG", or
            "models/netG" where dictionaries are nested. None: the only one.

    Returns:
        Arrays by name, in the order of the file. bfloat16 becomes float32, which
        NumPy holds; other types of numbers stay. Arrays that share memory in the
        file share it here, and need not be contiguous.

    Raises:
        OSError: there is no such file, or it may not be read.
        ValueError: it is no checkpoint, is truncated or damaged, holds anything
            beyond tensors and plain values, no network, several, or none of that key.
            Nothing that it asks for was run.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("it is not a file; expected a PyTorch checkpoint")
            return _read(file, status.st_size, key)
    except ValueError as error:
        raise ValueError(f"Cannot read '{path}': {error}.") from error


def _read(file: BinaryIO, size: int, key: str | None) -> dict[str, np.ndarray]:
    start = file.read(1024)
    file.seek(0)
    if start.startswith(b"PK\3\4"):
        value, storages = _read_zip(file, size)
    elif start.startswith((b"\x80\x02\x8a\x0a", b"\x80\x03\x8a\x0a", b"\x80\x04\x95")):
        value, storages = _read_legacy(file, size)
    else:
        raise ValueError("it is no PyTorch checkpoint")
    tensors = _choose(value, key)
    read_storage = _Storages(storages)
    return {name: _array(name, t, read_storage) for name, t in tensors.items()}


def _read_zip(file: BinaryIO, size: int) -> tuple[Any, Callable]:
    entries = archive.entries(file, size)
    prefix = next(iter(entries), "").partition("/")[0]
    if f"{prefix}/data.pkl" not in entries:
        raise ValueError("it is a zip archive, but no PyTorch checkpoint")
    if f"{prefix}/constants.pkl" in entries:
        raise ValueError("TorchScript")

    def entry(name: str, limit: int) -> np.ndarray:
        found = entries.get(f"{prefix}/{name}")
        if found is None:
            raise ValueError(f"{name!r} is missing in it")
        if found.size > limit:
            raise ValueError(f"{name!r} in it is too large")
        return archive.read(file, found, name)

    order = "<"
    if f"{prefix}/byteorder" in entries:
        orders = {b"little": "<", b"big": ">"}
        order = orders[entry("byteorder", 16).tobytes()]
    data = entry("data.pkl", _MAX_PICKLE).tobytes()
    value = pickles.load(io.BytesIO(data), len(data))

    def numbers(storage: pickles.Storage) -> np.ndarray:
        dtype = _stored_dtype(storage.dtype).newbyteorder(order)
        data = entry(f"data/{storage.key}", size)
        if data.size != storage.count * dtype.itemsize:
            raise ValueError(f"data/{storage.key} in it has another size than declared")
        return data.view(dtype)

    return value, numbers


def _read_legacy(file: BinaryIO, size: int) -> tuple[Any, Callable]:
    end = min(size, _MAX_PICKLE)
    if pickles.load(file, end) != _LEGACY_MAGIC:
        raise ValueError("it is no PyTorch checkpoint")
    if pickles.load(file, end) != _LEGACY_PROTOCOL:
        raise ValueError("unknown protocol")
    pickles.load(file, end)
    value = pickles.load(file, end)
    keys = pickles.load(file, end)
    storages = {s.key: s for s in _storages(value)}
    starts = {}
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        storage = storages[key]
        if count != storage.count:
            raise ValueError("damaged")
        starts[key] = file.tell()
        file.seek(count * _stored_dtype(storage.dtype).itemsize, os.SEEK_CUR)
    if file.tell() > size:
        raise ValueError("it is truncated")

    def numbers(storage: pickles.Storage) -> np.ndarray:
        file.seek(starts[storage.key])
        return np.fromfile(file, _stored_dtype(storage.dtype), storage.count)

    return value, numbers


def _storages(value: Any) -> Iterator[pickles.Storage]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _storages(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _storages(item)
    elif isinstance(value, pickles.Tensor):
        yield value.storage


class _Storages:
    """Storages as arrays, each read once."""

    def __init__(self, numbers: Callable) -> None:
        self._numbers = numbers
        self._read: dict[str, np.ndarray] = {}

    def __call__(self, storage: pickles.Storage) -> np.ndarray:
        if storage.key not in self._read:
            self._read[storage.key] = _native(self._numbers(storage), storage.dtype)
        return self._read[storage.key]


def _stored_dtype(name: str) -> np.dtype:
    return np.dtype({"bfloat16": "uint16", "bool": "uint8"}.get(name, name))


def _native(numbers: np.ndarray, dtype: str) -> np.ndarray:
    if dtype == "bfloat16":
        return (numbers.astype(np.uint32) << 16).view(np.float32)
    if dtype == "bool":
        return numbers != 0
    return numbers.astype(numbers.dtype.newbyteorder("="), copy=False)


def _array(name: str, tensor: pickles.Tensor, storages: Callable) -> np.ndarray:
    numbers = storages(tensor.storage)
    if 0 in tensor.size:
        return np.empty(tensor.size, numbers.dtype)
    last = tensor.offset + sum(
        (side - 1) * stride
        for side, stride in zip(tensor.size, tensor.stride, strict=True)
    )
    if last >= tensor.storage.length:
        raise ValueError(f"{name} reaches beyond its numbers")
    itemsize = numbers.itemsize
    return np.ndarray(
        tensor.size,
        numbers.dtype,
        numbers,
        (tensor.storage.start + tensor.offset) * itemsize,
        [stride * itemsize for stride in tensor.stride],
    )


def _choose(value: Any, key: str | None) -> dict[str, pickles.Tensor]:
    networks = dict(_networks(value, "", 0))
    if key is not None:
        return networks[key]
    if len(networks) != 1:
        raise ValueError(f"it holds {len(networks)} networks: {list(networks)}")
    return next(iter(networks.values()))


def _networks(value: Any, path: str, depth: int) -> Iterator[tuple[str, dict]]:
    if not isinstance(value, dict) or depth > _MAX_DEPTH or "param_groups" in value:
        return
    tensors = {k: v for k, v in value.items() if isinstance(v, pickles.Tensor)}
    if any(len(tensor.size) > 1 for tensor in tensors.values()):
        yield path, tensors
    for name, item in value.items():
        if isinstance(name, str):
            yield from _networks(item, f"{path}/{name}" if path else name, depth + 1)
