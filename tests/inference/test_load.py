"""Translators from runs, SavedModels and .tflite files."""

import numpy as np
import pytest
from PIL import Image

from tests.translators import make_run, photos
from tfi2i.data.transforms import to_float, to_uint8
from tfi2i.export import export
from tfi2i.inference import load


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A batch-norm U-Net with dropout and both exports."""
    run = tmp_path_factory.mktemp("runs") / "emoji"
    make_run(run)
    export(run)
    return run


@pytest.fixture(scope="module")
def translators(run):
    folder = run / "export"
    sources = [run, folder / "emoji_a2b", folder / "emoji_a2b" / "1"]
    return [load(source) for source in [*sources, folder / "emoji_a2b.tflite"]]


@pytest.mark.parametrize("shape", [(64, 64), (37, 101), (5, 9), (128, 64)])
def test_all_sources_paint_the_same(translators, shape):
    images = photos(3, *shape)
    expected = translators[0](images)
    assert expected.shape == images.shape
    assert expected.dtype == np.uint8
    assert expected.std() > 10
    for other in translators[1:]:
        gap = np.abs(np.int32(other(images)) - expected)
        assert gap.max() <= 1


def test_paints_what_the_generator_paints(tmp_path):
    generator = make_run(tmp_path / "run")
    images = photos(2, 64, 64)
    expected = to_uint8(generator(to_float(images), training=False)).numpy()
    # Eager and graph mode may round differently.
    assert np.abs(np.int32(load(tmp_path / "run")(images)) - expected).max() <= 1


@pytest.mark.parametrize("statistics", ["image", "stored"])
def test_a_batch_equals_its_images(tmp_path, statistics):
    make_run(tmp_path / "run", statistics=statistics)
    export(tmp_path / "run")
    images = photos(8, 64, 64)
    folder = tmp_path / "run" / "export"
    for source in (tmp_path / "run", folder / "run_a2b", folder / "run_a2b.tflite"):
        translator = load(source)
        together = translator(images)
        for image, expected in zip(images, together, strict=True):
            assert np.abs(np.int32(translator(image)) - expected).max() <= 1
        np.testing.assert_array_equal(translator(images), together)


def test_forms_of_images(translators):
    (image,) = photos(1, 20, 30)
    painted = translators[0](image)
    assert painted.shape == (20, 30, 3)
    np.testing.assert_array_equal(translators[0](image[None])[0], painted)
    picture = translators[0](Image.fromarray(image))
    assert isinstance(picture, Image.Image)
    np.testing.assert_array_equal(np.asarray(picture), painted)


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        (np.zeros((8, 8, 3)), TypeError, "uint8 arrays .* Received float64"),
        (np.zeros((8, 8, 4), np.uint8), ValueError, r"Received shape \(8, 8, 4\)"),
        (np.zeros((8, 8), np.uint8), ValueError, r"Received shape \(8, 8\)"),
        (np.zeros((0, 8, 3), np.uint8), ValueError, "image is empty"),
    ],
)
def test_images_that_do_not_fit(translators, image, error, words):
    for translator in translators:
        with pytest.raises(error, match=words):
            translator(image)


def test_a_run_of_config_and_exports_alone(run, tmp_path):
    images = photos(1, 64, 64)
    expected = load(run)(images)
    for keep in ("emoji_a2b", "emoji_a2b.tflite"):
        bare = tmp_path / keep / "emoji"
        (bare / "export").mkdir(parents=True)
        (bare / "config.json").write_bytes((run / "config.json").read_bytes())
        (bare / "export" / keep).symlink_to(run / "export" / keep)
        assert np.abs(np.int32(load(bare)(images)) - expected).max() <= 1


def test_noise(run, tmp_path):
    images = photos(1, 64, 64)
    plain, one, again, other = (
        load(run, noise_seed=seed)(images) for seed in (None, 1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert np.abs(np.int32(one) - plain).max() > 1
    assert np.abs(np.int32(one) - other).max() > 1
    make_run(tmp_path / "run", dropout=0.0)
    with pytest.raises(ValueError, match="has no dropout"):
        load(tmp_path / "run", noise_seed=1)
    with pytest.raises(ValueError, match="--stochastic needs a run folder"):
        load(run / "export" / "emoji_a2b", noise_seed=1)


def test_sources_that_are_none(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is an empty folder; expected a run"):
        load(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(b"123")
    with pytest.raises(ValueError, match="is a folder with photo.jpg; expected"):
        load(tmp_path)
    with pytest.raises(ValueError, match="is a file of 3 bytes; expected"):
        load(tmp_path / "photo.jpg")
    (tmp_path / "broken.tflite").write_bytes(b"123")
    with pytest.raises(ValueError, match="is no image translator"):
        load(tmp_path / "broken.tflite")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "saved_model.pb").write_bytes(b"123")
    with pytest.raises(ValueError, match="is no SavedModel of an image translator"):
        load(tmp_path / "broken")
    with pytest.raises(ValueError, match="translates a2b, not b2a"):
        load(run, "b2a")


def test_an_unfinished_or_damaged_run(run, tmp_path):
    (tmp_path / "config.json").write_bytes((run / "config.json").read_bytes())
    with pytest.raises(ValueError, match="has no model.keras yet. Train it to the end"):
        load(tmp_path)
    contents = (run / "model.keras").read_bytes()
    (tmp_path / "model.keras").write_bytes(contents[: len(contents) // 2])
    with pytest.raises(ValueError, match="Cannot read '.*model.keras'"):
        load(tmp_path)
