import re

import pytest

from tests.data.conftest import touch
from tfi2i.data import headers
from tfi2i.preparation.folder_scan import UNSPLIT, infer_layout, scan_folder


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train/A/1.png", "train/B/1.png", "test/A/2.png", "test/B/2.png"], 2),
        (["trainA/1.png", "trainB/x.png", "testA/2.png", "testB/2.png"], 2),
        (["train/photo/1.png", "train/label/1.jpg", "test/1.png"], (2, 1)),
        (["train/1.png", "test/2.png"], 1),
    ],
)
def test_splits(tmp_path, names, expected):
    touch(tmp_path, *names)
    found = scan_folder(tmp_path, "auto", "A", "B")
    assert [one.split for one in found.splits] == ["train", "test"]
    numbers = expected if isinstance(expected, tuple) else (expected, expected)
    assert tuple(len(one.folders) for one in found.splits) == numbers
    assert not found.advice
    listed = [path for one in found.splits for side in one.files for path in side]
    assert sorted(p.relative_to(tmp_path).as_posix() for p in listed) == sorted(names)


def test_images_that_nobody_split(tmp_path):
    touch(tmp_path / "flat", "1.png", "2.jpg")
    touch(tmp_path / "two", "horse/1.png", "zebra/1.png")
    for name, folders in (("flat", 1), ("two", 2)):
        (found,) = scan_folder(tmp_path / name, "auto", "A", "B").splits
        assert found.split == UNSPLIT and len(found.folders) == folders


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        ([], "is empty: expected images side by side in"),
        (["notes.txt", "a/b.csv", "a/c.csv"], "only 2 .csv, 1 .txt below: expected"),
        (["Training/A/1.png", "Val/B/1.png"], "rename 'Training' to 'train' and 'Val'"),
        (["x/y/train/1.png"], "the splits lie deeper: name '.*x/y'"),
        (["trainA/1.png"], "there is '.*trainA', but no '.*trainB' beside it"),
        (["1.png", "a/2.png"], r"mean nothing here \(1 directly, 1 in 'a'\): expected"),
        (["a/1.png", "b/1.png", "c/1.png"], "1 in 'a', 1 in 'b', 1 in 'c'"),
    ],
)
def test_what_is_no_data_set_is_explained(tmp_path, names, advice):
    images = [name for name in names if name.endswith(".png")]
    touch(tmp_path, *images)
    for name in set(names) - set(images):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no image")
    found = scan_folder(tmp_path, "auto", "A", "B")
    assert found.splits == ()
    assert re.search(advice, found.advice)


def test_a_layout_that_is_not_there(tmp_path):
    touch(tmp_path, "train/A/1.png", "train/B/1.png")
    found = scan_folder(tmp_path, "side_by_side", "A", "B")
    assert found.splits == ()
    assert "has no images of layout 'side_by_side': leave" in found.advice


def test_a_split_itself(tmp_path):
    touch(tmp_path, "train/A/1.png", "train/B/1.png")
    found = scan_folder(tmp_path / "train", "auto", "A", "B")
    assert (
        found.advice == f"'{tmp_path / 'train'}' is itself a split: name '{tmp_path}'"
    )


def test_no_training_split(tmp_path):
    touch(tmp_path, "test/A/1.png", "test/B/1.png", "Train/A/1.png")
    found = scan_folder(tmp_path, "auto", "A", "B")
    assert [one.split for one in found.splits] == ["test"]
    assert "has no 'train' split: rename 'Train' to 'train'" in found.advice


@pytest.mark.parametrize(
    ("size", "asked", "expected"),
    [
        ((12, 6), "auto", "side_by_side"),
        ((6, 6), "auto", "targets"),
        ((6, 6), "side_by_side", "side_by_side"),
        ((12, 6), "targets", "targets"),
    ],
)
def test_layout_of_one_folder(tmp_path, size, asked, expected):
    touch(tmp_path, "train/1.png", "train/2.png", size=size)
    (found,) = scan_folder(tmp_path, asked, "A", "B").splits
    read = [headers.read(path) for path in found.files[0]]
    assert infer_layout(found, read, asked) == expected
