"""A third model goes through the same code as the package's own."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.made_up import MadeUp, MadeUpConfig
from tfi2i.evaluation import evaluate
from tfi2i.exports import export
from tfi2i.inference import load
from tfi2i.recipes import model_list
from tfi2i.recipes.config import DataConfig, TrainConfig
from tfi2i.training.run import resume, train


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """All that a model needs to be known: its line in the tuple."""
    monkeypatch.setattr(model_list, "MODELS", (*model_list.MODELS, MadeUpConfig))


@pytest.fixture
def config(tmp_path):
    rng = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        folder = tmp_path / "data" / split
        folder.mkdir(parents=True)
        for index in range(4):
            pixels = rng.integers(0, 256, (16, 32, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.png")
    data = DataConfig(
        dir=str(tmp_path / "data"), crop_size=16, load_size=18, batch_size=2
    )
    return TrainConfig(
        model=MadeUpConfig(), data=data, epochs=2, decay_epochs=0, keep_best="val_l1"
    )


def test_it_trains_resumes_translates_exports_and_evaluates(config, tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    expected = train(config, whole)
    train(dataclasses.replace(config, epochs=1), run)
    resumed = resume(run, epochs=2)
    pairs = zip(expected.get_weights(), resumed.get_weights(), strict=True)
    assert all(np.array_equal(ours, theirs) for ours, theirs in pairs)

    image = np.random.default_rng(1).integers(0, 256, (19, 30, 3), np.uint8)
    painted = {}
    for way, label in (("to_b", (1.0, 0.0)), ("to_a", (0.0, 1.0))):
        translator = load(run, way)
        assert translator.direction == way
        painted[way] = translator(image)
        floats = np.float32(image[None]) / 127.5 - 1
        exact = (resumed.painter([floats, np.float32([label])]) + 1) * 127.5
        assert np.abs(painted[way] - exact[0]).max() <= 0.51
    assert load(run)(image).tolist() == painted["to_b"].tolist()
    assert np.abs(np.int32(painted["to_b"]) - painted["to_a"]).max() > 1
    with pytest.raises(ValueError, match="expected 'to_b' or 'to_a'"):
        load(run, "sideways")

    published = {item.path.name: item.path for item in export(run, formats="tflite")}
    published["1"] = export(run, formats="savedmodel", direction="to_b")[0].path
    assert set(published) == {"run_to_b.tflite", "run_to_a.tflite", "1"}
    for path, way in ((published["1"], "to_b"), (published["run_to_a.tflite"], "to_a")):
        translator = load(path)
        assert translator.direction == way
        assert np.abs(np.int32(translator(image)) - painted[way]).max() <= 1
    signatures = tf.saved_model.load(str(published["1"])).signatures
    with_label = signatures["serving_default_with_label"]
    other = with_label(image=image[None], label=tf.constant([[0.0, 1.0]]))
    gap = np.abs(np.int32(other["translated"][0]) - painted["to_a"])
    assert gap.max() <= 1
    assert {f"{n}_with_label" for n in ("float", "encoded")} <= signatures.keys()

    copied, ours, exported = evaluate([run, published["1"]], {})
    assert [line.direction for line in (copied, ours, exported)] == ["to_b"] * 3
    assert ours.scores.images == 4
    assert exported.scores.l1 == pytest.approx(ours.scores.l1, abs=1e-3)


class _Latent(MadeUp):
    ways = ()
    instead = "draw from it with its method sample"


def test_what_translates_nothing_is_refused_in_one_line(tmp_path):
    keras.saving.register_keras_serializable("made_up")(_Latent)
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Dense(3)])
    parts = [keras.models.clone_model(network) for _ in range(3)]
    path = tmp_path / "latent.keras"
    _Latent(*parts).save(path)
    for use in (load, export):
        with pytest.raises(ValueError, match="_Latent, which .*: draw from it with"):
            use(path)
