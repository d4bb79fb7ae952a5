import shutil

import numpy as np

from tests.data.conftest import save
from tests.preparation.conftest import cut, pictures, plain
from tfi2i.data.exclusion_list import Excluded
from tfi2i.preparation.folder_scan import scan_folder
from tfi2i.preparation.inspection import CheckRequest, InspectedImages
from tfi2i.preparation.problems import stretched, too_few
from tfi2i.recipes.config import DataConfig


def looked(root, *left_out, **asked):
    asked, out = (
        CheckRequest(**asked),
        Excluded(paths=frozenset(map(root.joinpath, left_out))),
    )
    scan = scan_folder(root, asked.layout, "A", "B")
    return InspectedImages.inspect(scan, asked, DataConfig(), out)


def found(root, *left_out, **asked):
    """Problems by kind."""
    images = looked(root, *left_out, **asked)
    by_kind = {}
    for problem in images.problems_found(root):
        assert by_kind.setdefault(problem.kind, problem) is problem
        assert "\n" not in problem.text
    return by_kind


def left_out(problem, root):
    return [path.relative_to(root).as_posix() for path in problem.exclude]


def paired(root, count=3, split="train"):
    for i, side in enumerate("AB"):
        names = [f"{split}/{side}/{n}.png" for n in range(count)]
        pictures(root, *names, first=1000 * len(split) + 100 * i)


def copy(root, *names):
    for name in names:
        source, target = (root / part for part in name.split(" > "))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def test_nothing_is_wrong_with_good_pairs(tmp_path):
    paired(tmp_path)
    paired(tmp_path, split="test")
    images = looked(tmp_path)
    assert images.is_paired and "all 3 names match" in images.reason
    assert images.counts == {"train": {"A": 3, "B": 3}, "test": {"A": 3, "B": 3}}
    assert found(tmp_path) == {}


def test_files_that_cannot_be_read(tmp_path):
    paired(tmp_path)
    pictures(tmp_path, "train/B/9.png", size=(80, 80))
    pictures(tmp_path, "train/A/9.png")
    cut(tmp_path / "train/B/9.png")
    (tmp_path / "train/A/1.png").write_bytes(b"")
    problems = found(tmp_path)
    assert problems.keys() == {"unreadable", "damaged", "unlike_sizes"}
    assert left_out(problems["unreadable"], tmp_path) == ["train/A/1.png"]
    assert problems["unreadable"].text == "files that cannot be read: empty"
    assert left_out(problems["damaged"], tmp_path) == ["train/B/9.png"]
    assert {problems[kind].level for kind in ("unreadable", "damaged")} == {"error"}


def test_names_without_partners(tmp_path):
    paired(tmp_path, 20)
    pictures(tmp_path, "train/A/lonely.png", "train/A/3.jpg")
    problems = found(tmp_path)
    assert left_out(problems["unmatched"], tmp_path) == ["train/A/lonely.png"]
    assert problems["same_name"].names == ("train/A/3.jpg", "train/A/3.png")
    assert problems["same_name"].exclude == ()
    # That there are so few of these says what the folders are.
    assert looked(tmp_path).is_paired
    pictures(tmp_path, *(f"train/B/other{n}.png" for n in range(10)), first=70)
    assert not looked(tmp_path).is_paired
    assert looked(tmp_path, recipe="pix2pix").is_paired


def test_nothing_is_said_of_what_is_left_out_already(tmp_path):
    paired(tmp_path, 4)
    plain(tmp_path / "train/A/1.png")
    (tmp_path / "train/B/2.png").write_bytes(b"")
    images = looked(tmp_path, "train/A/1.png", "train/B/2.png")
    # Their partners go, too.
    assert images.counts == {"train": {"A": 2, "B": 2}}
    assert "all 2 names match" in images.reason
    assert found(tmp_path, "train/A/1.png", "train/B/2.png") == {}
    # What is no pair has no partner, and another of the name takes its place.
    alone = looked(tmp_path, "train/A/1.png", recipe="cyclegan")
    assert alone.counts == {"train": {"A": 3, "B": 4}}
    pictures(tmp_path, "train/A/1.jpg", first=9)
    assert looked(tmp_path, "train/A/1.png").counts == {"train": {"A": 4, "B": 4}}


def test_pairs_that_are_there_twice(tmp_path):
    paired(tmp_path, 6)
    paired(tmp_path, 2, split="test")
    copy(tmp_path, *(f"train/{s}/1.png > train/{s}/5.png" for s in "AB"))
    copy(tmp_path, *(f"test/{s}/0.png > train/{s}/2.png" for s in "AB"))
    copy(tmp_path, "train/A/3.png > train/A/4.png")
    copy(tmp_path, "train/A/0.png > train/B/0.png")
    problems = found(tmp_path)
    assert problems.keys() == {
        "duplicate",
        "duplicate_across_splits",
        "same_input",
        "same_sides",
    }
    assert problems["duplicate"].names == ("train/A/5.png = train/A/1.png",)
    both = [f"train/{side}/5.png" for side in "AB"]
    assert left_out(problems["duplicate"], tmp_path) == both
    across = problems["duplicate_across_splits"]
    # What is tested on stays.
    assert left_out(across, tmp_path) == ["train/A/2.png", "train/B/2.png"]
    assert problems["same_input"].names == ("train/A/3.png = train/A/4.png",)
    assert problems["same_sides"].names == ("train/A/0.png",)
    assert problems["same_input"].exclude == problems["same_sides"].exclude == ()


