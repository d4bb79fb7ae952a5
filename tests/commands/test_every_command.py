"""Each command in a process of its own, on a run with every option on."""

import re

import numpy as np
import pytest
from PIL import Image

from tests.test_cli import tfi2i
from tests.translators import photos

OPTIONS = """
    --data.crop-size 32 --sample-images 1 --epochs 2 --deterministic
    --model.generator.network resnet --model.generator.blocks 1
    --model.generator.filters 4 --model.generator.upsample resize_conv
    --model.generator.norm instance --model.generator.dropout 0.5
    --model.discriminator.filters 4 --model.discriminator.num-layers 1
    --model.discriminator.norm none --model.discriminator.spectral-norm
    --model.adversarial-loss hinge --model.l2-weight 1
    --optimizer.ema-momentum 0.9 --optimizer.clip-norm 1 --precision mixed_bfloat16
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    for split in ("train", "test"):
        for seed, side in enumerate("AB"):
            folder = place / "pairs" / split / side
            folder.mkdir(parents=True)
            for index, image in enumerate(photos(3, 32, 32, seed)):
                Image.fromarray(image).save(folder / f"{index}.png")
    _done(place, "train", "pix2pix", "--data.dir", "pairs", *OPTIONS.split())
    return place


def _done(place, *words):
    done = tfi2i(*words, cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.slow
def test_every_command(place):
    run, pairs = "saved_models/pix2pix", "pairs/train/A"
    _done(place, "translate", run, pairs, "out")
    _done(place, "translate", run, pairs, "noisy", "--stochastic", "--seed", "1")
    _done(place, "translate", f"{run}/model.keras", pairs, "same")
    _done(place, "export", run, "--formats", "onnx")
    _done(place, "translate", f"{run}/export/pix2pix_a2b.onnx", pairs, "onnx")
    table = _done(place, "evaluate", run, f"{run}/export/pix2pix_a2b.onnx")
    scores = re.findall(r"(\d+\.\d+)\s+(\d+\.\d+)\s+(-?\d+\.\d+)", table)
    assert scores[-1] == scores[-2]
    painted = {
        name: np.int32(Image.open(place / name / "0.png"))
        for name in ("out", "noisy", "same", "onnx")
    }
    for name in ("same", "onnx"):
        assert np.abs(painted["out"] - painted[name]).max() <= 1
    assert np.abs(painted["out"] - painted["noisy"]).max() > 0
    more = ("--data.dir", "pairs", "--init-from", run, "--run", "saved_models/more")
    _done(place, "train", "pix2pix", *more, *OPTIONS.split())
