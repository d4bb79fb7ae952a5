"""What is said of images that are unlike those of training."""

import numpy as np
import pytest
from PIL import Image

from tests.translators import photos
from tfi2i.data.derived_inputs import edges
from tfi2i.inference import Translator, translate_files
from tfi2i.inference.network_inputs import Training, as_trained
from tfi2i.recipes.config import DataConfig

SQUARE = {"crop_size": 32, "load_size": 36}


@pytest.fixture
def said(tmp_path, caplog):
    """Translates images by a run of some data and returns what is logged."""
    caplog.set_level("INFO")

    def said(data, images, size="native", input=None, is_ours=True):
        caplog.clear()
        training = Training(DataConfig(**data), is_ours=is_ours)
        translator = Translator(lambda images: images)
        translator = as_trained(translator, training, size, input)
        (tmp_path / "in").mkdir(exist_ok=True)
        for index, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / "in" / f"{index}.png")
        translate_files(translator, tmp_path / "in", tmp_path / "out", overwrite=True)
        return caplog.messages

    return said


@pytest.mark.parametrize("shape", [(64, 64), (32, 80), (12, 32)])
def test_a_size_that_is_unlike_that_of_training_is_said_once(said, shape):
    image = photos(1, *shape)[0]
    (line,) = said(SQUARE, [image, image, photos(1, 200, 200)[0]])
    height, width = shape
    assert f"0.png' is translated at its own size, {width}x{height}, but this" in line
    assert "on images resized to 32x32: --size trained" in line
    assert said(SQUARE, [image], "trained") == []
    # Where another program trained, the size may be a guess.
    assert said(SQUARE, [image], is_ours=False) == []


@pytest.mark.parametrize("shape", [(32, 32), (48, 40), (36, 24)])
def test_sizes_that_are_near(said, shape):
    assert said(SQUARE, [photos(1, *shape)[0]]) == []


@pytest.mark.parametrize("preprocess", ["crop", "none"])
def test_what_was_trained_at_its_own_size_is_meant_for_any(said, preprocess):
    data = {"preprocess": preprocess, "crop_size": 32}
    assert said(data, [photos(1, 200, 300)[0]]) == []


def test_widths_count_where_these_were_given(said):
    data = {"preprocess": "scale_width", **SQUARE}
    assert said(data, [photos(1, 90, 36)[0]]) == []
    (line,) = said(data, [photos(1, 90, 90)[0]])
    assert "on images resized to 36x36" in line


def test_photographs_for_drawings(said):
    data = {"input": "edges", "preprocess": "crop", "crop_size": 32}
    photo = photos(1, 64, 64)[0]
    (line,) = said(data, [edges(photo), photo, photo])
    assert "1.png' does not look like a drawing in black on white" in line
    assert "--input edges draws" in line
    assert said(data, [photo], input="edges") == []
    assert said(data, [edges(photo)] * 3) == []
    assert said({**data, "input": "files"}, [photo]) == []
    assert np.ptp(photo) > 50


@pytest.mark.parametrize("trained", ["files", "edges", "grayscale"])
def test_inputs_that_training_did_not_make(said, trained):
    data = {"input": trained, "preprocess": "crop", "crop_size": 32}
    photo = photos(1, 64, 64)[0]
    lines = said(data, [photo, photo], input="edges")
    if trained == "edges":
        assert lines == []
    else:
        (line,) = lines
        assert "not trained on edges that --input edges makes" in line
        advice = {"files": "leave --input out", "grayscale": "--input grayscale makes"}
        assert f"but on --data.input {trained}: " in line and "\n" not in line
        assert advice[trained] in line
    # Where another program trained, its inputs may be anything.
    assert said(data, [photo], input="edges", is_ours=False) == []
