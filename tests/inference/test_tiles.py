"""Tiles against the whole image."""

import logging

import numpy as np
import pytest
from PIL import Image

from tests.translators import exported, make_run, photos
from tfi2i import load
from tfi2i.inference.engines import KerasEngine
from tfi2i.inference.fixed_statistics import FixedStatistics
from tfi2i.inference.tiles import (
    Network,
    _tiles,
    enough,
    plan,
    tiled_generator,
)
from tfi2i.network_sizes import SizeRule
from tfi2i.networks.resnet import resnet
from tfi2i.networks.unet import unet


def _random(generator):
    """Weights and statistics that are not small."""
    draw = np.random.default_rng(0)
    for weight in generator.weights:
        noise = draw.normal(size=weight.shape)
        if "variance" in weight.path:
            weight.assign(0.5 + noise**2)
        elif len(weight.shape) == 4:
            weight.assign(1.5 * noise / np.sqrt(np.prod(weight.shape[:3])))
        else:
            weight.assign(weight + 0.1 * noise)
    return generator


def _image(height, width):
    return np.float32(photos(1, height, width) / 127.5 - 1)


LOCAL = {
    "resnet": (resnet, {"num_blocks": 1, "norm": "none"}, 96),
    "resnet-stored": (
        resnet,
        {"num_blocks": 1, "norm": "batch", "statistics": "stored"},
        80,
    ),
    "resnet-resize": (
        resnet,
        {"num_blocks": 0, "norm": "none", "upsample": "resize_conv"},
        64,
    ),
    "unet-stored": (unet, {"num_downs": 3, "statistics": "stored"}, 64),
}


@pytest.mark.parametrize("name", LOCAL)
def test_tiles_equal_the_whole_image(name):
    make, options, tile = LOCAL[name]
    generator = _random(make(filters=4, seed=0, **options))
    # Neither side fits the network, so both are padded as the whole image is.
    image = _image(149, 203)
    whole = KerasEngine(generator).run(image)
    assert whole.std() > 0.1
    engine, remark = tiled_generator(generator, tile)
    assert remark is None
    np.testing.assert_allclose(engine.run(image), whole, rtol=0, atol=1e-5)


def test_stored_pixels_and_batches():
    generator = _random(resnet(0, filters=4, norm="none", seed=0))
    images = photos(2, 70, 101)
    engine, _ = tiled_generator(generator, 48)
    painted = engine(images)
    assert painted.dtype == np.uint8 and painted.shape == images.shape
    gap = np.int32(painted) - KerasEngine(generator)(images)
    # Rounding may turn at a half.
    assert np.abs(gap).max() <= 1 and (gap != 0).mean() < 1e-3


def test_a_network_that_looks_too_far_differs_and_says_so():
    generator = _random(unet(4, filters=4, norm="none", dropout=0.0, seed=0))
    image = _image(160, 160)
    engine, remark = tiled_generator(generator, 64)
    assert remark.startswith(
        "This network looks 45 pixels far, too far for tiles of 64"
    )
    least = int(remark.split("--tile ")[1].split()[0])
    assert tiled_generator(generator, least)[1] is None
    gap = np.abs(engine.run(image) - KerasEngine(generator).run(image))
    assert 1e-5 < gap.max() < 0.5


def test_what_fits_a_tile_is_painted_whole():
    generator = _random(resnet(0, filters=4, seed=0))
    image = _image(50, 64)
    engine, _ = tiled_generator(generator, 64, "whole")
    np.testing.assert_array_equal(engine.run(image), KerasEngine(generator).run(image))


