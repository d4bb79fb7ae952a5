"""Reads PyTorch checkpoints without PyTorch and without running anything in them."""

import io
import os
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfi2i.interop.pytorch import file_signatures, pickle_reader, zip_entries
from tfi2i.interop.pytorch.allowed_globals import (
    GlobalName,
    Placeholder,
    Storage,
    Tensor,
)
from tfi2i.interop.pytorch.modules import quote, quote_names

# The first pickles of files written before PyTorch 1.6 (torch/serialization.py).
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_MAGIC_BYTES = _LEGACY_MAGIC.to_bytes(10, "little")
_LEGACY_PROTOCOL = 1001

_MAX_PICKLE = 2**26
_MAX_DEPTH = 6
_MAX_AXES = 8
_TOP = "."
_ORDERS = {b"little": "<", b"big": ">"}

# The last parts of names that only tensors have.
_PARAMETERS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

_StorageReader = Callable[[Storage], np.ndarray]


def read(path: str | os.PathLike[str], key: str | None = None) -> dict[str, np.ndarray]:
    """Reads the tensors of a network from a PyTorch checkpoint.

    Reads the zip format that `torch.save` writes since PyTorch 1.6, and the format
    before it. The file holds a state_dict, alone or in dictionaries beside other
    things, such as an epoch and an optimizer's state, which are not read.

    Args:
        path: the file.
        key: which network to read, if the file holds several: the key of its
            dictionary, such as "netG", or "models/netG" if that is in another, or "."
            for the outermost. None reads the only one.

    Returns:
        Arrays by name, in file order. bfloat16 becomes float32, because NumPy lacks
        it; other dtypes stay. Arrays that share memory in the file share it here, and
        they need not be contiguous.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is not a checkpoint, is truncated or damaged, needs more than
            tensors and plain values, or holds no network, several, or none with that
            key. Nothing in the file was run.
    """
    path = Path(path)
    # Checked first, because opening a pipe would wait forever.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"'{path}' is not a file; expected a PyTorch checkpoint.")
    try:
        with path.open("rb") as file:
            return _read(file, os.fstat(file.fileno()).st_size, key)
    except ValueError as error:
        raise ValueError(f"Cannot read '{path}': {error}.") from error


def _read(file: BinaryIO, size: int, key: str | None) -> dict[str, np.ndarray]:
    start = file.read(512)
    file.seek(0)
    if start.startswith(b"PK\3\4"):
        value, numbers = _open_zip(file, size)
    elif start[:1] == b"\x80" and _LEGACY_MAGIC_BYTES in start[:32]:
        value, numbers = _open_legacy(file, size)
    else:
        raise ValueError(file_signatures.describe_start(start))
    storages: dict[str, np.ndarray] = {}
    arrays = {}
    for name, tensor in _choose(value, key).items():
        _check_layout(name, tensor)
        storage = tensor.storage
        if storage.key not in storages:
            storages[storage.key] = _decode(numbers(storage), storage.dtype)
        arrays[name] = _make_array(tensor, storages[storage.key])
    return arrays


def _open_zip(file: BinaryIO, size: int) -> tuple[Any, _StorageReader]:
    """Reads the pickle of a zip archive.

    Returns:
        The pickled value, and a function that reads a storage.
    """
    archive = zip_entries.open_archive(file, size)
    names = archive.namelist()
    prefix = next(iter(names), "").partition("/")[0]
    if f"{prefix}/data.pkl" not in names or f"{prefix}/constants.pkl" in names:
        raise ValueError(file_signatures.describe_entries(names))

    def content(name: str) -> np.ndarray:
        try:
            return zip_entries.read(archive, f"{prefix}/{name}")
        except KeyError:
            raise ValueError(
                f"{quote(name)} is missing in it: download it again"
            ) from None

    order = "<"
    if f"{prefix}/byteorder" in names:
        named = content("byteorder").tobytes()
        if named not in _ORDERS:
            raise ValueError("its order of bytes is unknown; expected little or big")
        order = _ORDERS[named]
    length = archive.getinfo(f"{prefix}/data.pkl").file_size
    if length > _MAX_PICKLE:
        raise ValueError(
            f"its pickle is of {length:,} bytes, and at most {_MAX_PICKLE:,} were "
            "expected: save the network's state_dict() alone"
        )
    value, _ = pickle_reader.load(io.BytesIO(content("data.pkl")), length)

    def numbers(storage: Storage) -> np.ndarray:
        dtype = _stored_dtype(storage).newbyteorder(order)
        found = content(f"data/{storage.key}")
        if found.size != storage.count * dtype.itemsize:
            raise ValueError(
                f"{quote('data/' + storage.key)} in it is of {found.size} bytes, and "
                f"{storage.count * dtype.itemsize} were expected: download it again"
            )
        return found.view(dtype)

    return value, numbers


