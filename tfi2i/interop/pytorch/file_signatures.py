"""Recognizes files that are not PyTorch checkpoints by their first bytes."""

from collections.abc import Iterable

# First bytes, what the file is, and what to do with it.
_STARTS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the file it points to",
        "fetch that with 'git lfs pull'",
    ),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes", ""),
    (b"\x89PNG", "a PNG image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"GIF8", "a GIF image", ""),
    (b"\x93NUMPY", "a NumPy array", ""),
    (b"%PDF", "a PDF document", ""),
    (b"GGUF", "a GGUF file", ""),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"BZh", "a bzip2 archive", "unpack it first"),
    (b"\xfd7zXZ", "an xz archive", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it first"),
    (b"Rar!", "a RAR archive", "unpack it first"),
    (b"PK\5\6", "an empty zip archive", ""),
)
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head")
_TAR_MAGIC_AT = 257


def describe_start(start: bytes) -> str:
    """Describes a file by its first bytes.

    Args:
        start: a few hundred bytes; fewer only if the file is shorter.

    Returns:
        A clause that says what the file is, what was expected, and what to do.
    """
    for beginning, kind, remedy in _STARTS:
        if start.startswith(beginning):
            return _clause(kind, remedy)
    if not start:
        return _clause("empty", "download or copy it again")
    if start.lstrip().lower().startswith(_PAGES):
        return _clause(
            "a web page, as a failed download leaves",
            "download the file itself",
        )
    if start[4:8] == b"TFL3":
        return _clause("a TensorFlow Lite model", "")
    if start[8:10] == b'{"' and int.from_bytes(start[:8], "little") < 2**40:
        return _clause(
            "a safetensors file",
            "load it with safetensors.torch.load_file, and torch.save what that gives",
        )
    if start[_TAR_MAGIC_AT:].startswith(b"ustar"):
        if start.startswith((b"storages\0", b"sys_info\0", b"tensors\0", b"pickle\0")):
            return _clause(
                "a checkpoint in the tar format of the first PyTorch versions",
                "load it with PyTorch, and torch.save what that gives",
            )
        return _clause("a tar archive", "unpack it first")
    if start[:1] == b"\x80":
        return _clause("a pickle, but not of torch.save", "")
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in start):
        return _clause("a text file", "")
    return _clause(f"something else, which begins with {start[:4].hex(' ')}", "")


def describe_entries(names: Iterable[str]) -> str:
    """Describes a zip archive without tensors by its entries, as `describe_start`."""
    names = list(names)
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        return _clause(
            "a TorchScript archive, which holds code",
            "load it with torch.jit.load, and torch.save its state_dict()",
        )
    if "archive_format" in inner or "models/model.json" in inner:
        return _clause(
            "a program of torch.export", "torch.save the network's state_dict() instead"
        )
    if "config.json" in names and "model.weights.h5" in names:
        return _clause("a Keras model", "")
    if names and all(name.endswith(".npy") for name in names):
        return _clause("a NumPy archive", "")
    if any(name.endswith((".pth", ".pt", ".ckpt", ".bin")) for name in names):
        return _clause("a zip archive with checkpoints in it", "unpack it first")
    return _clause(f"a zip archive of {len(names)} other files", "")


def _clause(kind: str, remedy: str) -> str:
    expected = f"it is {kind}; expected a PyTorch checkpoint, as torch.save writes"
    return f"{expected}: {remedy}" if remedy else expected
