"""Metrics against plain NumPy in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checks import images
from tfi2i import metrics


def _windows(image, kernel):
    """Weighted means over every window of the kernel's size, one channel at a time."""
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape, (0, 1))
    return np.einsum("rcdij,ij->rcd", windows, kernel)


def _ssim(x, y):
    """Wang et al. 2004, equation 13, for images of 0 to 255."""
    x, y = (127.5 * (image.astype(np.float64) + 1) for image in (x, y))
    bell = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    kernel = np.outer(bell, bell) / bell.sum() ** 2
    mean_x, mean_y = _windows(x, kernel), _windows(y, kernel)
    variance_x = _windows(x * x, kernel) - mean_x**2
    variance_y = _windows(y * y, kernel) - mean_y**2
    covariance = _windows(x * y, kernel) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return (luminance * structure).mean()


def _pair(noise=0.3, seed=0, shape=(3, 20, 17, 3)):
    """Smooth images, and the same with noise, both within [-1, 1]."""
    y, x = np.mgrid[: shape[1], : shape[2]]
    phases = np.arange(shape[0] * shape[3]).reshape(shape[0], 1, 1, shape[3])
    target = 0.6 * np.sin(0.3 * x + 0.2 * y)[None, :, :, None] * np.cos(phases)
    output = np.clip(target + noise * images(*shape, seed=seed), -1, 1)
    return target.astype(np.float32), output.astype(np.float32)


@pytest.mark.parametrize("noise", [0.01, 0.3, 1.0])
def test_ssim_equals_numpy(noise):
    target, output = _pair(noise)
    expected = [_ssim(x, y) for x, y in zip(target, output, strict=True)]
    np.testing.assert_allclose(metrics.ssim(target, output), expected, atol=1e-4)


def test_ssim_of_grey_images():
    target, output = _pair(shape=(2, 11, 12, 1))
    expected = [_ssim(x, y) for x, y in zip(target, output, strict=True)]
    np.testing.assert_allclose(metrics.ssim(target, output), expected, atol=1e-4)


def test_ssim_of_flat_images_is_their_luminance():
    black, white = np.full((1, 16, 16, 3), -1.0), np.ones((1, 16, 16, 3))
    c1 = (0.01 * 255) ** 2
    value = metrics.ssim(np.float32(black), np.float32(white))
    np.testing.assert_allclose(value, c1 / (255**2 + c1), rtol=1e-3)


@given(seed=st.integers(0, 1000), noise=st.floats(0, 2))
@settings(max_examples=15, deadline=None)
def test_ssim_is_symmetric_and_at_most_one(seed, noise):
    target, output = _pair(noise, seed)
    value = metrics.ssim(target, output).numpy()
    np.testing.assert_allclose(metrics.ssim(output, target), value, atol=1e-5)
    assert np.all(value <= 1 + 1e-5)
    np.testing.assert_allclose(metrics.ssim(output, output), 1, atol=1e-5)


def test_psnr_equals_numpy():
    target, output = _pair()
    levels = 127.5 * (output.astype(np.float64) - target)
    error = (levels**2).mean(axis=(1, 2, 3))
    expected = 10 * np.log10(255**2 / error)
    np.testing.assert_allclose(metrics.psnr(target, output), expected, rtol=1e-5)


def test_psnr_of_equal_images_is_infinite():
    target, _ = _pair()
    assert np.isposinf(metrics.psnr(target, target)).all()


def test_l1_equals_numpy():
    target, output = _pair()
    levels = 127.5 * (output.astype(np.float64) - target)
    expected = np.abs(levels).mean(axis=(1, 2, 3)) / 255
    value = metrics.l1(target, output)
    assert value.shape == (3,)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_l1_of_black_and_white_is_one():
    white = np.ones((2, 4, 5, 3), np.float32)
    np.testing.assert_array_equal(metrics.l1(white, -white), [1, 1])
    np.testing.assert_array_equal(metrics.l1(white, white), [0, 0])
