"""Layers that Keras computes otherwise, or not at all, where sizes are free."""

import keras
import numpy as np
import pytest

from tfi2i.exports.saved_model import write_float_model
from tfi2i.exports.tflite import write_tflite
from tfi2i.inference.engines import KerasEngine, TFLiteEngine


def _network(size, interpolation):
    """Upsampling between convolutions, inside a model of its own, and back."""
    image = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(3, 3, padding="same")(image)
    up = keras.layers.UpSampling2D(size, interpolation=interpolation)
    x = keras.Sequential([up])(x)
    x = keras.layers.Conv2D(2, 3, padding="same")(x)
    return keras.Model(image, keras.layers.MaxPooling2D(size)(x))


@pytest.mark.parametrize(
    ("size", "interpolation"),
    [((2, 2), "nearest"), ((5, 7), "nearest"), ((3, 1), "bilinear")],
)
def test_upsampling_at_free_sizes(tmp_path, size, interpolation):
    network = _network(size, interpolation)
    write_float_model(network, tmp_path / "float", None)
    write_tflite(tmp_path / "float", tmp_path / "a.tflite", "none")
    engines = KerasEngine(network), TFLiteEngine(tmp_path / "a.tflite")
    for shape in [(1, 5, 7), (2, 1, 1), (1, 33, 2)]:
        images = np.random.default_rng(0).uniform(-1, 1, (*shape, 2))
        images = np.float32(images)
        # Called on an array, Keras knows its size.
        expected = network(images)
        for engine in engines:
            np.testing.assert_allclose(engine.run(images), expected, atol=1e-6)


def test_what_tflite_has_not_is_one_line(tmp_path):
    write_float_model(_network((2, 2), "bicubic"), tmp_path / "float", None)
    with pytest.raises(
        ValueError, match=r"it has no tf\.ResizeBicubic\): .* --formats"
    ):
        write_tflite(tmp_path / "float", tmp_path / "a.tflite", "none")
    assert not (tmp_path / "a.tflite").exists()
