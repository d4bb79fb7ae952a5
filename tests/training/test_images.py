"""Runs on images that are prepared in other ways than by default."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.recipes.changes import changed
from tfi2i.inference import load
from tfi2i.recipes import stored
from tfi2i.training.run import train


@pytest.fixture
def folder(config, tmp_path):
    """A copy of the images that nobody minds being changed."""
    return shutil.copytree(config.data.dir, tmp_path / "images")


def _losses(run):
    lines = (run / "metrics.jsonl").read_text().splitlines()
    names = ("g_l1", "d_real", "val_g_l1")
    return [[json.loads(line)[name] for name in names] for line in lines]


@pytest.mark.slow
def test_a_damaged_image_that_is_read_only_in_its_turn(config, folder, tmp_path):
    path = sorted((folder / "train").iterdir())[3]
    # The content tells the format, and its header is sound.
    Image.new("RGB", (128, 64)).save(path, "PNG")
    path.write_bytes(path.read_bytes()[:-30])
    unkept = changed(config, data__dir=str(folder), data__cache="off")
    message = "tfi2i data check .*/images names it; replace it, then train again"
    with pytest.raises(ValueError, match=message):
        train(unkept, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_where_images_are_kept_changes_no_loss(config, tmp_path):
    losses = []
    for cache in ("memory", "disk", "off"):
        train(changed(config, data__cache=cache), tmp_path / cache)
        losses.append(_losses(tmp_path / cache))
    assert losses[0] == losses[1] == losses[2]


@pytest.mark.slow
def test_grey_photographs_into_colours(config, tmp_path):
    """One channel in, three out, oblong, and what the run says of it."""
    grey = changed(
        config,
        data__input="grayscale",
        data__crop_width=64,
        data__load_size=None,
        data__rotate=5.0,
        data__color_jitter=0.1,
    )
    run = tmp_path / "run"
    model = train(grey, run)
    assert model.generator.input_shape[-1] == 1
    assert model.generator.output_shape[-1] == 3
    data = stored.read(run).data
    assert (data.domain_a.channels, data.domain_b.channels) == (1, 3)
    panel = np.asarray(Image.open(run / "samples" / "epoch_0002.png"))
    rows, gap = config.sample_images, 4
    assert panel.shape == (rows * (32 + gap) + gap, 3 * (64 + gap) + gap, 3)
    photo = np.asarray(Image.open(next((run / "samples").iterdir())).convert("RGB"))
    assert load(run)(Image.fromarray(photo)).size == (photo.shape[1], photo.shape[0])


@pytest.mark.slow
@pytest.mark.parametrize("preprocess", ["scale_width", "none"])
def test_whole_images_of_several_sizes(config, folder, tmp_path, preprocess):
    for index, path in enumerate(sorted((folder / "train").iterdir())):
        image = Image.open(path).resize((128 + 32 * (index % 2), 64 + 16 * (index % 3)))
        image.save(path)
    whole = changed(
        config, data__dir=str(folder), data__preprocess=preprocess, data__batch_size=1
    )
    train(changed(whole, data__load_size=None), tmp_path / "run")
    assert np.isfinite(_losses(tmp_path / "run")).all()
