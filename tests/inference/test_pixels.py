"""Runs of images that are not 8-bit colour, from files to files and exports."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from tests.translators import write_run
from tfi2i.data import writing
from tfi2i.data.pixels import PixelType, from_float, to_float
from tfi2i.data.reading import read_image
from tfi2i.evaluation import evaluate
from tfi2i.exports import export
from tfi2i.inference import load, translate_files
from tfi2i.recipes.config import DomainConfig

DEEP = PixelType.of(1, "uint16", 100, 4095)
FIVE = PixelType.of(5, "uint8")
FLOAT = PixelType.of(1, "float32", -1000, 3000)
GREY = PixelType.of(1)
CASES = {"deep": (DEEP, DEEP), "five": (FIVE, FLOAT), "colours": (GREY, PixelType())}


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    """A run of `CASES`, its generator and pixel types."""
    run = tmp_path_factory.mktemp(request.param) / "run"
    taken, painted = CASES[request.param]
    domains = [DomainConfig(**dataclasses.asdict(p)) for p in (taken, painted)]
    generator = write_run(
        "edges2emoji",
        run,
        {"network": "resnet", "blocks": 1, "filters": 4, "norm": "instance"},
        data__input="files",
        data__domain_a=domains[0],
        data__domain_b=domains[1],
    )[0]
    return run, generator, taken, painted


def some(pixels, *shape):
    """Random images of a type, within its range."""
    rng = np.random.default_rng(len(shape))
    values = rng.uniform(pixels.low, pixels.high, (*shape, pixels.channels))
    return (values if pixels.dtype == "float32" else np.rint(values)).astype(
        pixels.dtype
    )


def test_arrays_in_the_domains_own_units(case):
    run, generator, taken, painted = case
    translator = load(run)
    assert (translator.input_pixels, translator.output_pixels) == (taken, painted)
    image = some(taken, 32, 48)
    floats = generator(to_float(image, taken)[None], training=False)[0]
    expected = from_float(floats, painted).numpy().astype(float)
    found = translator(image)
    assert found.dtype == painted.dtype
    step = (painted.high - painted.low) * 1e-5 + (painted.dtype != "float32")
    assert np.abs(found - expected).max() <= step
    # Nothing saturates, so this says something.
    assert np.ptp(expected) > (painted.high - painted.low) / 10
    with pytest.raises(TypeError, match=f"{taken.dtype} arrays with values from"):
        translator(image.astype(np.int64))


def test_files_keep_their_kind(case, tmp_path):
    run, _, taken, painted = case
    translator = load(run)
    suffix = writing.suffix_for(".png", taken)
    image = some(taken, 20, 50)
    (tmp_path / "in").mkdir()
    writing.write(image, tmp_path / "in" / f"a{suffix}")
    report = translate_files(translator, tmp_path / "in", tmp_path / "out")
    assert report.failed == ()
    (path,) = report.translated
    assert path.name == f"a{writing.suffix_for(suffix, painted)}"
    found = read_image(path, pixels=painted)
    np.testing.assert_array_equal(found, translator(image))
    if painted.dtype != "uint8":
        with pytest.raises(ValueError, match="cannot hold what is painted, 1 channels"):
            source = tmp_path / "in" / f"a{suffix}"
            translate_files(translator, source, tmp_path / "b.jpg")


@pytest.mark.slow
def test_exports_are_of_the_same_kind(case, tmp_path):
    run, _, taken, painted = case
    image = some(taken, 32, 32)
    expected = load(run)(image).astype(float)
    step = (painted.high - painted.low) * 1e-4 + (painted.dtype != "float32")
    for item in export(run):
        # An export goes elsewhere, without its run.
        moved = tmp_path / item.path.name
        item.path.rename(moved)
        translator = load(moved)
        assert translator.input_pixels == taken
        assert translator.output_pixels == painted
        for found in (translator(image), load(moved, tile=64)(image)):
            assert found.dtype == painted.dtype
            assert np.abs(found - expected).max() <= step
        if item.format == "savedmodel":
            has_files = all(writing.can_hold(".png", p) for p in (taken, painted))
            assert translator._translate.takes_files == has_files


def test_scores_in_the_domains_own_units(case, tmp_path):
    run, _, taken, painted = case
    for name, pixels in (("A", taken), ("B", painted)):
        folder = tmp_path / "test" / name
        folder.mkdir(parents=True)
        for index in range(2):
            suffix = writing.suffix_for(".png", pixels)
            writing.write(some(pixels, 64, 64), folder / f"{index}{suffix}")
    *copied, scored = evaluate([run], {"dir": str(tmp_path)})
    assert len(copied) == (taken.channels == painted.channels)
    gap = load(run)(some(taken, 64, 64)).astype(float) - some(painted, 64, 64)
    expected = np.abs(gap).mean() / (painted.high - painted.low)
    assert scored.scores.l1 == pytest.approx(expected, abs=1e-4)


def test_pictures_of_one_channel(case):
    run, _, taken, painted = case
    if (taken.channels, painted.channels) == (5, 1):
        with pytest.raises(ValueError, match="The image has .* channels, expected 5"):
            load(run)(Image.new("RGB", (32, 32)))
        return
    translator = load(run)
    mode = {"uint8": "L", "uint16": "I;16"}[taken.dtype]
    image = some(taken, 32, 32)
    found = translator(Image.fromarray(image[..., 0]))
    assert found.mode == {1: mode, 3: "RGB"}[painted.channels]
    expected = translator(image)
    np.testing.assert_array_equal(np.asarray(found).reshape(expected.shape), expected)
