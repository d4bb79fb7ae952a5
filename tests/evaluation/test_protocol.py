"""Scores and baselines against NumPy."""

import numpy as np
import tensorflow as tf

from tfi2i.evaluation.protocol import mean_image, score


def _images(count, seed):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, 16, 16, 3), np.uint8)


def _batches(*arrays, batch_size):
    floats = [array.astype(np.float32) / 127.5 - 1 for array in arrays]
    return tf.data.Dataset.from_tensor_slices(
        dict(zip("ab", floats, strict=False))
    ).batch(batch_size)


def test_every_image_counts_the_same():
    a, b = _images(5, 0), _images(5, 1)
    # The last batch is smaller, and its image is an easy one.
    b[4] = a[4]
    scores = score(lambda x: x, _batches(a, b, batch_size=2))
    expected = np.abs(a.astype(float) - b).mean() / 255
    assert abs(scores.l1 - expected) < 1e-6
    assert scores.images == 5


def test_a_perfect_translator_scores_0_and_1():
    images = _images(3, 0)
    scores = score(lambda x: x, _batches(images, images, batch_size=2))
    assert scores.l1 == 0
    assert scores.ssim == 1


def test_outputs_are_rounded_to_8_bits():
    images = _images(2, 0)
    batches = _batches(images, images, batch_size=2)
    assert score(lambda x: x + 0.4 / 127.5, batches).l1 < 1e-6
    assert abs(score(lambda x: -x * 0 - 2, batches).l1 - images.mean() / 255) < 1e-6


def test_mean_image():
    images = _images(7, 0)
    mean = mean_image(tf.constant(images)).numpy()
    expected = images.astype(float).mean(axis=0) / 127.5 - 1
    np.testing.assert_allclose(mean[0], expected, atol=1e-6)
