"""Checkpoints written by hand, instruction by instruction (see pickletools)."""

import struct
import zipfile
from pathlib import Path

MAGIC = 0x1950A86A20F9469CFC6C


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    octets = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(octets)]) + octets


def numbers(values) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def named(full: str) -> bytes:
    module, _, name = full.rpartition(".")
    return b"c" + f"{module}\n{name}\n".encode()


def call(full: str, *arguments: bytes) -> bytes:
    return named(full) + b"(" + b"".join(arguments) + b"tR"


def mapping(**items: bytes) -> bytes:
    return b"}(" + b"".join(text(key) + item for key, item in items.items()) + b"u"


def storage(
    count: int,
    key: str = "0",
    kind: str = "torch.FloatStorage",
    location: str = "cpu",
    view: bytes = b"",
) -> bytes:
    words = text("storage"), named(kind), text(key), text(location), number(count)
    return b"(" + b"".join(words) + view + b"tQ"


def tensor(
    size: tuple[int, ...] = (2, 2),
    stride: tuple[int, ...] = (2, 1),
    offset: int = 0,
    over: bytes | None = None,
) -> bytes:
    """A tensor; without `over`, on a storage of four float32 of the key "0"."""
    over = storage(4) if over is None else over
    places = number(offset), numbers(size), numbers(stride)
    hooks = call("collections.OrderedDict")
    return call("torch._utils._rebuild_tensor_v2", over, *places, b"\x89", hooks)


def pickled(code: bytes) -> bytes:
    return b"\x80\x02" + code + b"."


def write_zip(
    path: Path,
    code: bytes,
    storages: dict[str, bytes] | None = None,
    **entries: bytes,
) -> Path:
    """Write what is a checkpoint but for the pickle's code; four zeros to store."""
    storages = {"0": bytes(16)} if storages is None else storages
    entries |= {f"data/{key}": content for key, content in storages.items()}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(code))
        for name, content in entries.items():
            archive.writestr(f"archive/{name}", content)
    return path


def write_legacy(path: Path, code: bytes, *storages: tuple[str, int, bytes]) -> Path:
    """Write a file of before PyTorch 1.6: keys, counts and bytes of its storages."""
    keys = b"](" + b"".join(text(key) for key, _, _ in storages) + b"e"
    heads = [number(MAGIC), number(1001), mapping(little_endian=b"\x88"), code, keys]
    tail = [struct.pack("<q", count) + content for _, count, content in storages]
    path.write_bytes(b"".join([*map(pickled, heads), *tail]))
    return path
