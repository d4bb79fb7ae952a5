"""Side-by-side images through runs that were trained on such."""

import numpy as np
import pytest
from PIL import Image

from tests.translators import photos
from tfi2i.data.reading import read_image
from tfi2i.inference import Translator, translate_files
from tfi2i.inference.network_inputs import Shown, Training
from tfi2i.recipes.config import DataConfig
from tfi2i.ways import named


def trained_on(folder, direction="a2b", **data):
    translator = Translator(lambda images: 255 - images, direction=direction)
    data = DataConfig(dir=str(folder), preprocess="none", **data)
    translator.shown = Shown(Training(data, named(direction)))
    return translator


def save(path, height, width, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = photos(1, height, width, seed)[0]
    Image.fromarray(image).save(path)
    return image


@pytest.fixture
def pairs(tmp_path):
    """A data set of wide pairs; most are of one shape."""
    for index in range(4):
        save(tmp_path / "data" / "train" / f"{index}.png", 20, 60, index)
    save(tmp_path / "data" / "train" / "other.png", 20, 20)
    # Hidden folders and files, as file managers make, are none of the images.
    save(tmp_path / "data" / "train" / ".thumbs" / "0.png", 20, 20)
    save(tmp_path / "data" / "train" / ".0.png", 20, 20)
    return tmp_path / "data"


@pytest.mark.parametrize("direction, half", [("a2b", "left"), ("b2a", "right")])
@pytest.mark.parametrize("layout", ["auto", "side_by_side"])
def test_the_input_s_half_is_translated_and_that_is_said(
    pairs, tmp_path, caplog, direction, half, layout
):
    caplog.set_level("INFO")
    image = save(tmp_path / "in" / "pair.png", 30, 90)
    wide = save(tmp_path / "in" / "wide.png", 30, 120)
    save(tmp_path / "in" / "zwei.png", 20, 60)
    translator = trained_on(pairs, direction, layout=layout)
    translate_files(translator, tmp_path / "in", tmp_path / "out")
    middle = image[:, :45] if half == "left" else image[:, 45:]
    painted = read_image(tmp_path / "out" / "pair.png")
    np.testing.assert_array_equal(painted, 255 - middle)
    painted = read_image(tmp_path / "out" / "wide.png")
    np.testing.assert_array_equal(painted, 255 - wide)
    (line,) = caplog.messages
    assert "pair.png' (90x30) has the shape of the training images, pairs side" in line
    assert f"its {half} half is translated; --half whole translates all" in line


@pytest.mark.parametrize("half", ["left", "right", "whole"])
def test_the_user_decides(pairs, tmp_path, caplog, half):
    caplog.set_level("INFO")
    image = save(tmp_path / "in" / "pair.png", 30, 90)
    translator = trained_on(pairs)
    translate_files(translator, tmp_path / "in", tmp_path / "out", half=half)
    painted = 255 - read_image(tmp_path / "out" / "pair.png")
    parts = {"left": image[:, :45], "right": image[:, 45:], "whole": image}
    np.testing.assert_array_equal(painted, parts[half])
    assert caplog.messages == []
    save(tmp_path / "odd" / "a.png", 30, 9)
    report = translate_files(translator, tmp_path / "odd", tmp_path / "o", half=half)
    if half != "whole":
        assert "its width, 9, is odd: expected two halves side by" in report.failed[0]
    with pytest.raises(ValueError, match="--half is 'top'; expected 'left', 'right'"):
        translate_files(translator, tmp_path / "in", tmp_path / "out", half="top")


def test_runs_of_other_layouts_translate_the_whole(tmp_path, caplog):
    caplog.set_level("INFO")
    for side in "AB":
        save(tmp_path / "data" / "train" / side / "0.png", 30, 90)
    # Beside the folders there may be anything.
    save(tmp_path / "data" / "train" / "preview.png", 30, 90)
    save(tmp_path / "in" / "pair.png", 30, 90)
    # Nor are images that lie beside a folder of the same names halves.
    for name in ("train", "trainannot"):
        save(tmp_path / "beside" / name / "0.png", 30, 30)
    runs = [
        ("data", {}),
        ("data", {"layout": "folders"}),
        ("data", {"input": "grayscale", "layout": "targets"}),
        ("beside", {}),
        ("beside", {"a": "train", "b": "trainannot"}),
    ]
    save(tmp_path / "in" / "square.png", 30, 30)
    for index, (folder, data) in enumerate(runs):
        translator = trained_on(tmp_path / folder, **data)
        out = tmp_path / f"out{index}"
        translate_files(translator, tmp_path / "in", out)
        assert read_image(out / "pair.png").shape == (30, 90, 3)
        assert read_image(out / "square.png").shape == (30, 30, 3)
    assert caplog.messages == []


def test_a_recipe_s_names_are_nobody_s(pairs, tmp_path):
    save(tmp_path / "in" / "pair.png", 30, 90)
    translator = trained_on(pairs, a="photo", b="label")
    training = Training(translator.shown.training.data, usual=("photo", "label"))
    translator.shown = Shown(training)
    translate_files(translator, tmp_path / "in", tmp_path / "out")
    assert read_image(tmp_path / "out" / "pair.png").shape == (30, 45, 3)


def test_images_that_have_gone_leave_a_doubt(tmp_path, caplog):
    caplog.set_level("INFO")
    save(tmp_path / "in" / "pair.png", 30, 60)
    translator = trained_on(tmp_path / "gone")
    translate_files(translator, tmp_path / "in", tmp_path / "out")
    assert read_image(tmp_path / "out" / "pair.png").shape == (30, 60, 3)
    (line,) = caplog.messages
    assert "(60x30) has the shape of a pair side by side: if it is one, --half" in line
    # Where the user said so for training, there is none.
    translator = trained_on(tmp_path / "gone", layout="side_by_side")
    translate_files(translator, tmp_path / "in", tmp_path / "half")
    assert read_image(tmp_path / "half" / "pair.png").shape == (30, 30, 3)
