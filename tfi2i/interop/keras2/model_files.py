"""The file formats of Keras 2: model configurations and weights."""

import contextlib
import glob
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from tfi2i.errors import reason
from tfi2i.interop.keras2 import model_config
from tfi2i.interop.keras2.hdf5_weights import (
    LegacyWeights,
    NumberedWeights,
    member,
    networks_in,
)
from tfi2i.interop.keras2.tf_checkpoint import CheckpointWeights
from tfi2i.interop.keras2.weighted_layers import StoredWeights, choose_part

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_EXPECTED = (
    "expected a .h5 or .keras file, a SavedModel folder or a TensorFlow checkpoint of "
    "Keras 2"
)


@dataclass
class ModelFile:
    """A file or folder that Keras 2 wrote.

    Attributes:
        weights: the weights of all networks.
        size: in bytes.
        networks: configurations by part; `""` is the whole model. Empty if the file
            holds weights only.
    """

    weights: StoredWeights
    size: int
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def network(self, part: str | None, what: str) -> tuple[str | None, dict[str, Any]]:
        """Returns the part to read and its configuration.

        Raises:
            ValueError: there is no such part, or there are several.
        """
        if not self.networks:
            raise ValueError(
                f"{what} describes no model, it holds weights alone: say what they "
                "belong to as architecture=, a Keras 3 model, a model.json of Keras 2, "
                "or 'keras-cyclegan' for Keras' CycleGAN example."
            )
        if "" in self.networks:
            if part is not None:
                raise ValueError(
                    f"{what} holds one model: leave part='{part}' out, or pass an "
                    "architecture."
                )
            return None, self.networks[""]
        part = choose_part(part, list(self.networks), what)
        return part, self.networks[part]


def is_keras2(path: Path) -> bool:
    """Whether a path looks like a Keras 2 model rather than a PyTorch checkpoint.

    Args:
        path: file, folder, or prefix of a TensorFlow checkpoint.
    """
    if path.is_dir():
        return (path / "saved_model.pb").exists() or any(path.glob("*.index"))
    if path.is_file() and h5py.is_hdf5(path):
        return True
    is_prefix = path.with_name(f"{path.name}.index").is_file()
    return is_prefix or path.suffix in (".keras", ".index")


@contextlib.contextmanager
def open_model(path: Path) -> Iterator[ModelFile]:
    """Opens a file or folder that Keras 2 wrote.

    Raises:
        FileNotFoundError: there is nothing at `path`.
        ValueError: it is something else, or damaged.
    """
    what = f"'{path}'"
    with contextlib.ExitStack() as stack:
        if (path / "saved_model.pb").is_file():
            yield _read_saved_model(path, what)
            return
        prefix = _checkpoint_prefix(path)
        if prefix is not None:
            size = sum(p.stat().st_size for p in _checkpoint_files(prefix))
            yield ModelFile(CheckpointWeights(str(prefix)), size)
            return
        if not path.exists():
            raise FileNotFoundError(f"'{path}' does not exist.")
        if path.is_dir():
            raise ValueError(f"{what} is a folder without a model: {_EXPECTED}.")
        # Opening a pipe would wait forever.
        if not path.is_file():
            raise ValueError(f"{what} is not a file: {_EXPECTED}.")
        with path.open("rb") as file:
            start = file.read(512)
        if start.startswith(_HDF5):
            yield _read_hdf5(_open_hdf5(stack, path, what), what, path.stat().st_size)
        elif start.startswith(_ZIP):
            yield _read_zip(stack, path, what)
        else:
            raise ValueError(f"{what} is {_describe(start)}: {_EXPECTED}.")


def read_json(path: Path) -> dict[str, Any]:
    """Reads a file written by Keras 2's `model.to_json()`.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a Keras 2 model configuration.
    """
    return model_config.parse(path.read_bytes(), f"'{path}'")


def _describe(start):
    if not start:
        return "an empty file"
    if start.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, not yet the file itself ('git lfs pull')"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page"
    if start.startswith((b"\x80\x02", b"\x80\x04")):
        return "a Python pickle, as PyTorch writes (from_torch reads those)"
    if start.lstrip().startswith(b"{"):
        return "text, perhaps a model.json (to be passed as architecture=)"
    return f"of an unknown kind, it begins with {start[:8]!r}"


