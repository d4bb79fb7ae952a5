"""Which real images an export is compared on."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.translators import photos
from tfi2i.data import bundled
from tfi2i.data.pixels import PixelType
from tfi2i.exports.comparison_images import real_images
from tfi2i.recipes.config import DataConfig, TrainConfig
from tfi2i.recipes.named import get
from tfi2i.recipes.pix2pix import Pix2PixConfig
from tfi2i.recipes.resolve import resolve

SIZE = 64


@pytest.fixture
def folder(tmp_path):
    """Side by side: 2 images in val, of which one is twice there, 40 in train."""
    pairs = photos(42, SIZE, 2 * SIZE)
    for index, pair in enumerate([*pairs[:2], pairs[0], *pairs[2:]]):
        split = "val" if index < 3 else "train"
        path = tmp_path / "data" / split / f"{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pair).save(path)
    return tmp_path / "data", pairs


def _config(folder, **data):
    data = DataConfig(dir=folder and str(folder), crop_size=SIZE, **data)
    return resolve(TrainConfig(model=Pix2PixConfig(), data=data))


def test_other_splits_make_up_for_few_images(folder):
    folder, pairs = folder
    images = real_images(_config(folder), "a2b", 32)
    np.testing.assert_array_equal(images, pairs[:32, :, :SIZE])
    images = real_images(_config(folder, direction="b2a"), "b2a", 32)
    np.testing.assert_array_equal(images, pairs[:32, :, SIZE:])


def test_bundled_images_make_up_for_the_rest(folder):
    folder, pairs = folder
    images = real_images(_config(folder), "a2b", 60)
    np.testing.assert_array_equal(images[:42], pairs[:, :, :SIZE])
    assert len(np.unique(images, axis=0)) == 60


def test_no_more_is_decoded_than_compared(folder, caplog):
    folder, pairs = folder
    last = folder / "train" / "42.png"
    last.write_bytes(last.read_bytes()[:-2000])
    images = real_images(_config(folder), "a2b", 32)
    np.testing.assert_array_equal(images, pairs[:32, :, :SIZE])
    assert caplog.text == ""


def test_a_split_that_cannot_be_read_is_told(folder, caplog):
    folder, pairs = folder
    first = folder / "val" / "00.png"
    first.write_bytes(first.read_bytes()[:-2000])
    images = real_images(_config(folder), "a2b", 32)
    np.testing.assert_array_equal(images, pairs[2:34, :, :SIZE])
    assert "the run's val images: truncated or damaged images (1)" in caplog.text
    assert "00.png" in caplog.text


def test_images_that_have_moved(tmp_path, caplog):
    caplog.set_level(logging.INFO, "tfi2i")
    images = real_images(_config(tmp_path / "gone"), "a2b", 4)
    assert images.shape == (4, SIZE, SIZE, 3)
    assert "the run's images are not here" in caplog.text


def test_each_direction_of_a_cyclegan_has_its_own_domain():
    config = get("cyclegan-emoji").config
    config = resolve(replace(config, data=replace(config.data, dir=None)))
    # Side by side: the flat ones are A, the shaded ones are B.
    first = sorted((bundled() / "val").iterdir())[0]
    with Image.open(first) as image:
        pair = np.asarray(image.convert("RGB"))
    for direction, half in (("a2b", pair[:, :64]), ("b2a", pair[:, 64:])):
        (image,) = real_images(config, direction, 1)
        np.testing.assert_array_equal(image, half)


def test_edges_are_the_input_whatever_the_direction():
    config = resolve(get("edges2emoji").config)
    assert set(np.unique(real_images(config, "a2b", 2))) == {0, 255}


def test_grey_inputs_are_the_luma_of_colours(folder):
    folder, pairs = folder
    grey = real_images(_config(folder), "a2b", 4, PixelType.of(1))
    expected = [Image.fromarray(pair[:, :SIZE]).convert("L") for pair in pairs[:4]]
    gaps = grey[..., 0] - np.stack(expected).astype(float)
    assert np.abs(gaps).max() <= 1


def test_images_of_one_colour_are_passed_over(folder):
    folder, pairs = folder
    flat = np.full((SIZE, 2 * SIZE, 3), 200, np.uint8)
    Image.fromarray(flat).save(folder / "val" / "00.png")
    images = real_images(_config(folder), "a2b", 3)
    assert images.std(axis=(1, 2, 3)).min() > 1
