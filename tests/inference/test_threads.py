"""Every engine paints for several threads what it paints for one."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.translators import exported, photos
from tfi2i.exports.onnx import write_onnx
from tfi2i.files import stderr_aside
from tfi2i.inference import load

SIZES = ((24, 24), (37, 21), (24, 40))
WAYS = {
    "keras": {},
    "noise": {"noise_seed": 1},
    "tiles": {"tile": 32, "tile_statistics": "whole"},
    "savedmodel": {},
    "tflite": {},
    "onnx": {},
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A ResNet with dropout, that normalizes by what it paints."""
    generator, run, _ = exported(tmp_path_factory, "resnet")
    onnx = tmp_path_factory.mktemp("onnx") / "emoji_a2b.onnx"
    write_onnx(generator, onnx)
    export = run / "export"
    others = {
        "savedmodel": export / "emoji_a2b",
        "tflite": export / "emoji_a2b.tflite",
        "onnx": onnx,
    }
    return {way: others.get(way, run) for way in WAYS}


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(way, marks=[pytest.mark.slow] * (way in ("noise", "tiles")))
        for way in WAYS
    ],
)
def test_threads_share_a_translator(sources, way):
    translator = load(sources[way], **WAYS[way])
    images = [photos(1, *size, seed)[0] for seed in range(5) for size in SIZES]
    expected = [np.int32(translator(image)) for image in images]
    fresh = load(sources[way], **WAYS[way])
    with ThreadPoolExecutor(4) as pool:
        painted = list(pool.map(fresh, images * 2))
    for one, other in zip(painted, expected * 2, strict=True):
        # A shape that comes often gets a graph of its own, which rounds otherwise.
        assert np.abs(one - other).max() <= 1


def test_stderr_comes_back_after_threads(capfd):
    def quiet(number):
        with stderr_aside():
            os.write(2, b"note\n")
        return number

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(quiet, range(64))) == list(range(64))
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"
