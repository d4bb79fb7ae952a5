"""What Keras 2 wrote, whichever format: a description of the model, and its weights."""

import contextlib
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
from tfi2i.interop.keras2 import descriptions
from tfi2i.interop.keras2.hdf5 import (
    LegacyWeights,
    NumberedWeights,
    member,
    networks_in,
)
from tfi2i.interop.keras2.weights import CheckpointWeights, Weights, choose

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_EXPECTED = (
    "expected a .h5 or .keras file, a SavedModel folder or a TensorFlow checkpoint of "
    "Keras 2"
)


@dataclass
class ModelFile:
    """A file, or a folder, of Keras 2.

    Attributes:
        networks: configurations by the name of the part; `""` is the whole. None of
            them where the file holds weights alone.
        weights: of all.
        size: in bytes.
    """

    weights: Weights
    size: int
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def network(self, part: str | None, what: str) -> tuple[str | None, dict[str, Any]]:
        """The part that is meant, and its configuration.

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
        part = choose(part, list(self.networks), what)
        return part, self.networks[part]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[ModelFile]:
    """Opens what Keras 2 wrote.

    Raises:
        FileNotFoundError: there is nothing at `path`.
        ValueError: it is something else, or damaged.
    """
    what = f"'{path}'"
    with contextlib.ExitStack() as stack:
        if (path / "saved_model.pb").is_file():
            yield _saved_model(path, what)
            return
        prefix = _checkpoint(path)
        if prefix is not None:
            size = sum(p.stat().st_size for p in _files_of(prefix))
            yield ModelFile(CheckpointWeights(str(prefix)), size)
            return
        if not path.exists():
            raise FileNotFoundError(f"'{path}' does not exist.")
        if path.is_dir():
            raise ValueError(f"{what} is a folder without a model: {_EXPECTED}.")
        with path.open("rb") as file:
            start = file.read(512)
        if start.startswith(_HDF5):
            yield _hdf5(_h5(stack, path, what), what, path.stat().st_size)
        elif start.startswith(_ZIP):
            yield _archive(stack, path, what)
        else:
            raise ValueError(f"{what} is {_describe(start)}: {_EXPECTED}.")


def read_json(path: Path) -> dict[str, Any]:
    """Reads what `model.to_json()` of Keras 2 gave.

    Raises:
        OSError: the file cannot be read.
        ValueError: it describes no model of Keras 2.
    """
    return descriptions.description(path.read_bytes(), f"'{path}'")


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


def _h5(stack, source, what):
    try:
        return stack.enter_context(h5py.File(source, "r"))
    except OSError as error:
        raise ValueError(f"{what} is damaged HDF5: {reason(error)}") from error


def _hdf5(file, what, size):
    """Whole models, old weights and new weights all end in .h5."""
    attributes = file.attrs
    version = attributes.get("keras_version", b"2")
    version = version.decode() if isinstance(version, bytes) else str(version)
    descriptions.refuse_keras_3(version, what)
    if "model_config" in attributes:
        config = attributes["model_config"]
        data = config if isinstance(config, bytes) else str(config).encode()
        networks = {"": descriptions.description(data, what)}
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


def _archive(stack, path, what):
    """Keras 2's `.keras`: a description, and weights in HDF5."""
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
        members = {info.filename: info for info in archive.infolist()}
        _check_members(members, what)
        if "metadata.json" in members:
            metadata = json.loads(archive.read("metadata.json"))
            descriptions.refuse_keras_3(str(metadata["keras_version"]), what)
        entry = descriptions.description(archive.read("config.json"), what)
        weights = archive.read("model.weights.h5")
    except _DAMAGES as error:
        raise ValueError(f"{what} is a damaged archive: {reason(error)}") from error
    file = _h5(stack, io.BytesIO(weights), what)
    return ModelFile(NumberedWeights(file, what), len(weights), {"": entry})


_DAMAGES = (
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
        # Keras does not compress, and weights hardly can be.
        if info.file_size > 4 * info.compress_size + 2**20:
            raise ValueError(
                f"{what} would unpack '{info.filename}' to {info.file_size} bytes from "
                f"{info.compress_size}: it is no model of Keras."
            )


def _checkpoint(path):
    """The prefix of a checkpoint's files, None where there is none."""
    name = re.sub(r"\.(index|data-\d+-of-\d+)$", "", path.name)
    if path.with_name(name + ".index").is_file():
        return path.with_name(name)
    if not path.is_dir():
        return None
    found = sorted(path.glob("*.index"))
    latest = path / "checkpoint"
    if latest.is_file():
        # TensorFlow's own text format, whose path may be that of another computer.
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


def _files_of(prefix):
    return prefix.parent.glob(f"{_escaped(prefix.name)}.*")


def _escaped(name):
    return re.sub(r"([*?[])", r"[\1]", name)


def _saved_model(path, what):
    variables = path / "variables" / "variables"
    size = sum(p.stat().st_size for p in _files_of(variables))
    networks = {}
    metadata = path / "keras_metadata.pb"
    if metadata.is_file():
        networks = descriptions.networks(metadata.read_bytes(), what)
    try:
        weights = CheckpointWeights(str(variables))
    except ValueError as error:
        raise ValueError(f"{what} has no variables of Keras 2: {error}") from error
    return ModelFile(weights, size, networks)
