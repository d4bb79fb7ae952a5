import unicodedata
from pathlib import Path

import pytest

from tests.data.conftest import one_line, touch
from tfi2i.data import find_pairs, find_unpaired
from tfi2i.data.name_matching import matching, sides


def keys(names_a, names_b):
    found = matching(map(Path, names_a), map(Path, names_b))
    sides = [
        [found.key(i, Path(name)) for name in side]
        for i, side in enumerate((names_a, names_b))
    ]
    return sides, found


@pytest.mark.parametrize(
    ("names_a", "names_b", "expected"),
    [
        (["im0_A.png", "im1_A.png"], ["im0_B.jpg", "im1_B.jpg"], ["im0", "im1"]),
        (["im0-a.png"], ["im0-b.png"], ["im0"]),
        (["0001_photo.png", "0002_photo.png"], ["0001.png", "0002.png"],
         ["0001", "0002"]),
        (["photo_1.jpg", "photo_2.jpg"], ["label_1.png", "label_2.png"], ["1", "2"]),
        (["in 1 x.jpg", "in 2 x.jpg"], ["out 1 y.jpg", "out 2 y.jpg"], ["1", "2"]),
        (["7L.png", "8L.png"], ["7R.png", "8R.png"], ["7", "8"]),
        # Of digits that all have in common, none is taken for an end.
        (["10_A.png", "20_A.png"], ["10_B.png", "20_B.png"], ["10", "20"]),
        (["bonn_19_leftImg8bit.png", "ulm_20_leftImg8bit.png"],
         ["bonn_19_gtFine_color.png", "ulm_20_gtFine_color.png"],
         ["bonn_19", "ulm_20"]),
    ],
)  # fmt: skip
def test_names_match_without_what_all_of_a_folder_have_in_common(
    names_a, names_b, expected
):
    sides, found = keys(names_a, names_b)
    assert sides == [expected, expected]
    assert "names match where A's are '" in found.note


@pytest.mark.parametrize(
    ("names_a", "names_b"),
    [
        (["1.png", "2.png"], ["2.png", "3.png"]),
        (["x_A.png", "1.png"], ["x_B.png", "1.png"]),
        (["cat.png", "dog.png"], ["fox.png", "hen.png"]),
        (["xA0.png", "xA1.png"], ["xB0.png", "xB1.png"]),
        # Without their ends, two of one folder would be the same.
        (["1_A.png", "1.png", "2_A.png"], ["3_B.png", "2_B.png"]),
        ([], ["1.png"]),
    ],
)
def test_other_names_are_compared_as_they_are(names_a, names_b):
    sides, found = keys(names_a, names_b)
    stems = [[Path(name).stem for name in side] for side in (names_a, names_b)]
    assert sides == stems and found.note == ""


@pytest.mark.parametrize(
    ("forms", "keys", "expected"),
    [
        (("{}_A", "{}_B"), ("1", "2", "13"), ("'*_A'", "'*_B'")),
        (("{}_real_A", "{}_real_B"), ("1", "2", "13"), ("'*_A'", "'*_B'")),
        (("{}-input", "{}-target"), ("1", "2"), ("'*-input'", "'*-target'")),
        (("{}.in", "{}.out"), ("street", "house"), ("'*.in'", "'*.out'")),
        (("{} rgb", "{} mask"), ("im 1", "im 2"), ("'* mask'", "'* rgb'")),
        (("{}_leftImg8bit", "{}_gtFine_color"), ("bonn_1_1", "bonn_1_2", "ulm_1_1"),
         ("'*_gtFine_color'", "'*_leftImg8bit'")),
        (("{}_A", "{}_A_seg"), ("1", "2"), ("'*_A'", "'*_A_seg'")),
        (("A_{}", "B_{}"), ("1", "2", "13"), ("'A_*'", "'B_*'")),
        (("input_{}", "target_{}"), ("1", "2"), ("'input_*'", "'target_*'")),
        (("day_{}", "night_{}"), ("bonn", "jena", "ulm"), ("'day_*'", "'night_*'")),
    ],
)  # fmt: skip
def test_one_folder_of_both_sides(forms, keys, expected):
    named = [Path(f"{form.format(key)}.png") for key in keys for form in forms]
    assert tuple(map(str, sides(named))) == expected
    # One file that has no partner, or is another, makes them files of any names.
    assert sides(named[1:]) is None
    assert sides([*named, Path("other.png"), Path("one more.png")]) is None


@pytest.mark.parametrize(
    "stems",
    [
        ("cat_1", "cat_2", "dog_1", "dog_2"),
        ("cat_1_x", "cat_2_x", "dog_1_x", "dog_2_x"),
        ("bonn_1_leftImg8bit", "bonn_2_leftImg8bit", "ulm_1_leftImg8bit",
         "ulm_2_leftImg8bit"),
        ("cat_frame_1", "cat_frame_2", "dog_frame_1", "dog_frame_2"),
        ("cat_001", "cat_002", "cat_003", "dog_001", "dog_002", "dog_003"),
        ("img_001", "img_002", "img_003", "img_004"),
        ("img_001", "img_002"),
        ("left_1", "left_2", "right_1", "right_2"),
        ("1", "1_flip", "2", "2_flip"),
        ("1A", "1B", "2A", "2B"),
        ("1_A", "1_B"),
        ("1_A", "1_B", "1_C", "2_A", "2_B", "2_C"),
        (),
    ],
)  # fmt: skip
def test_names_that_are_no_sides(stems):
    assert sides(Path(f"{name}.png") for name in stems) is None