@pytest.mark.parametrize(
    "make",
    [
        lambda: resnet(0, filters=4, norm="instance_affine", seed=0),
        pytest.param(lambda: resnet(2, filters=4, seed=0), marks=pytest.mark.slow),
        pytest.param(
            lambda: unet(3, filters=4, norm="batch", statistics="image", seed=0),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["affine", "instance", "batch"],
)
def test_statistics_of_the_whole_image_make_tiles_agree(make):
    generator = _random(make())
    image = _image(140, 201)
    engine, remark = tiled_generator(generator, 96, "whole")
    assert "statistics from a small copy" in remark
    painted = engine.run(image)
    # The same statistics, and no seams.
    whole = KerasEngine(engine._fixed.generator).run(image)
    np.testing.assert_allclose(painted, whole, rtol=0, atol=1e-5)
    # Tiles by their own statistics do not agree.
    engine, remark = tiled_generator(generator, 96)
    assert "too far" not in remark
    assert "will differ from each other" in remark
    assert np.abs(engine.run(image) - whole).max() > 1e-3


def test_fixed_statistics_are_those_of_the_layers():
    generator = _random(unet(3, filters=4, seed=0))
    image = _image(50, 61)
    fixed = FixedStatistics(generator)
    fixed.take(image)
    painted = KerasEngine(fixed.generator).run(image)
    whole = KerasEngine(generator).run(image)
    np.testing.assert_allclose(painted, whole, rtol=0, atol=1e-5)


def test_weights_add_up_and_keep_their_distance():
    for tile in (32, 100, 128, 512):
        for rule in (SizeRule(4, 16), SizeRule(16, 16), SizeRule(64, 64)):
            for reach in (None, 3, 28, 84):
                if tile < 2 * rule.multiple:
                    continue
                cut = plan(tile, Network(rule, reach, False))
                for length in range(rule.multiple, 1400, 5 * rule.multiple):
                    _check(list(_tiles(length, cut)), length, cut, reach)


def _check(tiles, length, cut, reach):
    total = np.zeros(length)
    for tile in tiles:
        assert tile.start % cut.multiple == 0
        assert 0 <= tile.start < tile.end <= length
        total[tile.outer] += tile.weights
        before, after = tile.inner.start, tile.end - tile.start - tile.inner.stop
        if cut.is_exact:
            assert tile.start == 0 or before >= reach
            assert tile.end == length or after >= reach
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_how_large_is_enough():
    for reach in (60, 84, 765):
        network = Network(SizeRule(8, 8), reach, False)
        least = enough(network)
        assert plan(least, network).is_exact
        assert not plan(least - 64, network).is_exact


def test_too_small_a_tile():
    network = Network(SizeRule(256, 256), 765, False)
    with pytest.raises(ValueError, match="--tile is 511; this network needs 512 or"):
        plan(511, network)
    with pytest.raises(ValueError, match="--tile is -1; .* needs 32 or more"):
        plan(-1, Network(SizeRule(4, 16)))
    with pytest.raises(ValueError, match="--tile is 0; .* needs 32 or more"):
        plan(0, Network())


def test_statistics_of_something_else():
    with pytest.raises(ValueError, match="is 'image'; expected 'tile' or 'whole'"):
        tiled_generator(resnet(0, filters=2), 64, "image")


@pytest.mark.slow
def test_a_run_by_its_name(tmp_path, caplog):
    make_run(tmp_path / "run", "resnet", norm="batch", statistics="stored")
    picture = Image.fromarray(photos(1, 130, 180)[0])
    whole = load(tmp_path / "run")(picture)
    with caplog.at_level(logging.INFO, "tfi2i"):
        tiled = load(tmp_path / "run", tile=96)(picture)
    assert caplog.messages == []
    gap = np.abs(np.int32(whole) - np.int32(tiled))
    assert whole.size == tiled.size and gap.max() <= 1
    with pytest.raises(ValueError, match="takes no statistics from what it paints"):
        load(tmp_path / "run", tile=96, tile_statistics="whole")
    with pytest.raises(ValueError, match="applies only with --tile"):
        load(tmp_path / "run", tile_statistics="whole")
    with pytest.raises(ValueError, match="--stochastic draws a mask for a whole image"):
        load(tmp_path / "run", noise_seed=0, tile=96)


@pytest.mark.slow
def test_exports(tmp_path_factory, caplog):
    generator, run, published = exported(tmp_path_factory, "unet")
    picture = photos(1, 200, 260)[0]
    # It halves six times, and looks 189 pixels far.
    whole = np.int32(KerasEngine(generator)(picture[None])[0])
    for path in [run, *(item.path for item in published if item.format != "onnx")]:
        caplog.clear()
        with caplog.at_level(logging.INFO, "tfi2i"):
            painted = load(path, tile=128)(picture)
        assert len(caplog.messages) == 1
        assert painted.shape == picture.shape
        assert np.abs(np.int32(painted) - whole).mean() < 12
        if path != run:
            with pytest.raises(ValueError, match="needs a run folder"):
                load(path, tile=128, tile_statistics="whole")
