import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.data.conftest import picture
from tfi2i.data import pixels, transforms

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
def test_resize_agrees_with_tensorflow(source, target):
    image = picture(*source, seed=3)
    ours = transforms.resize(image, *target).numpy().astype(int)
    theirs = tf.image.resize(image, target, "bicubic", antialias=True)
    difference = np.abs(ours - np.clip(np.rint(theirs), 0, 255))
    # Pillow rounds and clips between its two passes.
    assert difference.max() <= 5
    assert (difference > 1).mean() < 1e-3
    assert (difference > 0).mean() < 0.25


@pytest.mark.parametrize(
    ("dtype", "channels"),
    [(np.uint8, 1), (np.uint8, 5), (np.uint16, 3), (np.float32, 2)],
)
def test_resize_of_other_pixels(dtype, channels):
    rng = np.random.default_rng(0)
    image = (rng.random((30, 20, channels)) * 250).astype(dtype)
    ours = transforms.resize(image, 41, 13)
    theirs = tf.image.resize(image, (41, 13), "bicubic", antialias=True).numpy()
    if dtype != np.float32:
        theirs = np.clip(np.rint(theirs), 0, np.iinfo(dtype).max)
    assert ours.dtype == dtype and ours.shape == (41, 13, channels)
    gap = np.abs(ours.numpy() - theirs)
    # Only 8-bit images are rounded between two passes.
    assert gap.max() <= {np.uint8: 5, np.uint16: 1, np.float32: 1e-3}[dtype]
    assert gap.mean() < 0.5


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


METHODS = ("bicubic", "bicubic")


@tf.function
def in_graph(first, second, flip, rotate, seed):
    jitter = transforms.Jitter((5, 4), flip, rotate)
    return jitter(first, second, seed=seed, methods=METHODS)


@settings(deadline=None)
@given(seed=st.tuples(seeds, seeds), flip=st.booleans())
def test_jitter_is_one_window_for_both_images(seed, flip):
    first = coordinates(9, 8)
    second = 255 - first
    seed = tf.constant(seed, tf.int64)
    one, two = in_graph(first, second, flip, 0.0, seed)
    np.testing.assert_array_equal(one, 255 - two.numpy())
    top, left = one.numpy()[0, :, :2].min(axis=0)
    window = first[top : top + 5, left : left + 4]
    mirrored = not np.array_equal(one, window)
    if mirrored:
        assert flip
        np.testing.assert_array_equal(one, window[:, ::-1])
    # the same seed gives the same pictures, in a graph and without
    jitter = transforms.Jitter((5, 4), flip)
    again = jitter(first, second, seed=seed, methods=METHODS)
    np.testing.assert_array_equal(one, again[0])


@settings(deadline=None, max_examples=30)
@given(seed=st.tuples(seeds, seeds))
def test_turned_images_stay_aligned(seed):
    first = coordinates(40, 40) * np.uint8([3, 3, 0])
    seed = tf.constant(seed, tf.int64)
    one, two = in_graph(first, 255 - first, True, 30.0, seed)
    # Each is rounded by itself.
    assert np.abs(one.numpy().astype(int) - (255 - two.numpy())).max() <= 1
    # Turned, and not only cut: along a row, both coordinates change.
    jitter = transforms.Jitter(None, flip=False, rotate=30.0)
    (whole,) = jitter(first, seed=seed, methods=METHODS[:1])
    angle = float(jitter._angle(seed))
    assert abs(angle) <= np.deg2rad(30)
    turned = Image.fromarray(first).rotate(np.rad2deg(angle), Image.Resampling.BILINEAR)
    inner = np.s_[12:28, 12:28]
    gap = np.abs(whole.numpy()[inner].astype(int) - np.asarray(turned)[inner])
    assert gap.max() <= 1


def test_labels_are_turned_and_resized_without_new_values():
    labels = np.zeros((20, 20, 1), np.uint8)
    labels[5:15, 5:15] = 200
    jitter = transforms.Jitter(None, flip=False, rotate=45.0)
    (turned,) = jitter(labels, seed=[1, 2], methods=("nearest",))
    assert set(np.unique(turned)) == {0, 200}
    assert (turned.numpy() != labels).any()
    resized = transforms.resize(labels, 33, 47, "nearest").numpy()
    expected = Image.fromarray(labels[..., 0]).resize(
        (47, 33), Image.Resampling.NEAREST
    )
    np.testing.assert_array_equal(resized[..., 0], expected)


def test_jitter_reaches_every_window_alike():
    image = coordinates(7, 8)
    jitter = transforms.Jitter((5, 5))
    drawn = tf.data.Dataset.range(4000).map(
        lambda i: jitter(
            image, seed=tf.stack([i, tf.constant(7, tf.int64)]), methods=METHODS[:1]
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
    for crop in ((5, 5), None):
        jitter = transforms.Jitter(crop, flip=False)
        (same,) = jitter(image, seed=[1, 2], methods=METHODS[:1])
        np.testing.assert_array_equal(same, image)


def test_the_middle():
    image = coordinates(9, 6)
    np.testing.assert_array_equal(transforms.center(image, 3, 4), image[3:6, 1:5])
    np.testing.assert_array_equal(transforms.center(image, 9, 6), image)


@pytest.mark.parametrize("channels", [1, 3])
def test_color_jitter_as_torchvision_defines_it(channels):
    image = picture(12, 10, seed=1)[..., :channels]
    changed = transforms.color_jitter(pixels.to_float(image), 0.4, [3, 4]).numpy()
    seed = tf.random.fold_in([3, 4], 2, alg="philox")
    factors = tf.random.stateless_uniform((3,), seed, 0.6, 1.4, alg="philox").numpy()

    def blend(one, other, factor):
        return np.clip(factor * one + (1 - factor) * other, 0, 1)

    def grey(x):
        return x @ [[0.299], [0.587], [0.114]] if channels == 3 else x

    expected = blend(image / 255, 0, factors[0])
    expected = blend(expected, grey(expected).mean(), factors[1])
    if channels == 3:
        expected = blend(expected, grey(expected), factors[2])
    np.testing.assert_allclose((changed + 1) / 2, expected, atol=1e-6)
    assert not np.allclose((changed + 1) / 2, image / 255, atol=0.02)
