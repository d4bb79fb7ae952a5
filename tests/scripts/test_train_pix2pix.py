"""The script that users copy, run as they run it."""

import shutil

import keras
import numpy as np
import pytest
from PIL import Image

import tfi2i
from tests.scripts.running import run


@pytest.mark.slow
def test_trains_saves_and_paints(tmp_path):
    for split, count in (("train", 4), ("test", 4)):
        (tmp_path / "pairs" / split).mkdir(parents=True)
        for path in sorted((tfi2i.data.bundled() / split).glob("*.webp"))[:count]:
            shutil.copy(path, tmp_path / "pairs" / split)
    options = ["--size", "32", "--epochs", "2", "--filters", "4", "--batch-size", "2"]
    run("train_pix2pix.py", "pairs", *options, cwd=tmp_path)
    model = keras.models.load_model(tmp_path / "pix2pix.keras")
    assert model.generator_optimizer.iterations.numpy() == 4
    assert list((tmp_path / "logs").rglob("events.*"))
    with Image.open(tmp_path / "pix2pix.png") as image:
        panel = np.asarray(image)
    assert panel.shape == (4 * 32, 3 * 32, 3)
    # The last column is the truth: the right half of each test image.
    test = tfi2i.data.paired(tmp_path / "pairs", split="test", crop_size=32)
    truth = np.concatenate([batch["b"].numpy()[0] for batch in test])
    difference = panel[:, 64:] / 127.5 - 1 - truth
    assert np.abs(difference).max() < 2 / 255
