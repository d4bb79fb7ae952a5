import os
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.conftest import one_line, picture, save
from tests.preparation.conftest import pictures
from tfi2i.preparation.split import split


def write(root, *names):
    """Files that differ in their bytes; nothing is decoded."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def placed(out: Path) -> dict[str, str]:
    """Split of every file, by its path below the split."""
    found = {}
    for path in sorted(out.rglob("*")):
        if path.is_file():
            name, rest = path.relative_to(out).as_posix().split("/", 1)
            assert found.setdefault(rest, name) == name
    return found


def test_every_image_is_in_one_split_and_its_bytes_are_kept(tmp_path):
    names = [f"{i}.jpg" for i in range(50)]
    write(tmp_path / "all", *names, "notes.txt")
    done = split(tmp_path / "all", tmp_path / "out", val=0.2, test=0.1)
    assert done.counts == {
        "train": {"images": 35},
        "val": {"images": 10},
        "test": {"images": 5},
    }
    where = placed(tmp_path / "out")
    assert sorted(where) == sorted(names)
    for name, folder in where.items():
        assert (tmp_path / "out" / folder / name).read_bytes() == name.encode()
    assert done.is_paired is done.groups is None and done.identical == 0


def test_seed_and_names_decide(tmp_path):
    write(tmp_path / "all", *(f"{i}.png" for i in range(40)))
    found = []
    for name, seed in (("x", 3), ("y", 3), ("z", 4)):
        split(tmp_path / "all", tmp_path / name, seed=seed)
        found.append(placed(tmp_path / name))
    assert found[0] == found[1] != found[2]


def test_no_folder_is_made_where_a_share_is_0(tmp_path):
    write(tmp_path / "all", *(f"{i}.png" for i in range(4)))
    done = split(tmp_path / "all", tmp_path / "out", test=0)
    assert done.counts == {"train": {"images": 3}, "val": {"images": 1}}
    assert not (tmp_path / "out" / "test").exists()


def test_pairs_stay_together_whatever_folders_and_extensions(tmp_path):
    for i in range(20):
        write(tmp_path / "all", f"photo/{i}.jpg", f"label map/{i}.png")
    done = split(tmp_path / "all", tmp_path / "out")
    assert done.is_paired and done.counts["train"] == {"pairs": 16}
    where = placed(tmp_path / "out")
    assert len(where) == 40
    for i in range(20):
        assert where[f"photo/{i}.jpg"] == where[f"label map/{i}.png"]


def test_other_folders_are_split_each_on_its_own(tmp_path):
    write(tmp_path / "all", *(f"horse/h{i}.jpg" for i in range(20)))
    write(tmp_path / "all", *(f"zebra/z{i}.jpg" for i in range(40)))
    done = split(tmp_path / "all", tmp_path / "out")
    assert done.is_paired is False
    assert done.counts == {
        "train": {"horse": 16, "zebra": 32},
        "val": {"horse": 2, "zebra": 4},
        "test": {"horse": 2, "zebra": 4},
    }


def test_names_that_nearly_match_are_a_question(tmp_path):
    write(tmp_path / "all", *(f"A/{i}.jpg" for i in range(9)), "A/odd.jpg")
    write(tmp_path / "all", *(f"B/{i}.jpg" for i in range(9)))
    with pytest.raises(ValueError, match=r"9 names .* 1 in one only: odd") as error:
        split(tmp_path / "all", tmp_path / "out")
    one_line(error)
    done = split(tmp_path / "all", tmp_path / "out", unpaired=True)
    assert done.is_paired is False and done.counts["train"] == {"A": 8, "B": 7}


def test_groups_never_cross_splits(tmp_path):
    names = [f"patient{i % 12:02}-slice{i}.png" for i in range(120)]
    write(tmp_path / "all", *names)
    done = split(tmp_path / "all", tmp_path / "out", group=r"patient(\d+)")
    assert done.groups == 12
    splits = {}
    for name, folder in placed(tmp_path / "out").items():
        splits.setdefault(name[:9], set()).add(folder)
    assert len(splits) == 12 and all(len(found) == 1 for found in splits.values())
    assert done.counts == {
        "train": {"images": 100},
        "val": {"images": 10},
        "test": {"images": 10},
    }
    # Without parentheses, all that is matched is the group.
    whole = split(tmp_path / "all", tmp_path / "whole", group=r"^patient\d+")
    assert whole.groups == 12


def test_a_large_group_fills_a_split_rather_than_none(tmp_path):
    write(tmp_path / "all", *(f"{i % 3}-{i}.png" for i in range(30)))
    done = split(tmp_path / "all", tmp_path / "out", group="^.")
    assert done.counts == {name: {"images": 10} for name in ("train", "val", "test")}


def test_same_bytes_never_cross_splits(tmp_path):
    names = [f"{i}.png" for i in range(60)]
    write(tmp_path / "all", *names)
    for i, name in enumerate(names):
        (tmp_path / "all" / name).write_bytes(bytes([i // 3]) * 7)
    done = split(tmp_path / "all", tmp_path / "out", val=0.2, test=0.2)
    assert done.identical == 60
    where = placed(tmp_path / "out")
    for i in range(0, 60, 3):
        assert len({where[f"{j}.png"] for j in range(i, i + 3)}) == 1
    assert set(where.values()) == {"train", "val", "test"}


@given(
    contents=st.lists(st.integers(0, 30), min_size=12, max_size=30),
    groups=st.lists(st.integers(0, 7), min_size=30, max_size=30),
    val=st.sampled_from([0.0, 0.1, 0.3]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=40, deadline=None)
def test_no_image_no_group_and_no_content_is_in_two_splits(contents, groups, val, seed):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "all").mkdir()
        names = [
            f"g{g}_{i}.png"
            for i, (_, g) in enumerate(zip(contents, groups, strict=False))
        ]
        for name, content in zip(names, contents, strict=True):
            (root / "all" / name).write_bytes(b"%3d" % content)
        try:
            done = split(root / "all", root / "out", val=val, seed=seed, group="g[0-9]")
        except ValueError as error:
            # All hangs together, or nearly.
            assert "too few to split" in str(error) and not (root / "out").exists()
            return
        where = placed(root / "out")
        assert sorted(where) == sorted(names)
        assert sum(kinds["images"] for kinds in done.counts.values()) == len(names)
        bonds = {}
        for name, content in zip(names, contents, strict=True):
            for bond in (name[:2], content):
                assert bonds.setdefault(bond, where[name]) == where[name]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"val": 0.5, "test": 0.5}, "leave nothing for training"),
        ({"val": -0.1}, "--val is -0.1; expected a share from 0"),
        ({"test": float("nan")}, "--test is nan; expected a share"),
        ({"val": 0, "test": 0}, "both 0"),
        ({"group": "("}, "no regular expression: missing"),
        ({"group": "^a"}, r"finds nothing in 2 of 4 names: b0, b1"),
        ({"group": "(x)?"}, r"finds nothing in 4 of 4 names"),
        ({"group": "."}, "too few to split: "),
    ],
)
def test_requests_that_cannot_be_met(tmp_path, options, expected):
    write(tmp_path / "all", "a0.png", "a1.png", "b0.png", "b1.png")
    with pytest.raises(ValueError, match=expected) as error:
        split(tmp_path / "all", tmp_path / "out", **options)
    one_line(error)
    assert [path.name for path in tmp_path.iterdir()] == ["all"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "holds no images: expected .*.png"),
        (["train/1.png"], "is split already .it has train.: name the folder to split"),
        (["trainA/1.png", "trainB/1.png"], "is split already"),
        (["A/1.png"], "holds folder 'A': expected"),
        (["A/1.png", "B/1.png", "C/1.png"], "'A', folder 'B', folder 'C': expected"),
        (["A/1.png", "B/1.png", "2.png"], "holds 1 images, folder 'A', folder 'B'"),
        (["1.png"], "too few to split: train would get none of the 1 images"),
    ],
)
def test_folders_that_cannot_be_split(tmp_path, names, expected):
    (tmp_path / "all").mkdir()
    write(tmp_path / "all", *names)
    with pytest.raises(ValueError, match=expected) as error:
        split(tmp_path / "all", tmp_path / "out")
    one_line(error)


def test_nothing_is_overwritten_or_half_written(tmp_path):
    write(tmp_path / "all", *(f"{i}.png" for i in range(4)))
    (tmp_path / "all" / "5.png").symlink_to("nowhere")
    with pytest.raises(OSError):
        split(tmp_path / "all", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["all"]
    (tmp_path / "all" / "5.png").unlink()
    write(tmp_path / "out", "mine.txt")
    with pytest.raises(FileExistsError, match="not empty: name a new folder"):
        split(tmp_path / "all", tmp_path / "out")
    with pytest.raises(ValueError, match="lies in .*, whose images are read"):
        split(tmp_path / "all", tmp_path / "all" / "out")
    with pytest.raises(FileNotFoundError, match="does not exist: expected a folder"):
        split(tmp_path / "none", tmp_path / "new")
    with pytest.raises(NotADirectoryError, match=re.escape("mine.txt' is a file")):
        split(tmp_path / "out" / "mine.txt", tmp_path / "new")
    (tmp_path / "empty").mkdir()
    assert split(tmp_path / "all", tmp_path / "empty").counts["val"] == {"images": 1}


def test_the_same_picture_in_other_files_never_crosses_splits(tmp_path):
    pictures(tmp_path / "all", *(f"{i}.png" for i in range(20)))
    for i in range(20):
        save(tmp_path / "all" / f"copy{i}.bmp", picture(16, 16, i))
    grey = np.random.default_rng(0).integers(0, 256, (16, 16, 1), np.uint8)
    save(tmp_path / "all" / "grey.png", grey[..., 0])
    save(tmp_path / "all" / "colour.png", np.repeat(grey, 3, axis=2))
    done = split(tmp_path / "all", tmp_path / "out", val=0.3, test=0.3)
    assert done.identical == 42
    where = placed(tmp_path / "out")
    assert all(where[f"{i}.png"] == where[f"copy{i}.bmp"] for i in range(20))
    assert where["grey.png"] == where["colour.png"]


def test_pairs_with_the_same_16_bit_image_stay_together(tmp_path):
    # All that it shows is lost in 8 bits.
    faint = np.random.default_rng(0).integers(0, 100, (16, 16)).astype(np.uint16)
    for i in range(20):
        pictures(tmp_path / "all", f"B/{i}.png", first=i)
        save(tmp_path / "all" / f"A/{i}.png", faint + 257 * 100 * (i // 4 % 2))
    done = split(tmp_path / "all", tmp_path / "out", val=0.2, test=0)
    assert done.identical == 20 and done.counts["val"] == {"pairs": 8}
    where = placed(tmp_path / "out")
    for n in (0, 4):
        assert len({where[f"A/{i}.png"] for i in range(n, 20, 8)}) == 1


def test_a_blank_label_belongs_to_several_pairs(tmp_path):
    for i in range(10):
        pictures(tmp_path / "all", f"A/{i}.png", first=i)
        red = np.full((16, 16, 3), (255, 0, 0), np.uint8)
        save(tmp_path / "all" / f"B/{i}.png", red)
    done = split(tmp_path / "all", tmp_path / "out")
    assert done.identical == 0 and done.counts["train"] == {"pairs": 8}


def test_partners_of_what_is_listed_are_left_out_too(tmp_path):
    for i in range(20):
        write(tmp_path / "all", f"photo/{i}_A.jpg", f"label/{i}_B.png")
    write(tmp_path / "all", "photo/lonely_A.jpg", "label/.cache/1.png", "photo/x.txt")
    out = tmp_path / "left_out.txt"
    out.write_text("photo/lonely_A.jpg\nlabel/7_B.png\n")
    done = split(tmp_path / "all", tmp_path / "out", exclude=out)
    assert done.is_paired
    assert sum(kinds["pairs"] for kinds in done.counts.values()) == 19
    assert done.notes == (
        "left out: 1 file of unknown kinds (.txt 1)",
        f"2 left out (listed in '{out}')",
        "names match where A's are '*_B' and B's '*_A'",
    )
    where = placed(tmp_path / "out")
    assert len(where) == 38 and "photo/7_A.jpg" not in where
    for i in set(range(20)) - {7}:
        assert where[f"photo/{i}_A.jpg"] == where[f"label/{i}_B.png"]


def test_a_full_disk_names_the_folder(tmp_path):
    resource = pytest.importorskip("resource", reason="POSIX only")
    write(tmp_path / "all", *(f"{i}.jpg" for i in range(9)))
    (tmp_path / "all" / "large.jpg").write_bytes(bytes(4000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="^[^']*Cannot write: [^']*'[^']*out'$"):
            split(tmp_path / "all", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["all"]


def test_a_pipe_is_refused_and_not_read(tmp_path):
    """Reading it would wait forever."""
    write(tmp_path / "all", *(f"{i}.jpg" for i in range(9)))
    os.mkfifo(tmp_path / "all" / "pipe.jpg")
    with pytest.raises(OSError, match=r"pipe\.jpg"):
        split(tmp_path / "all", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_a_circle_of_links(tmp_path):
    (tmp_path / "all").symlink_to("all")
    with pytest.raises(FileNotFoundError, match="a link that leads nowhere") as error:
        split(tmp_path / "all", tmp_path / "out")
    one_line(error)