def test_unpaired_images_that_are_there_twice(tmp_path):
    pictures(tmp_path, *(f"trainA/h{n}.png" for n in range(4)))
    pictures(tmp_path, *(f"trainB/z{n}.png" for n in range(4)), first=50)
    pictures(tmp_path, "testA/t.png", "testB/t.png", first=80)
    copy(tmp_path, "trainA/h1.png > trainA/h2.png", "testB/t.png > trainB/z0.png")
    copy(tmp_path, "trainA/h3.png > trainB/z3.png")
    problems = found(tmp_path)
    assert left_out(problems["duplicate"], tmp_path) == ["trainA/h2.png"]
    across = problems["duplicate_across_splits"]
    assert left_out(across, tmp_path) == ["trainB/z0.png"]
    assert problems["in_both_domains"].names == ("trainB/z3.png = trainA/h3.png",)
    assert problems["in_both_domains"].exclude == ()


def test_images_that_show_nothing(tmp_path):
    paired(tmp_path)
    plain(tmp_path / "train/A/1.png", 200)
    assert left_out(found(tmp_path)["near_constant"], tmp_path) == ["train/A/1.png"]


def test_what_is_nearly_constant_depends_on_the_kind_of_numbers(tmp_path):
    paired(tmp_path)
    deep = np.random.default_rng(0).integers(0, 65536, (16, 16)).astype(np.uint16)
    save(tmp_path / "train/A/1.png", deep)
    assert "near_constant" not in found(tmp_path)


def test_pairs_of_unlike_sizes(tmp_path):
    paired(tmp_path, 4)
    pictures(tmp_path, "train/B/1.png", size=(32, 32), first=7)
    pictures(tmp_path, "train/A/2.png", size=(32, 16), first=8)
    problems = found(tmp_path)
    assert problems["unlike_sizes"].names == ("train/A/1.png (16x16, 32x32)",)
    assert problems["unlike_shapes"].names == ("train/A/2.png (32x16, 16x16)",)


def test_odd_ones_out(tmp_path):
    paired(tmp_path, 10)
    grey = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)
    save(tmp_path / "train/A/4.png", grey)
    problem = found(tmp_path)["odd_kind"]
    assert problem.names == ("train/A/4.png (8-bit grey)",)
    assert problem.text.startswith("images of A that are not 8-bit colour")


def test_ranges_that_are_little_used_and_labels(tmp_path):
    paired(tmp_path)
    for n in range(3):
        mask = np.zeros((16, 16, 3), np.uint8)
        mask[:, n + 2 :] = 1
        mask[0, 0] = 2
        save(tmp_path / f"train/B/{n}.png", mask)
    problems = found(tmp_path)
    assert "values up to 2 of 255" in problems["dark"].text
    assert "--data.domain-b.high 2" in problems["dark"].text
    assert problems["few_colours"].text.startswith("B has 3 colours")


def test_side_by_side(tmp_path):
    pictures(tmp_path, "train/0.png", "train/1.png", "train/2.png", size=(32, 16))
    pictures(tmp_path, "train/3.png", size=(31, 16))
    half = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    save(tmp_path / "train/4.png", np.concatenate([half, half], axis=1))
    images = looked(tmp_path)
    assert images.layout == "side_by_side" and images.is_paired
    assert {picture.width for picture in images.pictures} == {16, 15}
    problems = found(tmp_path)
    assert left_out(problems["odd_width"], tmp_path) == ["train/3.png"]
    assert problems["same_sides"].names == ("train/4.png",)


def test_splits_of_unlike_layouts(tmp_path):
    paired(tmp_path)
    pictures(tmp_path, "test/0.png", "test/1.png", size=(32, 16), first=70)
    pictures(tmp_path, "test/2.png", size=(33, 16), first=75)
    images = looked(tmp_path)
    assert images.counts["test"] == {"A": 3, "B": 3}
    tested = [picture for picture in images.pictures if picture.split == "test"]
    assert {picture.width for picture in tested} == {16}
    assert found(tmp_path).keys() == {"odd_width"}


def test_single_images_are_targets(tmp_path):
    pictures(tmp_path, "train/0.png", "train/1.png")
    images = looked(tmp_path)
    assert (images.layout, images.input) == ("targets", "edges")
    assert {picture.domain for picture in images.pictures} == {"B"}
    assert images.counts == {"train": {"B": 2}}
    assert "single images, since 0 of 2" in images.reason
    assert looked(tmp_path, input="grayscale").input == "grayscale"
    # Somebody who wants two halves gets them.
    assert looked(tmp_path, recipe="cyclegan").layout == "side_by_side"


def test_images_that_would_be_squeezed(tmp_path):
    pictures(tmp_path, "train/A/0.png", "train/B/0.png", size=(40, 30))
    train = looked(tmp_path).pictures
    (problem,) = stretched(train, (286, 286), (256, 256))
    assert "1.33 times as wide as high" in problem.text
    assert "squeezed 1.33 times; --data.crop-width 320" in problem.text
    assert list(stretched(train, (286, 358), (256, 320))) == []
    assert list(stretched([], (286, 286), (256, 256))) == []


def test_too_few():
    assert list(too_few(20)) == []
    assert next(too_few(19)).level == "warning"
