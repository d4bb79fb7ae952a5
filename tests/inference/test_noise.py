"""Dropout's noise depends on the seed alone."""

import numpy as np
import pytest

from tests.translators import photos
from tfi2i.inference.noise import Noise, with_noise
from tfi2i.networks import unet


def test_an_image_and_a_seed_give_one_picture_in_any_batch():
    generator = unet(6, filters=2, dropout=0.5)
    images = np.float32(photos(3, 64, 64)) / 127.5 - 1
    one, again, other = (
        with_noise(generator, seed)(images, training=False).numpy()
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 1e-2
    for image, expected in zip(images, one, strict=True):
        (alone,) = with_noise(generator, 1)(image[None], training=False)
        np.testing.assert_allclose(alone, expected, atol=1e-5)


def test_a_mask_drops_its_share_and_keeps_the_mean():
    ones = np.ones((2, 64, 64, 8), np.float32)
    masks = [Noise(0.25, seed)(ones).numpy() for seed in (1, 1, 2)]
    assert np.unique(masks[0]) == pytest.approx([0, 4 / 3])
    assert (masks[0] == 0).mean() == pytest.approx(0.25, abs=0.01)
    np.testing.assert_array_equal(masks[0], masks[1])
    np.testing.assert_array_equal(masks[0][0], masks[0][1])
    assert (masks[0] != masks[2]).mean() > 0.3
