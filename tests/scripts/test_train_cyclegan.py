"""The script that users copy, run as they run it."""

import keras
import numpy as np
import pytest
from PIL import Image

import tfi2i
from tests.scripts.running import run
from tests.translators import photos


@pytest.mark.slow
def test_trains_saves_and_paints(tmp_path):
    for folder, count in (("trainA", 4), ("trainB", 3), ("testA", 5), ("testB", 4)):
        (tmp_path / "images" / folder).mkdir(parents=True)
        for index, image in enumerate(photos(count, 40, 48, seed=len(folder))):
            Image.fromarray(image).save(tmp_path / "images" / folder / f"{index}.png")
    options = ["--size", "32", "--epochs", "2", "--filters", "4", "--blocks", "1"]
    run("train_cyclegan.py", "images", *options, cwd=tmp_path)
    model = keras.models.load_model(tmp_path / "cyclegan.keras")
    assert model.generator_optimizer.iterations.numpy() == 8
    assert model.pool_a.seen.numpy() == 8
    assert list((tmp_path / "logs").rglob("events.*"))
    with Image.open(tmp_path / "cyclegan.png") as image:
        panel = np.asarray(image)
    assert panel.shape == (4 * 32, 6 * 32, 3)
    test = tfi2i.data.unpaired(tmp_path / "images", split="test", crop_size=32)
    for column, domain in ((0, "a"), (3, "b")):
        real = np.concatenate([batch[domain].numpy()[0] for batch in test])
        shown = panel[:, 32 * column : 32 * (column + 1)] / 127.5 - 1
        assert np.abs(shown - real).max() < 2 / 255
