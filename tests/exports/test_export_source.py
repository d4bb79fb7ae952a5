"""Exports of `.keras` files and of best weights, and what `.onnx` files tell."""

import json
import shutil

import keras
import numpy as np
import pytest

from tests.checks import tiny_cyclegan
from tests.test_cli import refused
from tests.translators import TINY, make_run, photos
from tfi2i import networks
from tfi2i.data.pixels import RGB, PixelType
from tfi2i.exports import export
from tfi2i.exports.onnx import write_onnx
from tfi2i.inference import load
from tfi2i.inference.export_metadata import describe, described
from tfi2i.recipes import stored

GREY = PixelType.of(1, "uint16", 100, 4095)


@pytest.mark.slow
def test_a_keras_file_s_exports_lie_beside_it(tmp_path):
    networks.resnet(1, filters=4, seed=0).save(tmp_path / "photos.keras")
    (published,) = export(tmp_path / "photos.keras", formats=["tflite"])
    assert published.path == tmp_path / "export" / "photos.tflite"
    images = photos(1, 40, 30)
    painted = np.int32(load(tmp_path / "photos.keras")(images))
    assert np.abs(painted - load(published.path)(images)).max() <= 1
    # Its own are replaced, others' are not.
    export(tmp_path / "photos.keras", formats=["tflite"])
    (published,) = export(
        tmp_path / "photos.keras", formats=["tflite"], direction="b2a"
    )
    assert published.path.name == "photos_b2a.tflite"
    other = tmp_path / "export" / "other.tflite"
    other.write_bytes(b"somebody's")
    shutil.copy(tmp_path / "photos.keras", tmp_path / "other.keras")
    with pytest.raises(FileExistsError, match="other.tflite' exists and is not ours"):
        export(tmp_path / "other.keras", formats=["tflite"])
    assert other.read_bytes() == b"somebody's"


@pytest.mark.slow
def test_a_cyclegan_s_ways(tmp_path):
    tiny_cyclegan().save(tmp_path / "horses.keras")
    published = export(tmp_path / "horses.keras", formats="tflite", direction="b2a")
    assert [item.path.name for item in published] == ["horses_b2a.tflite"]


def test_mistakes_are_one_line(tmp_path, capsys):
    networks.resnet(0, filters=2).save(tmp_path / "x_a2b.keras")
    words = ("export", tmp_path / "x_a2b.keras", "--direction", "b2a")
    assert "x_a2b.keras' translates a2b, not b2a" in refused(capsys, *words)
    words = ("export", tmp_path / "x_a2b.keras", "--weights", "best")
    assert "is no run, so it has one set of weights" in refused(capsys, *words)
    (tmp_path / "x.tflite").write_bytes(b"x")
    line = refused(capsys, "export", tmp_path / "x.tflite")
    assert "x.tflite' is no run folder and no .keras file" in line
    line = refused(capsys, "export", tmp_path / "x.keras")
    assert "x.keras' does not exist" in line


@pytest.mark.slow
def test_the_report_says_which_weights(tmp_path, capsys):
    run = tmp_path / "emoji"
    make_run(run, **TINY)
    words = ("export", run, "--weights", "best")
    assert "keeps no best weights" in refused(capsys, *words)
    model = keras.models.load_model(run / stored.MODEL, compile=False)
    model.generator.set_weights([w / 2 for w in model.generator.get_weights()])
    model.save(run / stored.BEST)
    facts = {"metric": "val_l1", "value": 0.125, "epoch": 2, "step": 4}
    (run / stored.BEST_FACTS).write_text(json.dumps(facts))
    painted = {}
    for weights in ("last", "best"):
        (published,) = export(run, formats="tflite", weights=weights)
        report = json.loads((run / "export" / "report.json").read_text())
        assert [entry["weights"] for entry in report] == [weights]
        painted[weights] = np.int32(load(published.path)(photos(1, 24, 24)))
        expected = load(run, weights=weights)(photos(1, 24, 24))
        assert np.abs(painted[weights] - expected).max() <= 1
    assert np.abs(painted["best"] - painted["last"]).max() > 1


@pytest.mark.slow
def test_an_onnx_file_by_itself(tmp_path):
    generator = networks.resnet(1, filters=4, in_channels=1, seed=0)
    path = tmp_path / "deep_b2a.onnx"
    write_onnx(generator, path)
    assert described(path) == (None, None)
    describe(path, GREY, RGB)
    assert described(path) == (GREY, RGB)
    translator = load(path)
    assert translator.direction == "b2a"
    assert translator.input_pixels == GREY
    levels = np.random.default_rng(0).integers(100, 4096, (30, 41, 1), np.uint16)
    images = np.float32(levels[None]) / 1997.5 - 1 - 100 / 1997.5
    padded = np.pad(images, ((0, 0), (1, 1), (1, 2), (0, 0)), "reflect")
    painted = generator(padded, training=False).numpy()[0, 1:-1, 1:-2]
    expected = np.rint((np.clip(painted, -1, 1) + 1) * 127.5)
    assert np.abs(np.int32(translator(levels)) - expected).max() <= 1
    with pytest.raises(ValueError, match="translates b2a, not a2b"):
        load(path, "a2b")
