"""The demo as a newcomer runs it."""

import re

import pytest
from PIL import Image

from tests.test_cli import tfi2i


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
