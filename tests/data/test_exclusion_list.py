import pytest

from tests.data.conftest import one_line, touch
from tfi2i.data import exclusion_list
from tfi2i.data.paired_files import find_pairs
from tfi2i.data.unpaired_files import find_unpaired


def listed(root, *lines):
    path = root / "bad.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def names(files):
    return [sample.name for sample in files.samples]


def test_a_broken_pair_is_left_out_with_its_partner_and_does_not_stop_the_rest(
    tmp_path,
):
    touch(tmp_path, *(f"train/{side}/{i}.png" for side in "AB" for i in range(4)))
    (tmp_path / "train" / "B" / "2.png").write_bytes(b"no image")
    (tmp_path / "train" / "A" / "alone.png").write_bytes(b"")
    with pytest.raises(ValueError, match="unmatched"):
        find_pairs(tmp_path, "train")
    bad = listed(
        tmp_path,
        "# broken",
        "",
        "train/B/2.png",
        " ./train/A/alone.png ",
        "val/A/9.png",
    )
    files = find_pairs(tmp_path, "train", exclude=bad)
    assert names(files) == ["0", "1", "3"]
    assert files.reason.endswith(f"B is train/B; 2 left out (listed in '{bad}')")


def test_the_other_file_of_a_name_stays_paired(tmp_path):
    touch(tmp_path, "train/A/1.png", "train/A/1.jpg", "train/B/1.png")
    bad = listed(tmp_path, "train/A/1.jpg")
    (sample,) = find_pairs(tmp_path, "train", exclude=bad).samples
    assert sample.a.path.name == sample.b.path.name == "1.png"


def test_side_by_side_targets_and_unpaired_images(tmp_path):
    touch(tmp_path, *(f"train/{i}.png" for i in range(3)), size=(12, 6))
    (tmp_path / "train" / "1.png").write_bytes(b"no image")
    bad = listed(tmp_path, "train/1.png")
    for options in ({}, {"layout": "targets", "targets_only": True}):
        files = find_pairs(tmp_path, "train", exclude=bad, **options)
        assert names(files) == ["0", "2"] and "; 1 left out" in files.reason
    files = find_unpaired(tmp_path, "train", exclude=bad)
    assert len(files.a) == len(files.b) == 2 and "; 1 left out" in files.reason


def test_unpaired_folders_lose_the_listed_files_only(tmp_path):
    touch(tmp_path, *(f"train{side}/{i}.png" for side in "AB" for i in range(3)))
    bad = listed(tmp_path, "trainA/1.png", "trainB/0.png", "trainB/2.png")
    files = find_unpaired(tmp_path, "train", exclude=bad)
    assert [image.path.name for image in files.a] == ["0.png", "2.png"]
    assert [image.path.name for image in files.b] == ["1.png"]
    assert "2 and 1 images; 3 left out" in files.reason


@pytest.mark.parametrize("find", [find_pairs, find_unpaired])
def test_lists_that_cannot_be_meant(tmp_path, find):
    touch(tmp_path, "train/A/1.png", "train/B/1.png")
    with pytest.raises(FileNotFoundError, match="--data.exclude") as error:
        find(tmp_path, "train", exclude=tmp_path / "none.txt")
    one_line(error)
    wrong = listed(tmp_path, "photos/train/A/1.png", "train", "train/A/3.png")
    with pytest.raises(ValueError, match="names nothing in .*photos/train") as error:
        find(tmp_path, "train", exclude=wrong)
    one_line(error)
    everything = listed(tmp_path, "train/A/1.png", "train/B/1.png")
    with pytest.raises(ValueError, match="leaves out every image of") as error:
        find(tmp_path, "train", exclude=everything)
    one_line(error)


def test_a_list_without_names_leaves_everything(tmp_path):
    touch(tmp_path, "train/A/1.png", "train/B/1.png")
    files = find_pairs(tmp_path, "train", exclude=listed(tmp_path, "# nothing", ""))
    assert len(files) == 1 and "left out" not in files.reason


def test_all_pairs_may_go_for_one_side_each(tmp_path):
    touch(tmp_path, *(f"train/{side}/{i}.png" for side in "AB" for i in range(2)))
    bad = listed(tmp_path, "train/A/0.png", "train/B/1.png")
    with pytest.raises(ValueError, match="leaves out every image"):
        find_pairs(tmp_path, "train", exclude=bad)


def test_written_lists_read_back_whatever_the_names(tmp_path):
    odd = ["train/#1.png", "#/a b.png", " x.png", "ü[1].png", "bad\udcff.png"]
    touch(tmp_path, odd[0])
    text = exclusion_list.to_text({"unreadable": odd[:2], "copies": odd[2:]})
    path = tmp_path / "list.txt"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    assert text.splitlines()[0] == "# unreadable"
    read = exclusion_list.read(tmp_path, path)
    assert read.paths == {tmp_path / name for name in odd}
    with pytest.raises(ValueError, match="line break"):
        exclusion_list.to_text({"copies": ["a\nb.png"]})
