"""The demo as a newcomer runs it."""

import re

import pytest
from PIL import Image

from tests.test_cli import tfi2i
from tests.translators import exported, photos
from tfi2i.demo import translate_with_exports
from tfi2i.inference import load


@pytest.mark.slow
def test_demo_beats_its_baselines(tmp_path):
    run = tmp_path / "demo"
    done = tfi2i("demo", "--run", run, timeout=1800)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = dict(
        re.findall(r"^\W*([a-z0-9 ]*[a-z0-9])\W+(0\.\d+\W+0\.\d+)", done.stdout, re.M)
    )
    scores = {
        name: tuple(float(number) for number in re.findall(r"0\.\d+", numbers))
        for name, numbers in rows.items()
    }
    l1, ssim = scores["edges2emoji"]
    assert l1 <= 0.116 < scores["the mean image"][0] < scores["copying the input"][0]
    assert ssim >= 0.53 > scores["the mean image"][1] > scores["copying the input"][1]
    with Image.open(run / "demo.png") as picture:
        assert picture.size == (4 + 3 * 68, 4 + 6 * 68)
    (gap,) = re.findall(r"at most (\d+) of 255 levels from the trained", done.stdout)
    assert int(gap) <= 1
    for name in ("savedmodel", "tflite"):
        assert len(list((run / "translated" / name).iterdir())) == 6


@pytest.mark.slow
def test_exports_that_paint_something_else_end_the_demo(tmp_path_factory):
    _, run, published = exported(tmp_path_factory, "unet")
    inputs = photos(2, 64, 64)
    painted = load(run)(inputs)
    place = tmp_path_factory.mktemp("demo")
    assert translate_with_exports(published[:2], inputs, painted, place) <= 1
    for name in ("savedmodel", "tflite"):
        assert len(list((place / "translated" / name).iterdir())) == 2
    painted[1, 3, 4, 0] += 5
    with pytest.raises(ValueError, match="levels from what the trained model pain"):
        translate_with_exports(published[:2], inputs, painted, place)
