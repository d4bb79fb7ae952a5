"""Files that are no PyTorch checkpoints."""

import io
import json
import pickle
import struct
import tarfile
import zipfile

import keras
import numpy as np
import pytest
from PIL import Image

from tfi2i.interop.pytorch import checkpoint


def reason(path):
    with pytest.raises(ValueError) as caught:
        checkpoint.read(path)
    line = str(caught.value)
    assert line.startswith(f"Cannot read '{path}': it is ") and "\n" not in line
    assert "expected a PyTorch checkpoint, as torch.save writes" in line
    return line


def picture(form):
    image = io.BytesIO()
    Image.new("RGB", (4, 4)).save(image, form)
    return image.getvalue()


def tar(*names):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return packed.getvalue()


def safetensors():
    facts = {"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    header = json.dumps(facts).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "git lfs pull"),
        (b"\n<!DOCTYPE html>\n<html><body>404</body>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "a web page"),
        (b'{"message": "Not Found"}', "a text file"),
        (picture("PNG"), "a PNG image"),
        (picture("JPEG"), "a JPEG image"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "an HDF5 file"),
        (safetensors(), "a safetensors file"),
        (b"\x1c\0\0\0TFL3" + bytes(40), "a TensorFlow Lite model"),
        (b"\x1f\x8b\x08" + bytes(40), "a gzip archive.*unpack it first"),
        (tar("a.pth"), "a tar archive.*unpack it first"),
        (tar("sys_info", "pickle", "tensors", "storages"), "first PyTorch versions"),
        (pickle.dumps({"a": 1}), "a pickle, but not of torch.save"),
        (b"PK\5\6" + bytes(18), "an empty zip archive"),
        (b"\x07\x01\xfe\xff" * 9, "something else, which begins with 07 01 fe ff"),
        (b"\x80", "a pickle, but not of torch.save"),
        (b"\x00", "something else, which begins with 00;"),
    ],
)
def test_says_what_a_file_is(path, content, words):
    path.write_bytes(content)
    line = reason(path)
    assert all(word in line for word in words.split(".*"))


def test_says_what_an_archive_is(path, tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros(3))
    path.write_bytes((tmp_path / "a.npz").read_bytes())
    assert "a NumPy archive" in reason(path)
    inputs = keras.Input((2,))
    keras.Model(inputs, keras.layers.Dense(1)(inputs)).save(tmp_path / "a.keras")
    path.write_bytes((tmp_path / "a.keras").read_bytes())
    assert "a Keras model" in reason(path)
    for names, words in [
        (["horse2zebra.pth", "README"], "checkpoints in it; expected"),
        (["a/archive_format", "a/models/model.json"], "a program of torch.export"),
        (["a/data.pkl", "a/constants.pkl"], "a TorchScript archive"),
        (["a.txt", "b.txt"], "a zip archive of 2 other files"),
    ]:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, b"text" * 100)
        assert words in reason(path)
