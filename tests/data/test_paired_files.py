import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.conftest import one_line, touch
from tfi2i.data import paired_files
from tfi2i.data.paired_files import available_splits, find_pairs


def pairs(files: paired_files.PairedFiles, root: Path) -> list[tuple[str, str]]:
    return [
        tuple(image and image.path.relative_to(root).as_posix() for image in (s.a, s.b))
        for s in files.samples
    ]


def test_side_by_side(tmp_path):
    names = ("train/2.jpg", "train/1.png", "train/3.webp", "train/.hidden.png")
    touch(tmp_path, *names, size=(12, 6))
    (tmp_path / "train" / "notes.txt").write_text("not an image")
    files = find_pairs(tmp_path, "train")
    assert files.layout == "side_by_side"
    assert [s.name for s in files.samples] == ["1", "2", "3"]
    first = files.samples[0]
    assert (first.a.half, first.b.half) == ("left", "right")
    assert first.a.path == first.b.path == tmp_path / "train" / "1.png"
    assert (first.a.width, first.a.height) == (12, 6)
    assert files.reason == (
        "side by side in train: A is the left half, B the right; left out: 1 file of "
        "unknown kinds (.txt 1)"
    )


@pytest.mark.parametrize(
    ("size", "verdict"),
    [
        ((6, 6), "refused"),
        ((8, 6), "refused"),
        ((14, 10), "refused"),
        ((6, 8), "refused"),
        ((16, 10), "taken"),
        ((20, 10), "taken"),
        ((26, 10), "taken"),
        # Halves that are twice as wide as high, as of street scenes.
        ((28, 10), "doubted"),
        ((40, 10), "doubted"),
    ],
)
def test_single_images_are_not_cut_in_half_unless_asked_for(tmp_path, size, verdict):
    touch(tmp_path, "train/1.png", "train/2.png", size=size)
    touch(tmp_path, "train/3.png", size=(6, 6) if verdict == "taken" else (12, 6))
    asked = find_pairs(tmp_path, "train", layout="side_by_side")
    assert asked.reason == "side by side in train: A is the left half, B the right"
    if verdict == "refused":
        with pytest.raises(ValueError) as error:
            find_pairs(tmp_path, "train")
        text = one_line(error)
        assert "2 of 3 images in" in text and "about twice as wide as high" in text
        for way in ("input edges", "a train --data.b FOLDER", "layout side_by_side"):
            assert f"--data.{way}" in text
        return
    files = find_pairs(tmp_path, "train")
    assert files.layout == "side_by_side" and len(files) == 3
    said = "2 of 3 are not about twice as wide as high" in files.reason
    assert said == (verdict == "doubted") and "\n" not in files.reason


@pytest.mark.parametrize(
    ("a", "b", "folder_a", "folder_b"),
    [
        ("A", "B", "val/A", "val/B"),
        ("A", "B", "valA", "valB"),
        ("photo", "label", "val/photo", "val/label"),
        ("_in", "_out", "val_in", "val_out"),
        # the split's name in theirs, or the other way round
        ("photo", "label", "val_photo", "val_label"),
        ("photo", "label", "photo_val", "label_val"),
        ("photo", "label", "photo/val", "label/val"),
        ("train", "trainannot", "val", "valannot"),
        ("images_train/", "labels_train", "images_val", "labels_val"),
        ("train/rgb", "train/depth", "val/rgb", "val/depth"),
        ("Train", "TRAIN-gt", "Val", "VAL-gt"),
        ("train", "annot", "val", "valannot"),
        ("A", "B", "A/val", "B/val"),
        # unnamed, but the only two of that split
        ("A", "B", "images_val", "labels_val"),
        # any two, in alphabetical order
        ("A", "B", "val/alpha", "val/beta"),
        # one name known tells the other
        ("photo", "B", "val/photo", "val/label"),
        ("A", "photo", "val/label", "val/photo"),
    ],
)
def test_two_folders(tmp_path, a, b, folder_a, folder_b):
    touch(tmp_path, f"{folder_a}/x.jpg", f"{folder_b}/x.png", f"{folder_b}/y.JPEG")
    touch(tmp_path, f"{folder_a}/y.webp", "val/.cache/x.png")
    for layout in ("auto", "folders"):
        files = find_pairs(tmp_path, "val", layout=layout, a=a, b=b)
        assert files.layout == "folders"
        assert files.folders == (tmp_path / folder_a, tmp_path / folder_b)
        assert pairs(files, tmp_path) == [
            (f"{folder_a}/x.jpg", f"{folder_b}/x.png"),
            (f"{folder_a}/y.webp", f"{folder_b}/y.JPEG"),
        ]
        assert f"A is {folder_a}, B is {folder_b}" in files.reason


def test_reason_says_that_the_alphabet_decided(tmp_path):
    touch(tmp_path, "train/one/1.png", "train/two/1.png")
    reason = find_pairs(tmp_path, "train").reason
    assert reason.endswith("(the only two folders, in alphabetical order)")


