import pytest

from tests.data.conftest import one_line, touch
from tfi2i.data.paired_files import available_splits, find_pairs
from tfi2i.data.unpaired_files import find_unpaired
from tfi2i.data.validation_share import Share


def camvid(root, size=(8, 6)):
    """The folders of CamVid: the photographs' is called as the split."""
    for split in ("train", "val", "test"):
        names = [f"{split}{annot}/{split}1.png" for annot in ("", "annot")]
        touch(root, *names, size=size)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_folder_beside_a_split_has_its_partners(tmp_path, split):
    camvid(tmp_path)
    for options in ({"a": "train", "b": "trainannot"}, {}, {"layout": "folders"}):
        files = find_pairs(tmp_path, split, **options)
        assert files.layout == "folders" and len(files) == 1
        found = [folder.name for folder in files.folders]
        assert found == [split, f"{split}annot"]
        assert f"A is {split}, B is {split}annot" in files.reason
    other = find_pairs(tmp_path, split, a="trainannot", b="train")
    assert [folder.name for folder in other.folders] == [f"{split}annot", split]


def test_halves_and_a_folder_beside_them_are_a_question(tmp_path):
    camvid(tmp_path, size=(12, 6))
    with pytest.raises(ValueError) as error:
        find_pairs(tmp_path, "train")
    text = one_line(error)
    assert "--data.a train --data.b trainannot or with --data.layout side_by_side" in (
        text
    )
    asked = find_pairs(tmp_path, "train", layout="side_by_side")
    assert asked.layout == "side_by_side"
    assert find_pairs(tmp_path, "train", a="train", b="trainannot").layout == "folders"


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("train", "labels", "there is '.*train' and no '.*trainlabels|labels' beside"),
        ("photo", "label", "has no such folders for the split 'train'"),
        ("A", "label", "has no such folders"),
        ("photo", "B", "has no such folders"),
        ("/nowhere/a", "/nowhere/b", "has no such folders"),
    ],
)
def test_folders_that_are_named_are_taken_or_refused(tmp_path, a, b, expected):
    camvid(tmp_path, size=(12, 6))
    with pytest.raises(FileNotFoundError, match=expected) as error:
        find_pairs(tmp_path, "train", a=a, b=b)
    text = one_line(error)
    assert f"--data.a is '{a}' and --data.b '{b}'" in text
    assert "test, testannot, train, trainannot, val and 1 more" in text


def test_folders_that_hold_all_images_are_for_training_if_they_are_named(tmp_path):
    touch(tmp_path, "photos/1.png", "labels/1.png")
    assert available_splits(tmp_path) == ()
    assert available_splits(tmp_path, a="photos", b="labels") == ("train",)
    files = find_pairs(tmp_path, "train", a="photos", b="labels")
    assert [folder.name for folder in files.folders] == ["photos", "labels"]
    with pytest.raises(FileNotFoundError, match="no 'val' split"):
        find_pairs(tmp_path, "val", a="photos", b="labels")
    with pytest.raises(FileNotFoundError, match="a labels --data.b photos all"):
        find_pairs(tmp_path, "train")


def test_words_that_only_look_like_a_split(tmp_path):
    touch(tmp_path, "strain/1.png", "latest/1.png", "training/1.png", "testing/1.png")
    assert available_splits(tmp_path) == ()


def test_absolute_names_in_the_folder(tmp_path):
    touch(tmp_path, *(f"{s}/{d}/{s}.png" for s in ("train", "val") for d in "xy"))
    names = {"a": str(tmp_path / "train/x"), "b": str(tmp_path / "train/y")}
    for split in ("train", "val"):
        (sample,) = find_pairs(tmp_path, split, **names).samples
        assert sample.b.path == tmp_path / split / "y" / f"{split}.png"


@pytest.mark.parametrize("size", [(6, 6), (12, 6)])
def test_both_sides_in_one_folder_are_refused_unless_the_user_says_otherwise(
    tmp_path, size
):
    touch(tmp_path, *(f"train/{n}_{s}.png" for n in range(3) for s in "AB"), size=size)
    for find in (find_pairs, find_unpaired):
        with pytest.raises(ValueError) as error:
            find(tmp_path, "train")
        text = one_line(error)
        assert "both sides of pairs" in text
        assert "3 are called '*_A' and 3 '*_B'" in text
        assert f"'{tmp_path / 'train/A'}' and '{tmp_path / 'train/B'}'" in text
        assert "tfi2i data pair" in text and "--data.layout side_by_side" in text
        assert ("--data.input edges" in text) == (find is find_pairs)
        assert find(tmp_path, "train", layout="side_by_side").layout == "side_by_side"
    # As with --data.input edges.
    assert len(find_pairs(tmp_path, "train", targets_only=True)) == 6
    # What the message advises is taken.
    for side in "AB":
        (tmp_path / "train" / side).mkdir()
        for path in list(tmp_path.glob(f"train/*_{side}.png")):
            path.rename(path.parent / side / path.name)
    assert len(find_pairs(tmp_path, "train")) == 3


def test_both_sides_in_a_folder_that_nobody_split(tmp_path):
    touch(tmp_path, *(f"{n}-{s}.png" for n in range(5) for s in ("input", "target")))
    with pytest.raises(ValueError, match="both sides of pairs") as error:
        find_pairs(tmp_path, "train", share=Share(0.2))
    assert f"'{tmp_path / 'A'}' and '{tmp_path / 'B'}'" in one_line(error)
