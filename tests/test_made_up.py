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
from tfi2i.recipes.resolve import resolve
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
    resumed.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served").serve(floats)
    np.testing.assert_allclose(served, resumed(floats), atol=1e-5)
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
    png = tf.io.encode_png(image)
    for name, arguments in (
        ("serving_default", {"image": tf.constant(image[None])}),
        ("float", {"image": tf.constant(np.float32(image[None]))}),
        ("encoded", {"image_bytes": png[None]}),
    ):
        labels = tf.constant([[0.0, 1.0]] * 2)
        with pytest.raises(tf.errors.InvalidArgumentError, match="different numbers"):
            signatures[f"{name}_with_label"](**arguments, label=labels)

    copied, ours, exported = evaluate([run, published["1"]], {})
    assert [line.direction for line in (copied, ours, exported)] == ["to_b"] * 3
    assert ours.scores.images == 4
    assert exported.scores.l1 == pytest.approx(ours.scores.l1, abs=1e-3)
    alone = tmp_path / "alone.tflite"
    alone.write_bytes(published["run_to_a.tflite"].read_bytes())
    assert load(alone, "to_a").direction == "to_a"
    with pytest.raises(ValueError, match="translates to_a, and lies in no run"):
        list(evaluate([alone], {"dir": config.data.dir, "crop_size": 16}))


def test_its_bfloat16_translates_in_float32(config, tmp_path):
    """Also operations that are no layers, such as the sum with a label's shift."""
    train(
        dataclasses.replace(config, precision="mixed_bfloat16", epochs=1),
        tmp_path / "run",
    )
    image = np.zeros((8, 8, 3), np.uint8)
    assert load(tmp_path / "run")(image).shape == image.shape


@keras.saving.register_keras_serializable("made_up")
class _Latent(MadeUp):
    ways = ()
    instead = "draw from it with its method sample"
    other_entries = ("a", "b", "label")

    def paint(self, batch):
        return {"real_a": batch["a"]}


@dataclasses.dataclass(frozen=True)
class _LatentConfig(MadeUpConfig):
    type = "latent"

    def ways(self, data):
        return ()

    def build(self, config):
        return _Latent(*super().build(config).networks.values())


def test_what_translates_nothing_trains_and_is_refused_in_one_line(
    config, tmp_path, monkeypatch
):
    monkeypatch.setattr(model_list, "MODELS", (*model_list.MODELS, _LatentConfig))
    run, path = tmp_path / "run", tmp_path / "latent.keras"
    config = dataclasses.replace(config, model=_LatentConfig(), epochs=1)
    model = train(dataclasses.replace(config, keep_best="val_s_label"), run)
    model.save(path)
    for source in (run, path):
        for use in (load, lambda one: load(one, "a2b"), export):
            with pytest.raises(ValueError, match="_Latent, which .*: draw from it"):
                use(source)
    image = np.zeros((1, 8, 8, 3), np.float32)
    with pytest.raises(ValueError, match="translates no images: draw from it"):
        model(image)
    with pytest.raises(ValueError, match='{"a": ..., "b": .*Received x and y'):
        model.fit(image, image)
    jittered = dataclasses.replace(config.data, color_jitter=0.1)
    with pytest.raises(ValueError, match="--data.color-jitter is 0.1; expected 0"):
        resolve(dataclasses.replace(config, data=jittered))
