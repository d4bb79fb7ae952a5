"""Images shown to networks as in training: their sizes, and inputs that are made."""

import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
from PIL import Image

from tests.test_cli import refused
from tests.translators import make_cyclegan_run, photos, write_run
from tfi2i.data.derived_inputs import edges
from tfi2i.data.pixels import RGB, PixelType
from tfi2i.inference import Translator, load
from tfi2i.inference.network_inputs import Training, as_trained
from tfi2i.recipes.config import DataConfig, DomainConfig
from tfi2i.ways import named

GREY = PixelType.of(1)
DEEP = PixelType.of(1, "uint16", 100, 4095)
FIVE = PixelType.of(5)
FLOATS = PixelType.of(2, "float32", -1000, 3000)
SQUARE = DataConfig(crop_size=16, load_size=18)


class Seen:
    """Returns what it is shown, and notes it."""

    def __init__(self):
        self.batches = []

    def __call__(self, images):
        self.batches.append(images)
        return images


def shown_by(data, pixels=RGB, size="trained", input=None):
    seen = Seen()
    translator = Translator(seen, pixels, pixels)
    training = None if data is None else Training(data)
    return as_trained(translator, training, size, input), seen


def some(pixels, *shape):
    values = np.random.default_rng(0).uniform(
        pixels.low, pixels.high, (*shape, pixels.channels)
    )
    return values.astype(pixels.dtype)


def by_pillow(image, height, width, method=Image.Resampling.BICUBIC):
    return np.asarray(Image.fromarray(image).resize((width, height), method))


@pytest.mark.parametrize("count", [None, 3])
def test_images_are_resized_as_for_training_and_back(count):
    translator, seen = shown_by(replace(SQUARE, crop_width=24))
    image = photos(count or 1, 40, 90)
    output = translator(image if count else image[0])
    assert output.dtype == np.uint8
    for index in range(count or 1):
        small = by_pillow(image[index], 16, 24)
        np.testing.assert_array_equal(seen.batches[0][index], small)
        found = output[index] if count else output
        np.testing.assert_array_equal(found, by_pillow(small, 40, 90))


@pytest.mark.parametrize("pixels", [GREY, DEEP, FIVE, FLOATS])
def test_pixels_of_every_kind_stay_in_their_range(pixels):
    translator, seen = shown_by(SQUARE, pixels)
    image = some(pixels, 50, 37)
    output = translator(image)
    assert (output.shape, output.dtype) == (image.shape, image.dtype)
    assert seen.batches[0].shape == (1, 16, 16, pixels.channels)
    assert seen.batches[0].dtype == image.dtype
    assert output.min() >= pixels.low and output.max() <= pixels.high
    # As large as trained, nothing is changed.
    image = some(pixels, 16, 16)
    np.testing.assert_array_equal(translator(image), image)


def test_labels_stay_labels():
    nearest = DomainConfig(resize="nearest")
    translator, seen = shown_by(replace(SQUARE, domain_b=nearest))
    image = photos(1, 64, 64)[0]
    output = translator(image)
    (small,) = seen.batches[0]
    np.testing.assert_array_equal(small, by_pillow(image, 16, 16))
    np.testing.assert_array_equal(output, small.repeat(4, 0).repeat(4, 1))
    # Seen the other way, they are the input.
    way = Training(replace(SQUARE, domain_b=nearest), named("b2a"))
    as_trained(Translator(seen), way, "trained")(image)
    np.testing.assert_array_equal(seen.batches[1][0], image[2::4, 2::4])


@pytest.mark.parametrize(
    "preprocess, shape",
    [
        ("scale_width", (30, 20)),
        ("scale_width_and_crop", (30, 20)),
        ("crop", (60, 40)),
        ("none", (60, 40)),
    ],
)
def test_other_preprocessing(preprocess, shape):
    data = DataConfig(preprocess=preprocess, crop_size=16, load_size=20)
    translator, seen = shown_by(data)
    assert translator(photos(1, 60, 40)[0]).shape == (60, 40, 3)
    assert seen.batches[0].shape[1:3] == shape
    # Smaller than a crop, which training would refuse.
    assert translator(photos(1, 5, 5)[0]).shape == (5, 5, 3)


