"""Files that are no models of Keras 2, or damaged ones."""

import io
import os
import shutil
import zipfile

import h5py
import numpy as np
import pytest

from tests.interop.keras2.models import (
    EXAMPLE,
    FOLDER,
    gap,
    own_model,
    refusal,
    rezip,
    with_config,
)
from tfi2i.interop import from_addons


class TestBadFiles:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "an empty file"),
            (b"<!DOCTYPE html><html>404</html>", "a web page"),
            (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
            (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "from_torch"),
            (b'{"class_name": "Functional"}', "passed as architecture="),
            (b"\x89PNG\r\n\x1a\n", "of an unknown kind"),
            (b"\x89HDF\r\n\x1a\n", "damaged HDF5"),
            (b"PK\x03\x04", "damaged archive"),
        ],
    )
    def test_no_model(self, tmp_path, content, words):
        path = tmp_path / "model.h5"
        path.write_bytes(content)
        line = refusal(path)
        assert words in line and str(path) in line

    def test_nothing(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            from_addons(tmp_path / "none.h5")
        assert "a folder without a model" in refusal(tmp_path)

    def test_pipe(self, tmp_path):
        os.mkfifo(tmp_path / "model.keras")
        assert "is not a file" in refusal(tmp_path / "model.keras")

    @pytest.mark.parametrize(
        ("suffix", "version"), [(".keras", "3.15.1"), (".h5", "3.15.1")]
    )
    @pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
    def test_of_keras_3(self, tmp_path, suffix, version):
        path = tmp_path / f"model{suffix}"
        own_model().save(path)
        line = refusal(path)
        assert "was written by Keras 3" in line and "keras.saving.load_model" in line

    @pytest.mark.parametrize("name", ["resnet.h5", "resnet.keras", "resnet.weights.h5"])
    def test_cut_short(self, tmp_path, name):
        path = tmp_path / name
        path.write_bytes((FOLDER / name).read_bytes()[:-5000])
        assert "damaged" in refusal(path, **EXAMPLE)

    @pytest.mark.parametrize(
        "name",
        [
            "keras_metadata.pb",
            "variables/variables.index",
            "variables/variables.data-00000-of-00001",
        ],
    )
    def test_saved_model_cut_short(self, tmp_path, name):
        path = tmp_path / "model"
        shutil.copytree(FOLDER / "resnet_saved_model", path)
        data = (path / name).read_bytes()
        (path / name).write_bytes(data[: len(data) // 2])
        assert str(path) in refusal(path)

    def test_archive_that_would_burst(self, tmp_path):
        path = tmp_path / "bomb.keras"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", "{}")
            archive.writestr("model.weights.h5", bytes(50_000_000))
        assert "would unpack 'model.weights.h5' to 50000000 bytes" in refusal(path)

    def test_archives_of_others(self, tmp_path):
        path = tmp_path / "net.pth"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", b"")
        assert "which from_torch reads" in refusal(path)

    def test_hdf5_of_others(self, tmp_path):
        path = tmp_path / "data.h5"
        with h5py.File(path, "w") as file:
            file["images"] = np.zeros(3)
        assert "without a model of Keras 2 (it holds images)" in refusal(path)

    @pytest.mark.parametrize("kind", ["external", "soft", "virtual", "raw"])
    def test_weights_that_lie_in_other_files(self, tmp_path, kind):
        path = tmp_path / "resnet.h5"
        shutil.copy(FOLDER / "resnet.h5", path)
        secret = tmp_path / "secret.h5"
        with h5py.File(secret, "w") as file:
            file["x"] = np.zeros(2, np.float32)
        with h5py.File(path, "r+") as file:
            name = "instance_normalization"
            group = file[f"model_weights/{name}/{name}"]
            del group["gamma:0"]
            if kind == "external":
                group["gamma:0"] = h5py.ExternalLink(str(secret), "x")
            elif kind == "soft":
                group["gamma:0"] = h5py.SoftLink(group["beta:0"].name)
            elif kind == "virtual":
                layout = h5py.VirtualLayout((2,), np.float32)
                layout[:] = h5py.VirtualSource(str(secret), "x", (2,))
                group.create_virtual_dataset("gamma:0", layout)
            else:
                where = [(str(secret), 0, 8)]
                group.create_dataset("gamma:0", (2,), np.float32, external=where)
        assert "save the weights anew" in refusal(path)

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (np.float32([1, np.nan]), "is not finite"),
            (np.float32([1, np.inf]), "is not finite"),
            (np.int32([1, 2]), "of type int32"),
            (np.array([b"a", b"b"]), "of type"),
            (np.ones(3, np.float32), "of shape (3,)"),
            (np.float32(1), "of shape ()"),
            (None, "damaged: it has no"),
        ],
    )
    def test_weights_that_are_none(self, tmp_path, value, words):
        path = tmp_path / "resnet.h5"
        shutil.copy(FOLDER / "resnet.h5", path)
        with h5py.File(path, "r+") as file:
            name = "instance_normalization"
            group = file[f"model_weights/{name}/{name}"]
            del group["gamma:0"]
            if value is not None:
                group["gamma:0"] = value
        assert words in refusal(path)

    def test_other_precisions_are_taken(self, tmp_path):
        path = tmp_path / "resnet.h5"
        shutil.copy(FOLDER / "resnet.h5", path)
        with h5py.File(path, "r+") as file:
            name = "instance_normalization"
            group = file[f"model_weights/{name}/{name}"]
            gamma = group["gamma:0"][()]
            del group["gamma:0"]
            group["gamma:0"] = gamma.astype(np.float64)
        assert gap(from_addons(path), "resnet") <= 1e-5

    def test_weights_without_a_layer(self, tmp_path):
        path = tmp_path / "resnet.keras"
        packed = io.BytesIO(
            zipfile.ZipFile(FOLDER / "resnet.keras").read("model.weights.h5")
        )
        with h5py.File(packed, "r+") as file:
            file["layers/conv2d_99/vars/0"] = np.ones(2, np.float32)
        members = {"model.weights.h5": packed.getvalue()}
        rezip(FOLDER / "resnet.keras", path, **members)
        assert "for which the architecture has no layer" in refusal(path)

    def test_descriptions_that_do_not_hold_together(self, tmp_path):
        def forget(config):
            config["config"]["layers"][3]["inbound_nodes"] = [[["nobody", 0, 0, {}]]]

        assert "takes what no layer gives" in refusal(with_config(tmp_path, forget))

        def empty(config):
            config["config"]["output_layers"] = []

        assert "has no output" in refusal(with_config(tmp_path, empty))

        def break_off(config):
            del config["config"]["layers"][2]["config"]

        assert "damaged" in refusal(with_config(tmp_path, break_off))

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("unet.h5", marks=pytest.mark.slow),
            "unet.keras",
            "resnet_saved_model/keras_metadata.pb",
        ],
    )
    def test_flipped_bytes_give_a_model_or_a_line(self, tmp_path, name):
        folder, _, inner = name.partition("/")
        path = tmp_path / folder
        copy = shutil.copytree if inner else shutil.copy
        copy(FOLDER / folder, path)
        data = (FOLDER / name).read_bytes()
        random = np.random.default_rng(0)
        for _ in range(40):
            changed = bytearray(data)
            for position in random.integers(len(data), size=3):
                changed[position] = random.integers(256)
            (tmp_path / name).write_bytes(changed)
            try:
                from_addons(path)
            except ValueError as error:
                assert "\n" not in str(error)
