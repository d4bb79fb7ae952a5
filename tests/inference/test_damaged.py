"""Damaged sources: one line each, whatever the damage is."""

import json
import random
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.test_cli import refused
from tests.translators import TINY, make_run, photos
from tfi2i import networks
from tfi2i.data.pixels import RGB
from tfi2i.exports.onnx import write_onnx
from tfi2i.exports.saved_model import write_float_model, write_saved_model
from tfi2i.exports.tflite import write_tflite
from tfi2i.inference import load
from tfi2i.inference.export_metadata import describe
from tfi2i.recipes import stored

IMAGE = photos(1, 24, 24)[0]


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "small.keras"
    networks.resnet(0, filters=2, seed=0).save(path)
    return path


def _tried(source):
    """What a source is refused with; None where it paints something."""
    try:
        load(source)(IMAGE)
    except (ValueError, OSError) as error:
        assert len(str(error).splitlines()) == 1
        return str(error)
    return None


def _changed(contents, draw):
    """Bytes with a bit or some bytes changed, zeros in them, or an end too early."""
    changed = bytearray(contents)
    place = draw.randrange(len(changed))
    kind = draw.randrange(4)
    if kind == 0:
        changed[place] ^= 1 << draw.randrange(8)
    elif kind == 1:
        for _ in range(8):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
    elif kind == 2:
        del changed[place:]
    else:
        count = min(draw.randrange(1, 64), len(changed) - place)
        changed[place : place + count] = bytes(count)
    return bytes(changed)


@pytest.mark.slow
def test_bytes_of_a_keras_file(keras_file, tmp_path):
    draw = random.Random(0)
    path = tmp_path / "damaged.keras"
    for _ in range(40):
        path.write_bytes(_changed(keras_file.read_bytes(), draw))
        line = _tried(path)
        assert line is None or "damaged.keras" in line


@pytest.mark.slow
def test_members_of_a_keras_file(keras_file, tmp_path):
    with zipfile.ZipFile(keras_file) as archive:
        sound = {name: archive.read(name) for name in archive.namelist()}
    changes = [b"", b"{}", b"[]", b"null", b"[" * 100_000, b"\x89HDF\r\n\x1a\n" * 9]
    path = tmp_path / "damaged.keras"
    for name in sound:
        for change in [None, *changes]:
            members = {**sound, name: change}
            with zipfile.ZipFile(path, "w") as archive:
                for other, contents in members.items():
                    if contents is not None:
                        archive.writestr(other, contents)
            line = _tried(path)
            # The metadata are for people.
            assert name == "metadata.json" or "damaged.keras" in line


def _places(value, place=()):
    if place:
        yield place
    items = {dict: lambda: value.items(), list: lambda: enumerate(value)}
    for key, part in items.get(type(value), list)():
        yield from _places(part, (*place, key))


@pytest.mark.slow
def test_values_in_a_keras_file(keras_file, tmp_path):
    draw = random.Random(0)
    with zipfile.ZipFile(keras_file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = members["config.json"]
    places = list(_places(json.loads(config)))
    path = tmp_path / "damaged.keras"
    for _ in range(25):
        changed = json.loads(config)
        part, place = changed, draw.choice(places)
        for key in place[:-1]:
            part = part[key]
        part[place[-1]] = draw.choice([None, -1, 3.5, "x", [], {}, True, [[1]]])
        members["config.json"] = json.dumps(changed)
        with zipfile.ZipFile(path, "w") as archive:
            for name, contents in members.items():
                archive.writestr(name, contents)
        _tried(path)


@pytest.mark.parametrize("contents", ["[" * 100_000, '{"format": 1, "model": {}}', "1"])
def test_a_run_s_configuration(contents, tmp_path, capsys):
    (tmp_path / stored.CONFIG).write_text(contents)
    line = refused(capsys, "translate", tmp_path, tmp_path, "out")
    assert f"Cannot read '{tmp_path / stored.CONFIG}'" in line


def test_a_run_s_model_in_every_command(tmp_path, capsys):
    make_run(tmp_path / "run", **TINY)
    path = tmp_path / "run" / stored.MODEL
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 2] ^= 255
    path.write_bytes(contents)
    for words in (
        ("translate", tmp_path / "run", tmp_path, "out"),
        ("evaluate", tmp_path / "run"),
        ("export", tmp_path / "run"),
    ):
        assert f"Cannot read '{path}': " in refused(capsys, *words)


_CHILD = """
import sys
from pathlib import Path
import numpy as np
from tfi2i.inference import load
for path in map(Path, sys.argv[1:]):
    try:
        load(path)(np.zeros((24, 24, 3), np.uint8))
    except (ValueError, OSError) as error:
        assert len(str(error).splitlines()) == 1, error
    print(path.name)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tflite", "onnx", "savedmodel"])
def test_bytes_of_exports(kind, tmp_path):
    """In a process of their own, which native code might end."""
    generator = networks.resnet(1, filters=2, seed=0)
    sound, damaged = tmp_path / "sound", tmp_path / "damaged"
    damaged.mkdir()
    draw = random.Random(0)
    paths = []
    if kind == "savedmodel":
        write_saved_model(generator, sound)
        describe(sound, RGB, RGB)
        files = [path for path in sorted(sound.rglob("*")) if path.is_file()]
        for index in range(30):
            paths.append(damaged / f"{index}")
            _copy_with_damage(sound, paths[-1], draw.choice(files), draw)
    else:
        sound = _exported_file(generator, tmp_path / f"sound.{kind}")
        for index in range(150):
            paths.append(damaged / f"{index}.{kind}")
            paths[-1].write_bytes(_changed(sound.read_bytes(), draw))
        # Odd bytes behind a model.
        for index, end in enumerate((b"PK\x05\x06", b"PK\x03\x04" * 40, bytes(99))):
            paths.append(damaged / f"end{index}.{kind}")
            paths[-1].write_bytes(sound.read_bytes() + end)
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *map(str, paths)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [path.name for path in paths]


def _copy_with_damage(sound, copy, file, draw):
    shutil.copytree(sound, copy)
    target = copy / file.relative_to(sound)
    target.write_bytes(_changed(file.read_bytes(), draw))


def _exported_file(generator, path):
    if path.suffix == ".onnx":
        write_onnx(generator, path)
    else:
        write_float_model(generator, path.with_suffix(""), None)
        write_tflite(path.with_suffix(""), path, "none")
    describe(path, RGB, RGB)
    return path
