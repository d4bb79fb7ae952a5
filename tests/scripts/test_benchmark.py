"""The benchmark: its sums, and both sides on a few images."""

import importlib.util

import numpy as np
import pytest
from PIL import Image

from tests.scripts.running import SCRIPTS

SPEC = importlib.util.spec_from_file_location("benchmark", SCRIPTS / "benchmark.py")
benchmark = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(benchmark)

OPTIONS = {"batch_size": 2, "load_size": 36, "crop_size": 32, "warm_epochs": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    draw = np.random.default_rng(0)
    for name, number in (("trainA", 5), ("trainB", 7)):
        (folder / name).mkdir()
        for index in range(number):
            pixels = draw.integers(0, 256, (40, 48, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


def test_the_best_of_the_others_counts():
    found = {
        "tfi2i": [([2.0, 1.0, 1.0], 100), ([4.0, 1.0, 3.0], 100), ([2.0, 1, 1], 100)],
        "PyTorch, 0 workers": [([4.0, 5.0, 5.0], 100)] * 3,
        "PyTorch, 2 workers": [([5.0, 2.0, 2.0], 100)] * 3,
    }
    result = benchmark.compared(found)
    assert result["images_per_second"]["tfi2i"] == {"cold": 50, "warm": 100}
    assert result["ratio"] == {"cold": 2.0, "warm": 2.0}


@pytest.mark.slow
def test_our_side_sees_every_step(folder):
    seconds, images = benchmark.epochs_of_ours(folder, OPTIONS)
    # Seven steps of an epoch, less the half batch, of two images of either domain.
    assert len(seconds) == 3 and min(seconds) > 0
    assert images == 3 * 4


@pytest.mark.slow
def test_the_other_side_sees_as_many(folder):
    pytest.importorskip("torch")
    seconds, images = benchmark.epochs_of_torch(folder, OPTIONS, workers=0)
    assert len(seconds) == 3 and images == 3 * 4


def test_a_folder_without_its_halves_is_named(tmp_path):
    with pytest.raises(SystemExit, match="trainA' is no folder"):
        list(benchmark._sides(tmp_path))


@pytest.mark.parametrize(
    "words", [("data",), ("data", "--data.dir", "x", "--rounds=0")]
)
def test_mistakes_end_with_a_line(words, capsys):
    with pytest.raises(SystemExit) as caught:
        benchmark.main(words)
    assert caught.value.code == 2
    assert "error" in capsys.readouterr().err.splitlines()[-1]