def test_named_folders_come_before_images_and_images_before_other_folders(tmp_path):
    touch(tmp_path, "train/1.png", "train/p/1.png", "train/q/1.png")
    assert find_pairs(tmp_path, "train").layout == "side_by_side"
    assert find_pairs(tmp_path, "train", layout="folders").layout == "folders"
    assert find_pairs(tmp_path, "train", a="p", b="q").layout == "folders"
    both = find_pairs(tmp_path, "train", a="p", b="q", layout="side_by_side")
    assert both.layout == "side_by_side"


def test_stems_are_case_sensitive_and_may_hold_dots(tmp_path):
    touch(tmp_path, "train/A/a.b.png", "train/B/a.b.jpg", "train/A/a.png")
    touch(tmp_path, "train/B/a.png")
    assert [s.name for s in find_pairs(tmp_path, "train").samples] == ["a", "a.b"]
    touch(tmp_path, "train/A/X.png", "train/B/x.png")
    with pytest.raises(ValueError, match="unmatched"):
        find_pairs(tmp_path, "train")


def test_targets(tmp_path):
    touch(tmp_path, "train/1.jpg", "train/2.jpg", size=(7, 7))
    for layout in ("auto", "targets"):
        files = find_pairs(tmp_path, "train", layout=layout, targets_only=True)
        assert files.layout == "targets"
        assert pairs(files, tmp_path) == [(None, "train/1.jpg"), (None, "train/2.jpg")]
        assert files.samples[0].b.half == "whole"
        assert files.reason == "single images, read as targets"


def test_targets_of_two_folders_are_b_and_need_no_a(tmp_path):
    touch(tmp_path, "train/A/1.jpg", "train/B/2.jpg", "train/B/3.jpg")
    files = find_pairs(tmp_path, "train", targets_only=True)
    assert pairs(files, tmp_path) == [(None, "train/B/2.jpg"), (None, "train/B/3.jpg")]
    assert "B is train/B" in files.reason


def test_targets_of_side_by_side_are_the_right_half_if_asked_for(tmp_path):
    touch(tmp_path, "train/1.jpg", size=(8, 4))
    files = find_pairs(tmp_path, "train", layout="side_by_side", targets_only=True)
    assert files.samples[0].a is None
    assert files.samples[0].b.half == "right"
    whole = find_pairs(tmp_path, "train", targets_only=True)
    assert whole.samples[0].b.half == "whole"
    assert "--data.layout side_by_side" in whole.reason


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_sizes_are_those_shown(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "train").mkdir()
    path = tmp_path / "train" / f"1.{suffix}"
    Image.new("RGB", (8, 6)).save(path, exif=exif)
    image = find_pairs(tmp_path, "train", layout="side_by_side").samples[0].a
    assert image.orientation == orientation
    assert (image.width, image.height) == ((6, 8) if orientation >= 5 else (8, 6))


@pytest.mark.parametrize("orientation", [0, 9, "wrong"])
def test_senseless_orientation_is_upright(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112 if orientation != "wrong" else 0x010E] = orientation
    (tmp_path / "train").mkdir()
    Image.new("RGB", (8, 6)).save(tmp_path / "train" / "1.jpg", exif=exif)
    asked = find_pairs(tmp_path, "train", layout="side_by_side")
    assert asked.samples[0].a.orientation == 1


def test_available_splits(tmp_path):
    touch(tmp_path, "test/1.png", "trainA/1.png", "trainB/1.png", "valA/1.png")
    touch(tmp_path, "other/1.png")
    assert available_splits(tmp_path) == ("train", "test")
    touch(tmp_path, "valX/1.png")
    assert available_splits(tmp_path, a="A", b="X") == ("train", "val", "test")
    assert available_splits(tmp_path / "nowhere") == ()


def test_missing_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere' does not exist") as error:
        find_pairs(tmp_path / "nowhere", "train")
    one_line(error)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file, expected a folder"):
        find_pairs(tmp_path / "file", "train")


def test_missing_split(tmp_path):
    touch(tmp_path, "train/1.png", "test/1.png")
    for layout in ("auto", "folders", "side_by_side"):
        with pytest.raises(FileNotFoundError) as error:
            find_pairs(tmp_path, "val", layout=layout, a="in", b="out")
        text = one_line(error)
        assert "has no 'val' split (it has train and test)" in text
        assert "val/*.jpg (A left, B right), val/in and val/out, or valA" in text


def test_no_split_at_all(tmp_path):
    touch(tmp_path, "1.png")
    with pytest.raises(FileNotFoundError, match="it has no split at all"):
        find_pairs(tmp_path, "train")


def test_unknown_split_and_layout(tmp_path):
    with pytest.raises(ValueError, match="'valid': expected train, val or test"):
        find_pairs(tmp_path, "valid")
    with pytest.raises(ValueError, match="unknown layout 'pairs'"):
        find_pairs(tmp_path, "train", layout="pairs")
    with pytest.raises(
        ValueError, match="'targets' has no input .* --data.input edges"
    ):
        find_pairs(tmp_path, "train", layout="targets")