def _open_legacy(file: BinaryIO, size: int) -> tuple[Any, _StorageReader]:
    """Reads the pickles of a file written before PyTorch 1.6.

    Five pickles (a magic number, the protocol, facts about the machine, the value, the
    storages' keys) precede the storages; each storage follows its length. They are
    little-endian on every machine.

    Returns:
        The pickled value, and a function that reads a storage.
    """
    end = min(size, _MAX_PICKLE)
    magic, _ = pickle_reader.load(file, end)
    protocol, _ = pickle_reader.load(file, end)
    if (magic, protocol) != (_LEGACY_MAGIC, _LEGACY_PROTOCOL):
        raise ValueError(
            f"it is of an unknown protocol; expected {_LEGACY_PROTOCOL}: load it with "
            "PyTorch, and torch.save what that gives"
        )
    pickle_reader.load(file, end)
    value, storages = pickle_reader.load(file, end)
    keys, _ = pickle_reader.load(file, end)
    is_list = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if not is_list or sorted(keys) != sorted(storages):
        raise ValueError("its list of storages is damaged: download or copy it again")
    starts = {}
    at = file.tell()
    for key in keys:
        storage = storages[key]
        starts[key] = at + 8
        file.seek(at)
        count = file.read(8)
        at += 8 + storage.count * _stored_dtype(storage).itemsize
        if at > size:
            raise ValueError("it is truncated: download or copy it again")
        if struct.unpack("<q", count)[0] != storage.count:
            raise ValueError("one of its storages is damaged: download it again")

    def numbers(storage: Storage) -> np.ndarray:
        file.seek(starts[storage.key])
        return np.fromfile(file, _stored_dtype(storage), storage.count)

    return value, numbers


def _stored_dtype(storage: Storage) -> np.dtype:
    stored = {"bfloat16": "<u2", "bool": "<u1"}.get(storage.dtype, storage.dtype)
    return np.dtype(stored).newbyteorder("<")


def _decode(numbers: np.ndarray, dtype: str) -> np.ndarray:
    """Converts stored numbers to a NumPy dtype in native byte order."""
    if dtype == "bfloat16":
        # The upper half of a float32.
        wide = numbers.astype(np.uint32)
        wide <<= 16
        return wide.view(np.float32)
    if dtype == "bool":
        return numbers != 0
    return numbers.astype(numbers.dtype.newbyteorder("="), copy=False)


def _check_layout(name: str, tensor: Tensor) -> None:
    """Checks that a tensor lies within its storage and does not overlap itself."""
    if len(tensor.size) > _MAX_AXES:
        raise ValueError(
            f"{quote(name)} has {len(tensor.size)} axes; expected a network's, which "
            f"have {_MAX_AXES} or fewer"
        )
    if 0 in tensor.size:
        return
    reached = 0
    for stride, side in sorted(zip(tensor.stride, tensor.size, strict=True)):
        if side > 1 and stride <= reached:
            raise ValueError(
                f"{quote(name)} uses numbers more than once (size {tensor.size}, "
                f"strides {tensor.stride}): call contiguous() on it before saving"
            )
        reached += (side - 1) * stride
    last = tensor.offset + reached
    if last >= tensor.storage.length:
        raise ValueError(
            f"{quote(name)} needs {last + 1} numbers, and the file has "
            f"{tensor.storage.length}: it is damaged; download or copy it again"
        )


def _make_array(tensor: Tensor, numbers: np.ndarray) -> np.ndarray:
    if 0 in tensor.size:
        return np.empty(tensor.size, numbers.dtype)
    itemsize = numbers.itemsize
    return np.ndarray(
        tensor.size,
        numbers.dtype,
        numbers,
        (tensor.storage.start + tensor.offset) * itemsize,
        tuple(stride * itemsize for stride in tensor.stride),
    )


def _choose(value: Any, key: str | None) -> dict[str, Tensor]:
    """Returns the tensors of the only network, or of the one with that key."""
    networks = dict(_networks(value, _TOP, set()))
    if not networks:
        raise ValueError(
            f"it holds {_describe_content(value)}; expected a network's state_dict"
        )
    if key is None and len(networks) > 1:
        raise ValueError(
            f"it holds {len(networks)} networks: choose one by its key, of "
            f"{quote_names(networks)}"
        )
    if key is not None and key not in networks:
        raise ValueError(
            f"it holds no network of the key {quote(key)}; expected one of "
            f"{quote_names(networks)}"
        )
    found = networks[key] if key is not None else next(iter(networks.values()))
    for name, item in found.items():
        if not isinstance(item, Tensor) and ("." in name or name in _PARAMETERS):
            raise ValueError(
                f"{quote(name)} in it is {_describe_type(item)}; expected a tensor: "
                "save the network's state_dict()"
            )
    return {name: item for name, item in found.items() if isinstance(item, Tensor)}


def _networks(
    value: Any, path: str, seen: set[int], depth: int = 0
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields every dictionary with a tensor of two or more axes, as kernels have.

    Containers may contain themselves, so each is searched once. An optimizer's state
    has tensors of the same shapes; its parameter groups identify it.
    """
    if not isinstance(value, dict | list | tuple) or id(value) in seen:
        return
    seen.add(id(value))
    if depth > _MAX_DEPTH:
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    if isinstance(value, dict):
        if "param_groups" in value:
            return
        named = {name: item for name, item in items if isinstance(name, str)}
        if any(isinstance(x, Tensor) and len(x.size) > 1 for x in named.values()):
            yield path, named
        items = named.items()
    for name, item in items:
        within = str(name) if path == _TOP else f"{path}/{name}"
        yield from _networks(item, within, seen, depth + 1)


def _describe_content(value: Any) -> str:
    """Describes a checkpoint without a network."""
    if isinstance(value, dict):
        if "param_groups" in value:
            return "the state of an optimizer"
        return f"no network among {quote_names(value)}" if value else "nothing"
    return _describe_type(value)


def _describe_type(value: Any) -> str:
    if isinstance(value, Tensor):
        return "a single tensor"
    if isinstance(value, GlobalName | Placeholder):
        return value.name
    return f"a value of type {type(value).__name__}"
