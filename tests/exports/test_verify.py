"""What counts as proof, with exports whose differences are known."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.translators import photos
from tfi2i import networks
from tfi2i.data.pixels import PixelType, to_float
from tfi2i.exports.verify import Painted, Parity, check, compare


@pytest.fixture
def trained():
    """Batches of two sizes, painted by a model that inverts."""
    batches = photos(3, 8, 6), photos(2, 4, 4)
    return [Painted(images, -to_float(images).numpy()) for images in batches]


def _negative(levels):
    """Inverts files, but for so many levels."""
    pixels = 255 - levels - np.int32(levels < 0)

    def paint(files):
        images = [np.int32(tf.io.decode_png(contents)) for contents in files]
        return [
            tf.io.encode_png(np.uint8(np.clip(pixels - image, 0, 255))).numpy()
            for image in images
        ]

    return paint


def test_every_way_of_an_export_is_compared(trained):
    def on_floats(images):
        return -images + np.float32(0.01)

    def on_bytes(images):
        return np.uint8(np.clip(255 - 3 - np.int32(images), 0, 255))

    parity = compare(trained, on_floats, on_bytes)
    assert parity.images == 5
    assert parity.sizes == ((8, 6), (4, 4))
    assert parity.mean == pytest.approx(0.01, rel=1e-3)
    assert parity.worst == pytest.approx(0.01, rel=1e-3)
    assert parity.worst_levels == 3
    assert compare(trained, on_floats, on_bytes, _negative(7)).worst_levels == 7
    assert compare(trained, on_floats, on_bytes, _negative(0)).worst_levels == 3


def test_sizes_are_counted_once(trained):
    parity = compare([trained[0], trained[0]], np.negative, lambda images: 255 - images)
    assert parity.sizes == ((8, 6),)
    assert (parity.worst, parity.worst_levels) == (0, 0)


NETWORKS = {
    "unet-stored": networks.unet(2, filters=1, statistics="stored"),
    "unet-instance": networks.unet(2, filters=1, norm="instance"),
    "resnet-stored": networks.resnet(1, filters=1, norm="batch", statistics="stored"),
}


@pytest.mark.parametrize(
    ("network", "quantize", "worst"),
    [
        ("unet-stored", "none", 2e-5),
        ("unet-instance", "none", 2e-5),
        ("resnet-stored", "none", 2e-4),
        ("unet-stored", "float16", 5e-2),
    ],
)
def test_bounds_by_network(network, quantize, worst):
    for value, is_refused in ((0.9 * worst, False), (1.1 * worst, True)):
        parity = Parity(32, ((8, 8),), 0.0, value, 0, 1.0)
        if is_refused:
            with pytest.raises(ValueError, match="'run_a2b' would not paint .* worst"):
                check(Path("run_a2b"), parity, NETWORKS[network], quantize)
        else:
            check(Path("run_a2b"), parity, NETWORKS[network], quantize)


def test_levels_are_those_of_the_outputs(trained):
    """A 16-bit export that is off by 50 of 65535 is not off by one level."""
    for pixels, gap, expected in (
        (PixelType.of(3, "uint16"), 50, (50, 65535)),
        (PixelType.of(3, "uint16", 0, 4095), 2, (2, 4095)),
        (PixelType.of(3, "uint8", 0, 100), 1, (1, 100)),
        (PixelType.of(3, "float32", -2, 3), 5 * 2.5 / 255, (3, 255)),
    ):
        batch = Painted(trained[0].images, trained[0].floats * 0.9, pixels, pixels)
        stored = batch.stored

        def on_stored(images, gap=gap, stored=stored):
            return stored + np.asarray(gap, stored.dtype)

        parity = compare([batch], lambda images: -0.9 * images, on_stored)
        assert (parity.worst_levels, parity.levels) == expected


@pytest.mark.parametrize(
    ("network", "quantize", "levels", "bound"),
    [
        ("unet-stored", "none", 255, 1),
        ("resnet-stored", "none", 255, 1),
        ("unet-stored", "float16", 255, 7),
        # 65535 / 2 * 2e-5 = 0.66, and so on.
        ("unet-stored", "none", 65535, 1),
        ("resnet-stored", "none", 65535, 7),
        ("unet-stored", "float16", 65535, 1639),
    ],
)
def test_bounds_of_stored_outputs(network, quantize, levels, bound):
    for worst, is_refused in ((bound, False), (bound + 1, True)):
        parity = Parity(32, ((8, 8),), 0.0, 0.0, worst, 1.0, levels)
        if is_refused:
            with pytest.raises(ValueError, match="worst_levels differs by"):
                check(Path("run_a2b"), parity, NETWORKS[network], quantize)
        else:
            check(Path("run_a2b"), parity, NETWORKS[network], quantize)