def test_no_images(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "1.txt").write_text("")
    with pytest.raises(ValueError, match=r"no images in .*train'.*\.png .*'A' and 'B'"):
        find_pairs(tmp_path, "train")
    with pytest.raises(ValueError, match="does not hold two folders"):
        find_pairs(tmp_path, "train", layout="folders")
    touch(tmp_path, "train/A/1.png")
    (tmp_path / "train" / "B").mkdir()
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / "train" / "B"))):
        find_pairs(tmp_path, "train")


def test_unmatched_files_are_named_on_both_sides(tmp_path):
    touch(tmp_path, "train/A/same.png", "train/B/same.png", "train/B/only.jpg")
    touch(tmp_path, *(f"train/A/{i}.png" for i in range(7)))
    with pytest.raises(ValueError) as error:
        find_pairs(tmp_path, "train")
    text = one_line(error)
    assert "7 in train/A without a partner in train/B (0.png, 1.png, 2.png" in text
    assert "4.png and 2 more)" in text
    assert "1 in train/B without a partner in train/A (only.jpg)" in text
    assert "same.png" not in text


def test_duplicate_stems(tmp_path):
    touch(tmp_path, "train/A/1.png", "train/A/1.jpg", "train/B/1.png")
    with pytest.raises(ValueError, match="train/A': 1.jpg and 1.png; keep one"):
        find_pairs(tmp_path, "train")


def test_odd_widths(tmp_path):
    touch(tmp_path, "train/1.png", "train/4.png")
    touch(tmp_path, "train/2.png", "train/3.png", size=(13, 6))
    with pytest.raises(ValueError) as error:
        find_pairs(tmp_path, "train")
    text = one_line(error)
    assert "even width" in text
    assert text.endswith("train/2.png (width 13), train/3.png (width 13)")


def test_unreadable_headers_are_named_all_at_once(tmp_path):
    touch(tmp_path, *(f"train/{folder}/{i}.png" for folder in "AB" for i in range(4)))
    (tmp_path / "train/A/0.png").write_bytes(b"")
    (tmp_path / "train/A/2.png").write_bytes(b"GIF89a nonsense")
    cut = (tmp_path / "train/B/3.png").read_bytes()[:20]
    (tmp_path / "train/B/3.png").write_bytes(cut)
    with pytest.raises(ValueError) as error:
        find_pairs(tmp_path, "train")
    text = one_line(error)
    assert text.startswith("3 unreadable images in")
    assert "train/A/0.png (empty)" in text
    assert "train/A/2.png (damaged, or no image: expected JPEG, PNG, WebP, B" in text
    assert "train/B/3.png (" in text


def test_one_unreadable_file_is_singular(tmp_path):
    touch(tmp_path, "train/1.png", "train/2.png")
    (tmp_path / "train/2.png").write_bytes(b"")
    with pytest.raises(ValueError) as error:
        find_pairs(tmp_path, "train")
    assert one_line(error) == (
        f"1 unreadable image in '{tmp_path}': train/2.png (empty); replace or remove it"
    )


def test_a_dangling_link_is_unreadable(tmp_path):
    touch(tmp_path, "train/1.png", "train/2.png")
    (tmp_path / "train/3.png").symlink_to("../gone.png")
    (tmp_path / "train/4.png").symlink_to("2.png")
    with pytest.raises(ValueError) as error:
        find_pairs(tmp_path, "train")
    text = one_line(error)
    assert "1 unreadable image in" in text
    assert "train/3.png (No such file or directory)" in text
    (tmp_path / "train/3.png").unlink()
    assert [s.name for s in find_pairs(tmp_path, "train").samples] == ["1", "2", "4"]


def test_animations_are_refused(tmp_path):
    (tmp_path / "train").mkdir()
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    path = tmp_path / "train" / "1.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match=r"train/1.webp \(animated\)"):
        find_pairs(tmp_path, "train")


def test_a_huge_picture_is_no_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    touch(tmp_path, "train/1.png", size=(10, 6))
    assert len(find_pairs(tmp_path, "train")) == 1
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ValueError, match="train/1.png .*decompression bomb"):
        find_pairs(tmp_path, "train")


def test_results_do_not_change():
    files = find_pairs(Path(__file__).parents[2] / "tfi2i/data/emoji", "val")
    with pytest.raises(AttributeError):
        files.layout = "folders"
    assert np.unique([s.b.width for s in files.samples]) == 128


@pytest.mark.parametrize("link", [False, True])
def test_one_folder_for_both_domains(tmp_path, link):
    touch(tmp_path, "train/B/1.png")
    if link:
        (tmp_path / "train/A").symlink_to("B")
    names = {} if link else {"a": "B"}
    with pytest.raises(ValueError, match="are the same folder: .*--data.a and --d"):
        find_pairs(tmp_path, "train", **names)
    assert len(find_pairs(tmp_path, "train", targets_only=True, **names)) == 1


def test_a_folder_elsewhere(tmp_path):
    touch(tmp_path, "here/train/A/1.png", "there/1.png")
    there = tmp_path / "there"
    files = find_pairs(tmp_path / "here", "train", b=str(there))
    assert files.reason == f"two folders: A is train/A, B is {there}"
