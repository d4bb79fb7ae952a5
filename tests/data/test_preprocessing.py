"""Modes, caches and made inputs, from files to batches."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.data.conftest import in_pairs, levels, one_line, picture, save
from tfi2i.data import PairedData, UnpairedData, derived_inputs, paired, unpaired
from tfi2i.data.pixel_lookup import PixelRequest

SHAPES = [(40, 60), (50, 40), (44, 44), (64, 48)]


@pytest.fixture
def photos(tmp_path):
    """Pairs of several sizes; B is the negative of A."""
    for index, shape in enumerate(SHAPES):
        image = picture(*shape, seed=index)
        save(tmp_path / f"train/A/{index}.png", image)
        save(tmp_path / f"train/B/{index}.png", 255 - image)
    return tmp_path


def test_crops_are_windows_of_the_whole_images(photos):
    data = PairedData.load(photos, preprocess="crop", crop_size=(16, 32))
    assert data.images["a"].image_shape == (None, None, 3)
    whole = [np.asarray(Image.open(photos / f"train/A/{i}.png")) for i in range(4)]
    for index, image in enumerate(whole):
        np.testing.assert_array_equal(data.images["a"][index], image)
    batches = data.training(batch_size=2, crop_size=(16, 32), epochs=3, flip=False)
    seen = set()
    for real_a, real_b in levels(batches):
        assert real_a.shape == (2, 16, 32, 3)
        np.testing.assert_array_equal(real_a, 255 - real_b)
        for crop in real_a.astype(np.uint8):
            seen.add(next(i for i, image in enumerate(whole) if _holds(image, crop)))
    assert seen == {0, 1, 2, 3}


def _holds(image, crop):
    windows = np.lib.stride_tricks.sliding_window_view(image, crop.shape)
    return (windows == crop).all(axis=(-3, -2, -1)).any()


def test_scaled_widths_keep_shapes(photos):
    sizes = {"load_size": 32, "crop_size": 16}
    dataset = paired(photos, preprocess="scale_width", flip=False, **sizes)
    assert dataset.element_spec["a"].shape.as_list() == [1, None, 32, 3]
    shapes = {real_a.shape[1:3] for real_a, _ in in_pairs(dataset)}
    # Heights 21, 40, 32 and 42, rounded to multiples of 4, 10.5 to even.
    assert {tuple(shape) for shape in shapes} == {(20, 32), (40, 32), (32, 32)}
    cropped = paired(photos, preprocess="scale_width_and_crop", batch_size=4, **sizes)
    assert cropped.element_spec["a"].shape == (4, 16, 16, 3)


def test_whole_images_go_one_by_one(photos):
    data = PairedData.load(photos, preprocess="none")
    shapes = [real_a.shape[1:3] for real_a, _ in in_pairs(data.evaluation(1))]
    assert [tuple(s) for s in shapes] == [(40, 60), (48, 40), (44, 44), (64, 48)]
    for refused in (
        lambda: data.training(batch_size=2, crop_size=None, epochs=1),
        lambda: data.evaluation(2),
    ):
        with pytest.raises(
            ValueError, match="batch-size is 2, expected 1: these image"
        ):
            refused()
    middle, _ = levels(data.evaluation(1, crop_size=(8, 6)))[0]
    np.testing.assert_array_equal(middle[0], data.images["a"][0][16:24, 27:33])


def test_images_smaller_than_the_crop_are_named(photos):
    with pytest.raises(ValueError) as error:
        PairedData.load(photos, preprocess="crop", crop_size=48)
    assert "images too small (3)" in one_line(error)
    assert "train/A/0.png' (40x60 is smaller than the crop of 48)" in one_line(error)


def test_pairs_of_different_sizes_are_named(photos):
    save(photos / "train/B/2.png", picture(44, 46))
    with pytest.raises(
        ValueError, match=r"different sizes \(1\): '2' \(44x44 and 44x46"
    ):
        PairedData.load(photos, preprocess="none", multiple=2)
    assert len(PairedData.load(photos, load_size=20)) == 4


@pytest.mark.parametrize("cache", ["disk", "off"])
@pytest.mark.parametrize("layout", ["folders", "side_by_side", "targets"])
def test_where_images_are_kept_changes_nothing(tmp_path, cache, layout):
    for index in range(3):
        image = picture(20, 48, seed=index)
        if layout == "folders":
            save(tmp_path / f"train/A/{index}.png", image[:, :24])
            save(tmp_path / f"train/B/{index}.jpg", image[:, 24:])
        else:
            save(tmp_path / f"train/{index}.png", image)
    options = {"layout": layout, "load_size": 18, "crop_size": 16, "batch_size": 3}
    if layout == "targets":
        options["input"] = "edges"
    expected = levels(paired(tmp_path, cache="memory", **options))
    found = levels(paired(tmp_path, cache=cache, **options))
    np.testing.assert_array_equal(found, expected)


def test_unpaired_halves_off_the_cache(tmp_path):
    for index in range(3):
        save(tmp_path / f"train/{index}.png", picture(20, 48, seed=index))
    arrays = [
        levels(unpaired(tmp_path, load_size=18, crop_size=16, cache=cache))
        for cache in ("memory", "off")
    ]
    np.testing.assert_array_equal(*arrays)


def test_colourisation_and_super_resolution_need_photographs_only(tmp_path):
    images = [picture(32, 32, seed=index) for index in range(2)]
    for index, image in enumerate(images):
        save(tmp_path / f"train/{index}.png", image)
    grey = PairedData.load(tmp_path, input="grayscale", load_size=32)
    small = PairedData.load(tmp_path, input="downscale", downscale=2, load_size=32)
    assert grey.images["a"].image_shape == (32, 32, 1)
    for index, image in enumerate(images):
        np.testing.assert_array_equal(grey.images["b"][index], image)
        np.testing.assert_array_equal(small.images["b"][index], image)
        expected = derived_inputs.Derivation("downscale", 2)(tf.constant(image))
        np.testing.assert_array_equal(small.images["a"][index], expected)
    (batch,) = in_pairs(paired(tmp_path, input="grayscale", crop_size=32, batch_size=2))
    assert [side.shape[-1] for side in batch] == [1, 3]


def test_only_inputs_change_their_colours(tmp_path):
    for index in range(2):
        image = picture(24, 24, seed=index)
        save(tmp_path / f"train/A/{index}.png", image)
        save(tmp_path / f"train/B/{index}.png", image)
    sizes = {"load_size": 24, "crop_size": 24, "flip": False, "batch_size": 2}
    (plain,) = in_pairs(paired(tmp_path, **sizes))
    ((real_a, real_b),) = in_pairs(paired(tmp_path, color_jitter=0.5, **sizes))
    np.testing.assert_array_equal(real_b, plain[1])
    assert np.abs(real_a - plain[0]).mean() > 0.01
    (turned,) = in_pairs(paired(tmp_path, rotate=20.0, **sizes))
    np.testing.assert_array_equal(*turned)
    assert np.abs(turned[0] - plain[0]).mean() > 0.01


def test_labels_keep_their_values(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 90, 200], (30, 30, 3)).astype(np.uint8)
    save(tmp_path / "train/A/1.png", picture(30, 30))
    save(tmp_path / "train/B/1.png", labels)
    nearest = PixelRequest(method="nearest")
    data = PairedData.load(tmp_path, load_size=47, domain_b=nearest)
    assert set(np.unique(data.images["b"])) == {0, 90, 200}
    assert len(np.unique(data.images["a"])) > 3
    assert data.methods == {"a": "bicubic", "b": "nearest"}
    swapped = data.swapped()
    np.testing.assert_array_equal(swapped.images["a"], data.images["b"])
    assert swapped.methods == {"a": "nearest", "b": "bicubic"}
    made = PairedData.load(
        tmp_path, load_size=47, domain_b=nearest, input="downscale", downscale=3
    )
    assert set(np.unique(made.images["a"])) <= {0, 90, 200}


def test_images_are_read_by_size(tmp_path):
    for name in ("trainA", "trainB"):
        save(tmp_path / name / "1.png", picture(30, 20))
    data = UnpairedData.load(tmp_path, load_size=(20, 10))
    assert data.images["a"].shape == (1, 20, 10, 3)


def test_names_of_domains_change_nothing_else(photos):
    """The other domain's colours may change as well; all else is to the bit."""
    data = PairedData.load(
        photos, load_size=(24, 30), domain_b=PixelRequest(method="nearest")
    )
    how = {"batch_size": 2, "crop_size": 20, "epochs": 2, "rotate": 20.0, "seed": 3}
    there = in_pairs(data.training(**how, color_jitter=0.5, jittered="b"))
    back = in_pairs(data.swapped().training(**how, color_jitter=0.5))
    for (real_a, real_b), (other_a, other_b) in zip(there, back, strict=True):
        np.testing.assert_array_equal(real_a, other_b)
        np.testing.assert_array_equal(real_b, other_a)
    for (real_a, real_b), (plain_a, plain_b) in zip(
        there, in_pairs(data.training(**how)), strict=True
    ):
        np.testing.assert_array_equal(real_a, plain_a)
        assert np.abs(real_b - plain_b).mean() > 0.01
