"""A network with a label, which is bound to a constant."""

import keras
import numpy as np
import pytest

from tests.translators import photos, randomize
from tfi2i.exports.onnx import write_onnx
from tfi2i.exports.saved_model import write_float_model, write_saved_model
from tfi2i.exports.tflite import write_tflite
from tfi2i.inference.engines import KerasEngine, SavedModelEngine, TFLiteEngine
from tfi2i.inference.noise import with_noise
from tfi2i.inference.onnx_engine import OnnxEngine
from tfi2i.inference.receptive_field import reach, statistics_layers
from tfi2i.inference.size_padding import size_rule
from tfi2i.inference.tiles import tiled_generator
from tfi2i.layers import InstanceNormalization, RequireMultiple
from tfi2i.models.extra_inputs import bind_defaults
from tfi2i.network_sizes import SizeRule

LABEL = [0.0, 1.0, 0.5]


def _labelled(has_norm):
    """A network whose features are shifted and scaled by what it makes of a label."""
    image = keras.Input((None, None, 3), name="image")
    label = keras.Input((3,), name="label")
    x = RequireMultiple(4, "Resize them", name="size")(image)
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(x)
    x = keras.layers.Add()([x, _planes(label)])
    if has_norm:
        x = InstanceNormalization()(x)
    x = keras.layers.Dropout(0.5)(x)
    x = keras.layers.Multiply()([x, _planes(label)])
    x = keras.layers.UpSampling2D()(x)
    x = keras.layers.Conv2D(3, 3, padding="same", activation="tanh")(x)
    network = keras.Model([image, label], x)
    randomize(network)
    return network


def _planes(label):
    return keras.layers.Reshape((1, 1, 4))(keras.layers.Dense(4)(label))


def _images(count, height, width):
    return np.float32(photos(count, height, width) / 127.5 - 1)


def _with_label(network, images):
    labels = np.float32([LABEL] * len(images))
    return network([images, labels], training=False).numpy()


@pytest.mark.parametrize("has_norm", [False, True])
def test_paints_as_with_the_label(has_norm):
    network = _labelled(has_norm)
    alone = bind_defaults(network, {"label": LABEL})
    assert size_rule(alone) == SizeRule(4, 4)
    assert len(statistics_layers(alone)) == has_norm
    images = _images(2, 32, 44)
    expected = _with_label(network, images)
    np.testing.assert_allclose(KerasEngine(alone).run(images), expected, atol=1e-6)
    # The label makes a difference.
    other = bind_defaults(network, {"label": [1.0, 0.0, 0.0]})
    assert np.abs(KerasEngine(other).run(images) - expected).max() > 0.01
    noisy = KerasEngine(with_noise(alone, 0)).run(images)
    assert np.abs(noisy - expected).max() > 0.01


def test_tiles_equal_the_whole_image():
    """A constant is reached by no pixel."""
    alone = bind_defaults(_labelled(False), {"label": LABEL})
    # The second kernel sees one pixel on; the first, at half the resolution, two more.
    assert reach(alone) == 3
    image = _images(1, 71, 93)
    engine, remark = tiled_generator(alone, 48)
    assert remark is None
    whole = KerasEngine(alone).run(image)
    np.testing.assert_allclose(engine.run(image), whole, rtol=0, atol=1e-6)


def test_statistics_of_the_whole_image():
    """There is one layer of them, and it takes them after the label was added."""
    alone = bind_defaults(_labelled(True), {"label": LABEL})
    engine, _ = tiled_generator(alone, 48, "whole")
    image = _images(1, 40, 41)
    engine._fixed.take(image)
    painted = KerasEngine(engine._fixed.generator).run(image)
    whole = KerasEngine(alone).run(image)
    np.testing.assert_allclose(painted, whole, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_exports_and_keras_files(tmp_path):
    alone = bind_defaults(_labelled(True), {"label": LABEL})
    images = _images(2, 30, 41)
    expected = KerasEngine(alone).run(images)
    write_saved_model(alone, tmp_path / "saved")
    write_float_model(alone, tmp_path / "float", None)
    write_tflite(tmp_path / "float", tmp_path / "a.tflite", "none")
    write_onnx(alone, tmp_path / "a.onnx")
    alone.save(tmp_path / "a.keras")
    for engine in (
        SavedModelEngine(tmp_path / "saved"),
        TFLiteEngine(tmp_path / "a.tflite"),
        OnnxEngine(tmp_path / "a.onnx"),
        KerasEngine(keras.models.load_model(tmp_path / "a.keras")),
    ):
        np.testing.assert_allclose(engine.run(images), expected, rtol=0, atol=1e-5)
