"""What runs a generator, where it cannot."""

import numpy as np
import pytest
import tensorflow as tf

from tests.translators import photos
from tfi2i import networks
from tfi2i.inference import engines
from tfi2i.inference.engines import SavedModelEngine, TFLiteEngine


def _write(folder, name, function, shape=(None, None, None, 3)):
    """Writes a SavedModel with one signature, and the same as `.tflite`."""
    module = tf.Module()
    spec = tf.TensorSpec(shape, tf.float32, name="image")
    module.function = tf.function(function, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures={name: module.function})
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(folder), signature_keys=[name]
    )
    (folder / "a.tflite").write_bytes(converter.convert())
    return folder


@pytest.fixture(scope="module")
def eight_wide(tmp_path_factory):
    """Negates images that are 8 pixels wide; fails on those of 9."""

    def negate(image):
        return {"translated": -tf.reshape(image, (-1, 8, 8, 3))}

    return _write(tmp_path_factory.mktemp("model"), "float", negate)


def test_an_image_that_litert_cannot_run_is_one_error(eight_wide, capfd):
    engine = TFLiteEngine(eight_wide / "a.tflite")
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="LiteRT does not run at 9x9 pixels .*: not e"):
        engine(np.zeros((1, 9, 9, 3), np.uint8))
    # The next ones are painted as if nothing had been.
    np.testing.assert_array_equal(engine(images), 255 - images)
    with pytest.raises(ValueError, match="LiteRT does not run at 9x9 pixels"):
        engine(np.zeros((1, 9, 9, 3), np.uint8))
    np.testing.assert_array_equal(engine(images), 255 - images)
    assert capfd.readouterr().err == ""


def test_a_file_for_one_image_takes_batches(tmp_path):
    _write(tmp_path, "float", lambda image: {"translated": -image}, (1, 8, 6, 3))
    engine = TFLiteEngine(tmp_path / "a.tflite")
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 6, 3), np.uint8)
    np.testing.assert_array_equal(engine(images), 255 - images)
    with pytest.raises(ValueError, match=r"shape \(1, 8, 6, 3\). Received \(1, 6, 8,"):
        engine(np.zeros((2, 6, 8, 3), np.uint8))


def test_saved_models_of_others(eight_wide, tmp_path):
    with pytest.raises(ValueError, match="it has no signature serving_default"):
        SavedModelEngine(eight_wide)
    _write(tmp_path, "serving_default", lambda image: {"class": image[:, 0, 0]})
    with pytest.raises(ValueError, match="has other inputs and outputs"):
        SavedModelEngine(tmp_path)


def test_a_path_that_tensorflow_takes_for_a_pattern(tmp_path):
    with pytest.raises(ValueError, match="no SavedModel below a path with one of"):
        SavedModelEngine(tmp_path / "run [1]")


def test_shapes_that_come_often_are_painted_alike():
    generator = networks.resnet(num_blocks=1, filters=32, seed=0)
    engine = engines.KerasEngine(generator)
    image = photos(1, 64, 64)
    small = photos(1, 30, 64)
    first, first_small = engine(image), engine(small)
    floats = np.float32(image) / 127.5 - 1
    exact = engine.run(floats)
    for _ in range(engines._CALLS_BEFORE_GRAPH):
        last, last_small = engine(image), engine(small)
    assert list(engine._own_graphs) == [image.shape]
    assert np.abs(first.astype(int) - last).max() <= 1
    np.testing.assert_allclose(engine.run(floats), exact, rtol=0, atol=2e-5)
    engine(photos(2, 64, 32))
    engine(photos(3, 64, 32))
    assert list(engine._own_graphs) == [image.shape, (2, 64, 32, 3)]
    # What has to be padded keeps to the graph for any size.
    np.testing.assert_array_equal(first_small, last_small)
