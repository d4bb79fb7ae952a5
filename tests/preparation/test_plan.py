import shlex

import pytest

from tests.data.conftest import one_line
from tests.preparation.conftest import pictures
from tfi2i.preparation.plan import crop_for, plan


@pytest.mark.parametrize(
    ("short_side", "crop"),
    [(1, 32), (64, 64), (90, 64), (100, 128), (128, 128), (200, 256), (5000, 256)],
)
def test_crops_that_do_not_enlarge(short_side, crop):
    assert crop_for(short_side) == crop


def test_what_training_would_read(tmp_path):
    root = tmp_path / "my data"
    pictures(root, *(f"train/{side}/{n}.png" for side in "AB" for n in range(5)))
    pictures(root, "val/A/x.png", "val/B/x.png", "test/A/y.png", "test/B/y.png")
    found = plan("pix2pix-emoji", {"dir": str(root), "batch_size": 2})
    assert found.failure == "" and found.notes == ()
    assert list(found.data) == ["train", "val"] and found.steps == 2
    # Training pairs at 72 pixels, a validation pair at 64.
    assert found.cache == 2 * 5 * 72 * 72 * 3 + 2 * 64 * 64 * 3
    assert found.kept == "memory"
    assert found.config.data.domain_a.channels == 3
    words = shlex.split(found.command)
    assert words[:3] == ["tfi2i", "train", "pix2pix-emoji"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert options.pop("--run").endswith("my data")
    assert options == {"--data.dir": str(root), "--data.batch-size": "2"}


def test_a_crop_takes_the_recipe_s_margin_along(tmp_path):
    pictures(tmp_path, "train/A/1.png", "train/B/1.png")
    found = plan("pix2pix-emoji", {"dir": str(tmp_path), "crop_size": 32})
    assert found.config.data.load_size == 36
    assert "--data.crop-size 32 --data.load-size 36" in found.command


def test_failures_are_told_and_not_raised(tmp_path):
    pictures(tmp_path, "train/A/1.png", "train/B/2.png")
    found = plan("pix2pix-emoji", {"dir": str(tmp_path)})
    assert "unmatched images" in found.failure and "\n" not in found.failure
    pictures(tmp_path, "train/A/2.png", "train/B/1.png")
    found = plan("pix2pix-emoji", {"dir": str(tmp_path), "batch_size": 3})
    assert "--data.batch-size is 3" in found.failure


def test_mistakes_of_the_user_are_raised(tmp_path):
    with pytest.raises(ValueError, match="Did you mean 'pix2pix'") as error:
        plan("pix2pics", {"dir": str(tmp_path)})
    one_line(error)
    with pytest.raises(ValueError, match="--data.crop-size is 100"):
        plan("pix2pix", {"dir": str(tmp_path), "crop_size": 100})
