"""Images that changed under their names are noticed, moved ones are known again."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from tfi2i.data import PairedData, UnpairedData
from tfi2i.training.known_images import KNOWN, check, files, record


def _bmp(path, seed):
    # All files have one size, whatever is in them.
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    for index in range(8):
        for side in "AB":
            _bmp(tmp_path / "data" / "train" / side / f"{index}.bmp", index)
    return tmp_path / "data"


def _files(folder, kind=PairedData):
    return files("train", kind.load(folder, cache="off", crop_size=16, load_size=16))


@pytest.fixture
def run(folder, tmp_path):
    record(tmp_path, _files(folder))
    return tmp_path


def _status(path):
    return path.stat().st_size, path.stat().st_mtime_ns


def test_content_that_changed_under_the_same_size_and_time(folder, run):
    path = folder / "train" / "B" / "3.bmp"
    before = path.stat()
    _bmp(path, 99)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert _status(path) == (before.st_size, before.st_mtime_ns)
    with pytest.raises(
        ValueError, match="are others .*; changed: train/B/3.bmp. Restore"
    ):
        check(run, _files(folder))


def test_a_file_of_another_size(folder, run):
    Image.new("RGB", (20, 20)).save(folder / "train" / "A" / "1.bmp")
    with pytest.raises(ValueError, match="changed: train/A/1.bmp. Restore"):
        check(run, _files(folder))


def test_many_changes_are_not_all_told(folder, run):
    for index in range(8):
        _bmp(folder / "train" / "A" / f"{index}.bmp", 50 + index)
    with pytest.raises(ValueError, match="train/A/0.bmp, .*train/A/4.bmp and 3 more"):
        check(run, _files(folder))


def test_missing_and_new_files_are_named(folder, run):
    for side in "AB":
        (folder / "train" / side / "0.bmp").rename(folder / "train" / side / "x.bmp")
    expected = "missing: train/A/0.bmp, train/B/0.bmp; new: train/A/x.bmp, train/B/x"
    with pytest.raises(ValueError, match=expected):
        check(run, _files(folder))


def test_touched_and_copied_images_are_the_same(folder, run):
    os.utime(folder / "train" / "A" / "0.bmp", (1, 1))
    check(run, _files(folder))
    moved = folder.parent / "moved"
    shutil.copytree(folder, moved)
    shutil.rmtree(folder)
    for path in moved.rglob("*.bmp"):
        os.utime(path, (2, 2))
    check(run, _files(moved))
    # What was learned of the new place is kept.
    _bmp(moved / "train" / "A" / "5.bmp", 77)
    with pytest.raises(ValueError, match="changed: train/A/5.bmp. "):
        check(run, _files(moved))


def test_domains_without_pairs(folder, tmp_path):
    record(tmp_path, _files(folder, UnpairedData))
    _bmp(folder / "train" / "B" / "7.bmp", 99)
    with pytest.raises(ValueError, match="16 now, 16 then; changed: train/B/7.bmp. "):
        check(tmp_path, _files(folder, UnpairedData))


def test_both_images_of_a_pair_in_one_file(tmp_path):
    for index in range(2):
        wide = Image.new("RGB", (32, 16), (index, 0, 0))
        (tmp_path / "data" / "train").mkdir(parents=True, exist_ok=True)
        wide.save(tmp_path / "data" / "train" / f"{index}.png")
    assert list(_files(tmp_path / "data")) == ["train/B/0.png", "train/B/1.png"]
    first = files("val", UnpairedData.load(tmp_path / "data", cache="off"), 1)
    assert len(first) == 2


def test_a_run_of_an_earlier_version_gets_a_record(folder, tmp_path):
    check(tmp_path, _files(folder))
    _bmp(folder / "train" / "A" / "1.bmp", 99)
    with pytest.raises(ValueError, match="changed: train/A/1"):
        check(tmp_path, _files(folder))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"format": 2}', '{"format": 1, "files": {"a": [1]}}', "[" * 5000],
)
def test_a_damaged_record_is_one_line(text, folder, run):
    (run / KNOWN).write_text(text)
    with pytest.raises(ValueError, match="Cannot read '.*images.json'") as error:
        check(run, _files(folder))
    assert "\n" not in str(error.value)