def test_what_has_no_partner_is_named_and_the_others_are_not(tmp_path):
    touch(tmp_path, *(f"train/A/{i}_A.png" for i in range(5)))
    touch(tmp_path, *(f"train/B/{i}_B.png" for i in range(4)), "train/B/Thumb.png")
    with pytest.raises(ValueError) as error:
        find_pairs(tmp_path, "train")
    text = one_line(error)
    assert "1 in train/A without a partner in train/B (4_A.png)" in text
    assert "(Thumb.png)" in text and "as 1_A.png and 1_B.png" in text


def test_pairs_are_listed_by_either_of_their_names(tmp_path):
    touch(tmp_path, *(f"train/A/{i}_A.png" for i in range(3)))
    touch(tmp_path, *(f"train/B/{i}_B.png" for i in range(3)))
    out = tmp_path / "left_out.txt"
    out.write_text("train/B/1_B.png\n")
    files = find_pairs(tmp_path, "train", exclude=out)
    assert [sample.name for sample in files.samples] == ["0", "2"]
    assert files.reason.endswith(f"'*_B'; 1 left out (listed in '{out}')")


def test_accents_are_the_same_however_they_are_composed(tmp_path):
    words = ("café", "naïve", "señor")
    touch(tmp_path, *(f"bild/ä/{unicodedata.normalize('NFC', w)}.png" for w in words))
    touch(tmp_path, *(f"bild/b/{unicodedata.normalize('NFD', w)}.png" for w in words))
    (tmp_path / "bild").rename(tmp_path / "train")
    folder = unicodedata.normalize("NFD", "ä")
    files = find_pairs(tmp_path, "train", a=folder, b="b")
    assert [sample.name for sample in files.samples] == list(words)
    out = tmp_path / "left_out.txt"
    out.write_text(unicodedata.normalize("NFD", "train/ä/café.png"), encoding="utf-8")
    assert len(find_pairs(tmp_path, "train", a="ä", b="b", exclude=out)) == 2


def test_what_is_no_image_is_counted_and_hidden_folders_are_hidden(tmp_path):
    touch(tmp_path, "train/A/1.png", "train/B/1.png", "train/A/.thumbnails/1.png")
    touch(tmp_path, "train/.ipynb_checkpoints/1.png", "real/2.png")
    for name in ("A/1.txt", "A/2.txt", "B/1.XMP", "B/README", "A/.hidden"):
        (tmp_path / "train" / name).write_text("")
    expected = "left out: 4 files of unknown kinds (.txt 2, .xmp 1, no extension 1)"
    for find in (find_pairs, find_unpaired):
        assert find(tmp_path, "train").reason.endswith(f"; {expected}")
    # Folders inside are not read, linked ones neither, which nobody must guess.
    (tmp_path / "train/A/more").symlink_to("../../real")
    reason = find_pairs(tmp_path, "train").reason
    assert reason.endswith(f"; {expected}, 1 folder of images inside (A/more)")


def test_linked_folders_are_folders(tmp_path):
    touch(tmp_path, "real/a/1.png", "real/b/1.png")
    (tmp_path / "train").mkdir()
    (tmp_path / "train/A").symlink_to("../real/a")
    (tmp_path / "train/B").symlink_to("../real/b")
    assert len(find_pairs(tmp_path, "train")) == 1
    (tmp_path / "set").mkdir()
    (tmp_path / "set/train").symlink_to("../train")
    assert len(find_pairs(tmp_path / "set", "train")) == 1


def test_links_that_go_round_in_a_circle_are_named(tmp_path):
    touch(tmp_path, "train/1.png")
    (tmp_path / "train/loop.png").symlink_to("loop.png")
    with pytest.raises(ValueError, match=r"train/loop.png \(Too many levels") as error:
        find_pairs(tmp_path, "train")
    one_line(error)
    (tmp_path / "train/loop.png").unlink()
    (tmp_path / "train/round").symlink_to("round")
    reason = find_pairs(tmp_path, "train").reason
    circle = "1 link that leads nowhere or round in a circle (train/round)"
    assert reason.endswith(f"; left out: {circle}")
    (tmp_path / "self").symlink_to("self")
    with pytest.raises(FileNotFoundError, match="self' is a link that leads nowhere"):
        find_pairs(tmp_path / "self", "train")
    (tmp_path / "val").symlink_to("val")
    with pytest.raises(FileNotFoundError, match="val' is a link that leads nowhere"):
        find_pairs(tmp_path, "val")
