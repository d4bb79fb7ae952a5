import cv2
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.data.conftest import picture
from tfi2i.data import transforms

levels = np.arange(256, dtype=np.uint8)
seeds = st.integers(-(2**63), 2**63 - 1)


def coordinates(height: int, width: int) -> np.ndarray:
    """An image whose values say where a pixel came from."""
    rows, columns = np.meshgrid(range(height), range(width), indexing="ij")
    return np.stack([rows, columns, rows * 0], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ((256, 256), (286, 286)),
        ((256, 256), (144, 144)),
        ((64, 64), (72, 72)),
        ((300, 500), (70, 70)),
        ((37, 53), (64, 16)),
    ],
)
def test_resize_agrees_with_pillow(source, target):
    image = picture(*source, seed=3)
    ours = transforms.resize(image, *target).numpy().astype(int)
    resized = Image.fromarray(image).resize(target[::-1], Image.Resampling.BICUBIC)
    difference = np.abs(ours - np.asarray(resized))
    # Pillow rounds between its two passes, so the last level may differ.
    assert difference.max() <= 2
    assert (difference > 1).mean() < 1e-4
    assert (difference > 0).mean() < 0.25


def test_resize_clips_overshoot():
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, 4:] = 255
    resized = transforms.resize(image, 32, 32).numpy()
    middle = resized[16, :, 0].astype(int)
    assert (np.diff(middle)[8:24] >= 0).all()
    assert set(np.unique(middle[:10])) <= set(range(16))


def test_resize_to_its_own_size_changes_nothing():
    image = picture(33, 21)
    np.testing.assert_array_equal(transforms.resize(image, 33, 21), image)


@settings(deadline=None)
@given(st.integers(0, 255))
def test_resize_keeps_a_flat_colour(level):
    image = np.full((9, 7, 3), level, np.uint8)
    assert (transforms.resize(image, 20, 5).numpy() == level).all()


def test_levels_come_back_exactly():
    floats = transforms.to_float(levels)
    assert floats.dtype == tf.float32
    assert (floats[0], floats[-1]) == (-1.0, 1.0)
    np.testing.assert_array_equal(transforms.to_uint8(floats), levels)
    for dtype in (tf.float16, tf.float64):
        back = transforms.to_uint8(tf.cast(floats, dtype))
        np.testing.assert_array_equal(back, levels)


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1), st.floats(-0.49, 0.49))
def test_to_uint8_rounds_to_nearest(values, offset):
    values = np.array(values)
    floats = (values + offset) / 127.5 - 1
    expected = np.clip(np.rint(np.clip(values + offset, 0, 255)), 0, 255)
    np.testing.assert_array_equal(transforms.to_uint8(floats), expected)


def test_to_uint8_clips():
    values = transforms.to_uint8([-9.0, -1.001, 1.001, 9.0]).numpy()
    assert values.tolist() == [0, 0, 255, 255]


@tf.function
def in_graph(first, second, flip, seed):
    return transforms.jitter(first, second, crop_size=5, flip=flip, seed=seed)


@settings(deadline=None)
@given(seed=st.tuples(seeds, seeds), flip=st.booleans())
def test_jitter_is_one_window_for_both_images(seed, flip):
    first = coordinates(9, 8)
    second = 255 - first
    seed = tf.constant(seed, tf.int64)
    one, two = in_graph(first, second, tf.constant(flip), seed)
    np.testing.assert_array_equal(one, 255 - two.numpy())
    top, left = one.numpy()[0, :, :2].min(axis=0)
    window = first[top : top + 5, left : left + 5]
    mirrored = not np.array_equal(one, window)
    if mirrored:
        assert flip
        np.testing.assert_array_equal(one, window[:, ::-1])
    # the same seed gives the same pictures, in a graph and without
    again = transforms.jitter(first, second, crop_size=5, flip=flip, seed=seed)
    np.testing.assert_array_equal(one, again[0])


def test_jitter_reaches_every_window_alike():
    image = coordinates(7, 8)
    drawn = tf.data.Dataset.range(4000).map(
        lambda i: transforms.jitter(
            image, crop_size=5, flip=True, seed=tf.stack([i, tf.constant(7, tf.int64)])
        )[0]
    )
    drawn = np.stack(list(drawn.as_numpy_iterator()))
    tops, lefts = drawn[:, 0, 0, 0], drawn[:, 0, :, 1].min(axis=1)
    mirrored = drawn[:, 0, 0, 1] > drawn[:, 0, 1, 1]
    counts = np.zeros((3, 4, 2))
    np.add.at(counts, (tops, lefts, mirrored.astype(int)), 1)
    # 167 each expected, standard deviation 12.6
    assert counts.min() > 110 and counts.max() < 225


def test_jitter_of_the_whole_image():
    image = coordinates(5, 5)
    (same,) = transforms.jitter(image, crop_size=5, flip=False, seed=[1, 2])
    np.testing.assert_array_equal(same, image)


def test_edges_are_black_lines_on_white():
    image = np.full((40, 40, 3), 255, np.uint8)
    image[10:30, 10:30] = (200, 30, 30)
    lines = transforms.edges(image)
    assert lines.shape == (40, 40, 3) and lines.dtype == np.uint8
    assert set(np.unique(lines)) == {0, 255}
    assert (lines[..., 0] == lines[..., 1]).all()
    assert (lines[13:27, 13:27] == 255).all() and (lines[:8] == 255).all()
    # a closed outline: every row and column of the square crosses it twice
    assert ((lines[11:29, :, 0] == 0).sum(axis=1) >= 2).all()
    assert ((lines[:, 11:29, 0] == 0).sum(axis=0) >= 2).all()


def test_edges_see_colours_of_equal_luminance():
    image = np.zeros((32, 32, 3), np.uint8)
    image[:, :16] = (200, 0, 0)
    image[:, 16:] = (0, 102, 0)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    assert np.ptp(grey.astype(int)) <= 1
    lines = transforms.edges(image)[..., 0] == 0
    assert (lines.sum(axis=1)[2:-2] == 1).all()


def test_flat_images_have_no_edges():
    assert (transforms.edges(np.full((16, 16, 3), 90, np.uint8)) == 255).all()
