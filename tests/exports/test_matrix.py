"""Every kind of network through every export, at sizes down to one pixel."""

import itertools

import numpy as np
import pytest

from tests.translators import by_hand, randomize
from tfi2i import networks
from tfi2i.data.pixels import PixelType
from tfi2i.exports.onnx import write_onnx
from tfi2i.exports.saved_model import write_float_model, write_saved_model
from tfi2i.exports.tflite import write_tflite
from tfi2i.inference.engines import SavedModelEngine, TFLiteEngine
from tfi2i.inference.onnx_engine import OnnxEngine

KINDS = {
    "unet": lambda **options: networks.unet(5, filters=2, **options),
    "resnet": lambda **options: networks.resnet(1, filters=4, **options),
}
NORMS = {
    "instance": {"norm": "instance"},
    "affine": {"norm": "instance_affine"},
    "image": {"norm": "batch", "statistics": "image"},
    "stored": {"norm": "batch", "statistics": "stored"},
    "none": {"norm": "none"},
}
UPSAMPLES = ("transpose", "resize_conv", "subpixel")
CHANNELS = (1, 3, 4)
CASES = list(itertools.product(KINDS, NORMS, UPSAMPLES))
WORST = {"unet": 2e-5, "resnet": 2e-4}
SHAPES = [(2, 37, 50), (1, 1, 1), (1, 1, 3), (3, 2, 1), (1, 15, 17)]


def _inputs(channels):
    """Noise of several sizes, and one image of one colour."""
    draw = np.random.default_rng(0)
    images = [draw.uniform(-1, 1, (*shape, channels)) for shape in SHAPES]
    colour = draw.uniform(-1, 1, channels)
    images.append(np.broadcast_to(colour, (1, 40, 24, channels)))
    return [np.float32(image) for image in images]


def _engines(generator, folder):
    pixels = [PixelType.of(generator.input_shape[-1])]
    pixels += [PixelType.of(generator.output_shape[-1])]
    write_saved_model(generator, folder / "saved", "white", *pixels)
    write_onnx(generator, folder / "a.onnx")
    write_float_model(generator, folder / "float", None)
    write_tflite(folder / "float", folder / "a.tflite", "none")
    write_tflite(folder / "float", folder / "b.tflite", "float16")
    exact = {
        "savedmodel": SavedModelEngine(folder / "saved"),
        "onnx": OnnxEngine(folder / "a.onnx"),
        "tflite": TFLiteEngine(folder / "a.tflite"),
    }
    return exact, TFLiteEngine(folder / "b.tflite")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("index", "case"),
    list(enumerate(CASES)),
    ids=["-".join(case) for case in CASES],
)
def test_every_network_leaves_in_every_format(tmp_path, index, case):
    kind, norm, upsample = case
    taken, painted = CHANNELS[index % 3], CHANNELS[index // 2 % 3]
    channels = {"in_channels": taken, "out_channels": painted}
    generator = KINDS[kind](**NORMS[norm], upsample=upsample, **channels)
    randomize(generator)
    exact, small = _engines(generator, tmp_path)
    for images in _inputs(taken):
        expected = by_hand(generator, images)
        assert expected.shape == (*images.shape[:3], painted)
        for name, engine in exact.items():
            gap = np.abs(engine.run(images) - expected)
            assert gap.mean() <= 1e-5, (name, images.shape)
            assert gap.max() <= WORST[kind], (name, images.shape)
        assert np.abs(small.run(images) - expected).max() < 0.05, images.shape
