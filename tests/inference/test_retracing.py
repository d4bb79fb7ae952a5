"""TensorFlow does not warn of functions that are traced anew, whatever the sizes."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.translators import TINY, make_run, photos
from tfi2i import networks
from tfi2i.data.reading import read_image
from tfi2i.exports import export
from tfi2i.inference import load
from tfi2i.inference.engines import KerasEngine
from tfi2i.inference.fixed_statistics import FixedStatistics
from tfi2i.layers import Conv2D
from tfi2i.layers.convolution import fast_inference

_ORIENTATION = 0x0112


@pytest.fixture(autouse=True)
def _no_warning(caplog):
    yield
    told = [record.getMessage() for record in caplog.get_records("call")]
    assert not [line for line in told if "retracing" in line]


def test_what_would_be_told(caplog):
    """Else nothing here could fail."""

    def one():
        return tf.function(lambda: tf.constant(0))

    for _ in range(6):
        one()()
    assert "triggered tf.function retracing" in caplog.text
    caplog.clear()


@pytest.mark.slow
def test_many_translators_in_one_program():
    network = networks.resnet(0, filters=2)
    for index in range(6):
        engine = KerasEngine(network)
        engine(photos(1, 20 + index, 30))
        engine.run(np.float32(photos(1, 20, 30 + index)) / 255)


@pytest.mark.slow
def test_many_statistics():
    network = networks.resnet(0, filters=2)
    for _ in range(6):
        FixedStatistics(network).take(np.float32(photos(1, 32, 32)) / 255)


def test_many_shapes_through_fast_convolutions():
    with fast_inference():
        for width in range(6):
            layer = Conv2D(1, 3, pad=1)
            layer(tf.zeros((1, 8, 8 + width, 128)))


def test_files_of_every_orientation(tmp_path):
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        path = tmp_path / f"{orientation}.png"
        Image.fromarray(photos(1, 8, 6)[0]).save(path, exif=exif)
        read_image(path)


@pytest.mark.slow
def test_many_exports_of_many_sizes(tmp_path):
    run = tmp_path / "emoji"
    make_run(run, **TINY)
    for _ in range(3):
        export(run, formats=["savedmodel", "tflite", "onnx"])
    for _ in range(3):
        for path in [run, *(run / "export").glob("emoji*")]:
            translator = load(path)
            for side in (9, 20, 33):
                translator(photos(1, side, 16))