def _open_hdf5(stack, source, what):
    try:
        return stack.enter_context(h5py.File(source, "r"))
    except OSError as error:
        raise ValueError(f"{what} is damaged HDF5: {reason(error)}") from error


def _read_hdf5(file, what, size):
    """Reads a whole model, weights in the old layout, or weights in the new one."""
    attributes = file.attrs
    version = attributes.get("keras_version", b"2")
    version = version.decode() if isinstance(version, bytes) else str(version)
    model_config.refuse_keras_3(version, what)
    if "model_config" in attributes:
        config = attributes["model_config"]
        data = config if isinstance(config, bytes) else str(config).encode()
        networks = {"": model_config.parse(data, what)}
        weights = LegacyWeights(member(file, "model_weights", what), what)
        return ModelFile(weights, size, networks)
    if "layer_names" in attributes or "layer_names0" in attributes:
        return ModelFile(LegacyWeights(file, what), size)
    if networks_in(file):
        return ModelFile(NumberedWeights(file, what), size)
    raise ValueError(
        f"{what} is HDF5 without a model of Keras 2 (it holds "
        f"{', '.join(sorted(file)[:5]) or 'nothing'}): {_EXPECTED}."
    )


def _read_zip(stack, path, what):
    """Reads Keras 2's `.keras`: a configuration in JSON, and weights in HDF5."""
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
        members = {info.filename: info for info in archive.infolist()}
        _check_members(members, what)
        if "metadata.json" in members:
            metadata = json.loads(archive.read("metadata.json"))
            model_config.refuse_keras_3(str(metadata["keras_version"]), what)
        config = model_config.parse(archive.read("config.json"), what)
        weights = archive.read("model.weights.h5")
    except _ZIP_ERRORS as error:
        raise ValueError(f"{what} is a damaged archive: {reason(error)}") from error
    file = _open_hdf5(stack, io.BytesIO(weights), what)
    return ModelFile(NumberedWeights(file, what), len(weights), {"": config})


_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
)


def _check_members(members, what):
    if not {"config.json", "model.weights.h5"} <= members.keys():
        hint = ""
        if any(name.endswith("data.pkl") for name in members):
            hint = " (perhaps of PyTorch, which from_torch reads)"
        raise ValueError(f"{what} is an archive without a model{hint}: {_EXPECTED}.")
    for info in members.values():
        # Keras does not compress, and weights hardly compress.
        if info.file_size > 4 * info.compress_size + 2**20:
            raise ValueError(
                f"{what} would unpack '{info.filename}' to {info.file_size} bytes from "
                f"{info.compress_size}: it is no model of Keras."
            )


def _checkpoint_prefix(path):
    """Returns the prefix of a checkpoint's files, or None if there is no checkpoint."""
    name = re.sub(r"\.(index|data-\d+-of-\d+)$", "", path.name)
    if path.with_name(name + ".index").is_file():
        return path.with_name(name)
    if not path.is_dir():
        return None
    found = sorted(path.glob("*.index"))
    latest = path / "checkpoint"
    if latest.is_file():
        # In TensorFlow's text format; the path may be from another computer.
        text = latest.read_text(errors="replace")
        match = re.match(r'model_checkpoint_path: "(?:[^"]*[\\/])?([^"\\/]+)"', text)
        named = path / f"{match[1]}.index" if match else None
        if named in found:
            return named.with_suffix("")
    if len(found) == 1:
        return found[0].with_suffix("")
    if found:
        names = ", ".join(p.stem for p in found[:5])
        raise ValueError(f"'{path}' holds several checkpoints ({names}): name one.")
    return None


def _checkpoint_files(prefix):
    return prefix.parent.glob(f"{glob.escape(prefix.name)}.*")


def _read_saved_model(path, what):
    variables = path / "variables" / "variables"
    size = sum(p.stat().st_size for p in _checkpoint_files(variables))
    networks = {}
    metadata = path / "keras_metadata.pb"
    if metadata.is_file():
        networks = model_config.parse_saved_model(metadata.read_bytes(), what)
    try:
        weights = CheckpointWeights(str(variables))
    except ValueError as error:
        raise ValueError(f"{what} has no variables of Keras 2: {error}") from error
    return ModelFile(weights, size, networks)