@pytest.mark.parametrize("size, shape", [("trained", (16, 16)), ("native", (40, 50))])
def test_inputs_are_made_of_images_that_have_their_size_already(size, shape):
    image = photos(1, 40, 50)[0]
    resized = image if size == "native" else by_pillow(image, 16, 16)
    translator, seen = shown_by(SQUARE, size=size, input="edges")
    output = translator(image)
    np.testing.assert_array_equal(seen.batches[0][0], edges(resized))
    assert output.shape == image.shape
    translator, seen = shown_by(SQUARE, GREY, size, input="grayscale")
    assert translator.input_pixels == RGB
    translator(image)
    grey = np.asarray(Image.fromarray(resized).convert("L"))
    assert seen.batches[0].shape == (1, *shape, 1)
    assert np.abs(np.int32(seen.batches[0][0, ..., 0]) - grey).max() <= 1
    data = replace(SQUARE, downscale=2)
    translator, seen = shown_by(data, size=size, input="downscale")
    translator(image)
    small = by_pillow(resized, shape[0] // 2, shape[1] // 2)
    np.testing.assert_array_equal(seen.batches[0][0], by_pillow(small, *shape))


def test_what_cannot_be():
    with pytest.raises(ValueError, match="--size is 'large'; expected 'native' or"):
        shown_by(SQUARE, size="large")
    with pytest.raises(ValueError, match="lies in no run, which would say what size"):
        shown_by(None)
    with pytest.raises(ValueError, match="--input is 'lines'; expected 'edges', "):
        shown_by(SQUARE, input="lines")
    with pytest.raises(ValueError, match="--input edges makes images of 3 channels of"):
        shown_by(SQUARE, DEEP, input="edges")
    with pytest.raises(ValueError, match="grayscale makes images of 1 channel, but th"):
        shown_by(SQUARE, RGB, input="grayscale")
    assert shown_by(None, size="native")[0](photos(1, 4, 5)[0]).shape == (4, 5, 3)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that knows both ways, trained at 64 pixels."""
    run = tmp_path_factory.mktemp("runs") / "cycle"
    make_cyclegan_run(run)
    return run


def test_load(run):
    native, trained = load(run, "b2a"), load(run, "b2a", size="trained")
    image = photos(1, 90, 200)[0]
    small = native(by_pillow(image, 64, 64))
    np.testing.assert_array_equal(trained(image), by_pillow(small, 90, 200))
    assert np.abs(np.int32(trained(image)) - native(image)).max() > 20
    picture = trained(Image.fromarray(image))
    np.testing.assert_array_equal(np.asarray(picture), trained(image))
    drawn = load(run, "b2a", input="edges")
    np.testing.assert_array_equal(drawn(image), native(edges(image)))
    with pytest.raises(ValueError, match="--size trained paints small copies .* --til"):
        load(run, tile=64, size="trained")


def test_load_with_other_pixels(tmp_path):
    taken, painted = PixelType.of(5), FLOATS
    domains = [DomainConfig(**asdict(pixels)) for pixels in (taken, painted)]
    write_run(
        "edges2emoji",
        tmp_path / "run",
        {"network": "resnet", "blocks": 0, "filters": 2, "dropout": 0.0},
        data__input="files",
        data__domain_a=domains[0],
        data__domain_b=domains[1],
    )
    output = load(tmp_path / "run", size="trained")(some(taken, 100, 90))
    assert (output.shape, output.dtype) == ((100, 90, 2), np.float32)


@pytest.mark.slow
def test_exports_of_a_run_know_its_size_and_others_do_not(run, tmp_path, capsys):
    from tfi2i.exports import export

    shutil.copytree(run, tmp_path / "run")
    export(tmp_path / "run", direction="a2b", tflite_size=64)
    image = photos(1, 90, 200)[0]
    expected = load(tmp_path / "run", size="trained")(image)
    for name in ("run_a2b", "run_a2b/1", "run_a2b.tflite"):
        path = tmp_path / "run" / "export" / name
        found = load(path, size="trained")(image)
        assert np.abs(np.int32(found) - expected).max() <= 2
    moved = path.rename(tmp_path / "moved_a2b.tflite")
    Image.fromarray(image).save(tmp_path / "a.png")
    line = refused(
        capsys,
        *("translate", moved, tmp_path / "a.png", tmp_path / "out"),
        *("--size", "trained"),
    )
    assert line.startswith("--size is 'trained', but this source lies in no run")
    # Somebody else's configuration above it.
    (tmp_path / "config.json").write_text('{"architectures": []}')
    assert load(moved).shown.training is None
