import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.data.conftest import one_line, save
from tests.preparation.conftest import cut, pictures, plain
from tfi2i.data.paired_files import find_pairs
from tfi2i.data.unpaired_files import find_unpaired
from tfi2i.preparation import check_report
from tfi2i.preparation.check import check
from tfi2i.preparation.inspection import CheckRequest
from tfi2i.preparation.split import split

# Networks that are built quickly.
SMALL = CheckRequest(recipe="pix2pix-emoji", batch_size=1)


def shown(checked, exclude=None):
    """The report as people see it, and as machines do."""
    console = Console(width=100)
    with console.capture() as capture:
        check_report.show(checked, console, exclude)
    return capture.get(), json.loads(json.dumps(check_report.to_dict(checked)))


def paired(root, count=4, split="train", size=(64, 64)):
    for i, side in enumerate("AB"):
        names = [f"{split}/{side}/{n}.png" for n in range(count)]
        pictures(root, *names, first=len(split) * 1000 + i * 100, size=size)


@pytest.fixture
def broken(tmp_path):
    """Pairs of which three cannot train, in a folder beside which there is room."""
    root = tmp_path / "a [b] ü"
    paired(root, 9)
    paired(root, 1, "val")
    cut(root / "train/A/1.png")
    (root / "train/B/2.png").write_bytes(b"")
    (root / "train/B/3.png").unlink()
    plain(root / "train/A/4.png")
    return root


def test_ready_to_train(tmp_path):
    paired(tmp_path)
    asked = replace(SMALL, batch_size=3, exclude=tmp_path / "left_out.txt")
    checked = check(tmp_path, asked)
    # Nothing is bad, so there is no list.
    assert "was not written" in shown(checked, asked.exclude)[0]
    assert not asked.exclude.exists() and "--data.exclude" not in checked.command
    assert checked.ok and checked.is_paired and checked.layout == "folders"
    text, found = shown(checked)
    assert "resizes images (64x64) to 72x72, cuts out 64x64" in text
    assert "22 epochs of 1 steps with a batch of 3; each leaves 1 images out" in text
    assert "It learns to make B from A; --data.direction b2a for the other" in text
    turned = check(tmp_path, replace(asked, data={"direction": "b2a"}))
    assert "make A from B; --data.direction a2b for the other" in shown(turned)[0]
    assert text.rstrip().endswith(checked.command)
    assert found["ok"] and found["command"] == checked.command
    side = found["splits"]["train"]["A"]
    assert side["files"] == side["readable"] == side["decoded"] == 4
    assert side["width"] == [64, 64, 64] and side["aspect"] == [1, 1, 1]
    assert side["channels"] == {"3": 4} and side["depth"] == {"uint8": 4}
    assert side["format"] == {"PNG": 4}
    assert found["training"]["examples_left_out"] == 1
    assert found["training"]["pixels"]["B"]["channels"] == 3
    assert found["estimate"]["cache_bytes"] == 2 * 4 * 72 * 72 * 3
    assert found["estimate"]["run_seconds"] == 22 * found["estimate"]["epoch_seconds"]


def test_what_is_broken_fails_until_it_is_left_out(broken, tmp_path):
    checked = check(broken, SMALL)
    assert not checked.ok and checked.cost is None
    text, found = shown(checked)
    assert "Training would fail: unmatched images" in text
    assert found["estimate"] is None and "unmatched" in found["training"]["failure"]
    words = ["tfi2i", "data", "check", str(broken), "--recipe", "pix2pix-emoji"]
    words += ["--batch-size", "1", "--exclude", "left_out.txt"]
    assert shlex.split(checked.command) == words

    target = tmp_path / "left_out.txt"
    checked = check(broken, replace(SMALL, exclude=target))
    assert checked.ok
    lines = target.read_text(encoding="utf-8").splitlines()
    assert sorted(line for line in lines if not line.startswith("#")) == [
        "train/A/1.png",
        "train/A/3.png",
        "train/A/4.png",
        "train/B/2.png",
    ]
    assert f"--data.exclude {target}" in checked.command
    files = find_pairs(broken, "train", exclude=target)
    assert [sample.name for sample in files.samples] == ["0", "5", "6", "7", "8"]
    assert len(shown(checked)[1]["excluded"]) == 4
    assert (
        f"'{target}' was written: 4 images to leave out." in shown(checked, target)[0]
    )


def test_a_list_is_read_and_only_added_to(tmp_path):
    root, target = tmp_path / "images", tmp_path / "left_out.txt"
    pictures(root, *(f"{n}.png" for n in range(4)))
    plain(root / "4.png")
    asked = CheckRequest(exclude=target)
    first = check(root, asked)
    assert first.added == first.excluded == (root / "4.png",)
    before = target.read_text()

    again = check(root, asked)
    assert target.read_text() == before
    # Nothing is said again of what is left out.
    assert again.problems == () and again.counts == {"unsplit": {"B": 4}}
    text, found = shown(again, target)
    assert found["excluded"] == [str(root / "4.png")] and found["added"] == []
    assert f"Nothing more to leave out: '{target}' names 1 images." in text

    plain(root / "0.png", 70)
    target.write_text(f"{before}# mine\n1.png")
    added = check(root, asked)
    expected = f"{before}# mine\n1.png\n# images of nearly a single colour\n0.png\n"
    assert target.read_text() == expected
    text, found = shown(added, target)
    assert f"1 images were added to '{target}', which names 3 now." in text
    assert found["added"] == [str(root / "0.png")] and len(found["excluded"]) == 3


def test_what_is_no_list_of_this_folder_is_not_touched(tmp_path):
    paired(tmp_path / "images")
    plain(tmp_path / "images/train/A/1.png")
    notes = tmp_path / "notes.txt"
    notes.write_text("Dear diary")
    with pytest.raises(ValueError, match="names nothing in .* 'Dear diary'") as error:
        check(tmp_path / "images", replace(SMALL, exclude=notes))
    one_line(error)
    assert notes.read_text() == "Dear diary"


def test_damage_that_only_decoding_shows_fails_too(tmp_path):
    paired(tmp_path)
    cut(tmp_path / "train/A/1.png")
    checked = check(tmp_path, SMALL)
    assert not checked.ok
    assert checked.verdict == (
        "Training would fail: 1 images are truncated or damaged."
    )


def test_everything_is_broken(tmp_path):
    paired(tmp_path, 2)
    for path in tmp_path.rglob("*.png"):
        path.write_bytes(b"junk")
    checked = check(tmp_path)
    assert not checked.ok and checked.command == ""
    assert "unreadable images" in checked.verdict
    shown(checked)


def test_unsplit_images_get_the_command_that_splits_them(tmp_path):
    root = tmp_path / "two words"
    pictures(root, "horse/1.png", "horse/2.png", "zebra/1.png", "zebra/z.png")
    checked = check(root)
    assert not checked.ok and checked.is_paired is False
    target = str(tmp_path / "two words-split")
    words = ["tfi2i", "data", "split", str(root), target, "--unpaired"]
    assert shlex.split(checked.command) == words
    text, found = shown(checked)
    assert "not split into train, val and test" in text
    assert found["splits"]["unsplit"]["B"]["files"] == 2


def test_what_is_split_here_goes_beside_here(tmp_path, monkeypatch):
    pictures(tmp_path / "images", "1.png", "2.png")
    monkeypatch.chdir(tmp_path / "images")
    command = check(Path(".")).command
    assert shlex.split(command)[-2:] == [".", str(Path("..") / "images-split")]


def test_nothing_to_train_on(tmp_path):
    checked = check(tmp_path)
    assert not checked.ok and "is empty" in checked.verdict
    text, found = shown(checked)
    assert found["layout"] is None and found["splits"] == {} and "empty" in text
    with pytest.raises(FileNotFoundError, match="does not exist: expected a folder"):
        check(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file"):
        check(tmp_path / "file")


def test_one_folder_for_both_domains(tmp_path):
    pictures(tmp_path, "train/A/1.png")
    (tmp_path / "train" / "B").symlink_to("A")
    checked = check(tmp_path)
    assert not checked.ok and "are the same folder" in checked.verdict


def arrays(root, *names, channels=1, scale=1.0):
    rng = np.random.default_rng(0)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(root / name, scale * rng.normal(size=(64, 64, channels)))


def test_options_that_the_images_need_are_in_the_command(tmp_path):
    arrays(tmp_path / "floats", "train/A/1.npy", "train/A/2.npy", scale=1000.0)
    pictures(tmp_path / "floats", "train/B/1.png", "train/B/2.png")
    checked = check(tmp_path / "floats", SMALL)
    assert checked.ok
    domain = checked.plan.config.data.domain_a
    values = [np.load(path) for path in tmp_path.rglob("*.npy")]
    span = np.max(values) - np.min(values)
    assert np.min(values) - span / 50 < domain.low <= np.min(values)
    assert np.max(values) <= domain.high < np.max(values) + span / 50
    assert f"--data.domain-a.low {domain.low} " in checked.command
    assert "becomes black" in shown(checked)[0]


def test_unlike_channels_of_a_cyclegan(tmp_path):
    for n in range(2):
        (tmp_path / "trainA").mkdir(exist_ok=True)
        five = np.random.default_rng(n).integers(0, 256, (64, 64, 5), np.uint8)
        np.save(tmp_path / "trainA" / f"a{n}.npy", five)
    pictures(tmp_path, "trainB/b0.png", "trainB/b1.png")
    checked = check(tmp_path, CheckRequest(recipe="cyclegan-emoji", batch_size=1))
    assert checked.ok and "--model.identity-weight 0.0" in checked.command


def test_names_that_are_no_text(tmp_path):
    try:
        pictures(tmp_path, "trainA/x.png", "trainB/y\udcff.png")
    except OSError:
        pytest.skip("this file system takes text only")
    text, _ = shown(check(tmp_path, SMALL))
    assert "y\\udcff.png" in text


def test_names_are_no_markup(tmp_path):
    pictures(tmp_path, "[red]/train/A/[bold]1.png", "[red]/train/B/other.png")
    text, _ = shown(check(tmp_path / "[red]", SMALL))
    assert "[red]" in text and "[bold]1.png" in text


def photos_and_labels(root, count=24):
    """Pairs that are wider than high, with labels of few colours, in plain PNG."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (5, 3), np.uint8)
    for n in range(count):
        pictures(root, f"train/A/{n}.png", first=n, size=(96, 64))
        label = colours[rng.integers(0, 5, (64, 96))]
        save(root / f"train/B/{n}.png", label)


def test_the_command_holds_what_was_advised(tmp_path):
    photos_and_labels(tmp_path)
    checked = check(tmp_path, SMALL)
    advised = {
        word
        for problem in checked.problems
        for word in problem.text.split()
        if word.startswith("--data.")
    }
    assert advised == {"--data.crop-width", "--data.domain-b.resize"}
    words = shlex.split(checked.command)
    assert words[words.index("--data.crop-width") + 1] == "96"
    assert words[words.index("--data.domain-b.resize") + 1] == "nearest"
    said = [p.text for p in checked.problems if p.kind in ("stretched", "few_colours")]
    assert all(text.endswith("; the command below has it") for text in said)
    # The plan is what the command does.
    assert checked.plan.config.data.crop_shape == (64, 96)


def test_what_the_user_says_is_not_advised_away(tmp_path):
    photos_and_labels(tmp_path)
    own = replace(SMALL, data={"crop_width": 64, "flip": False, "direction": "b2a"})
    words = shlex.split(check(tmp_path, own).command)
    assert words[words.index("--data.direction") + 1] == "b2a"
    assert "--data.no-flip" in words and "96" not in words


def test_a_share_for_validation(tmp_path):
    pictures(tmp_path, *(f"p/{n}.png" for n in range(10)), size=(64, 64))
    pictures(tmp_path, *(f"q/{n}.png" for n in range(10)), first=50, size=(64, 64))
    checked = check(tmp_path, replace(SMALL, data={"val_share": 0.2}))
    assert checked.ok and "--data.val-share 0.2" in checked.command
    assert [len(checked.plan.data[split]) for split in ("train", "val")] == [8, 2]
    assert "2 of 10 images are set aside for validation." in shown(checked)[0]


@pytest.mark.parametrize(("a", "b"), [("train", "trainannot"), ("train", "labels")])
def test_named_folders_are_decided_on_as_training_does(tmp_path, a, b):
    names = ("train/1.png", "trainannot/1.png", "train/2.png", "trainannot/2.png")
    pictures(tmp_path, *names, size=(96, 64))
    checked = check(tmp_path, replace(SMALL, a=a, b=b))
    assert checked.ok == (b == "trainannot")
    if checked.ok:
        folders = checked.plan.data["train"].files.folders
        assert [folder.name for folder in folders] == [a, b]
        assert f"--data.a {a} --data.b {b}" in checked.command
    else:
        with pytest.raises(FileNotFoundError) as error:
            find_pairs(tmp_path, "train", a=a, b=b)
        assert one_line(error) == checked.reason


def test_the_list_goes_on_to_the_split(tmp_path):
    root, target = tmp_path / "images", tmp_path / "left out.txt"
    pictures(root, *(f"{n}.png" for n in range(12)))
    plain(root / "bad.png")
    words = shlex.split(check(root, CheckRequest(exclude=target)).command)
    assert words[-2:] == ["--exclude", str(target)]
    done = split(root, tmp_path / "out", exclude=target)
    assert sum(kinds["images"] for kinds in done.counts.values()) == 12
    assert done.notes == (f"1 left out (listed in '{target}')",)
    assert not list((tmp_path / "out").rglob("bad.png"))


def test_what_is_no_image_is_a_note(tmp_path):
    paired(tmp_path)
    (tmp_path / "train/A/Thumbs.db").write_text("")
    (note,) = (p for p in check(tmp_path, SMALL).problems if p.kind == "left_out")
    assert note.level == "note"
    assert note.text == "left out: 1 file of unknown kinds (.db 1)"


@pytest.mark.parametrize("where", ["", "train/"])
@pytest.mark.parametrize("recipe", [None, "pix2pix-emoji", "cyclegan-emoji"])
def test_both_sides_in_one_folder_get_no_command(tmp_path, where, recipe):
    pictures(tmp_path, *(f"{where}{n}_{s}.png" for n in range(3) for s in "AB"))
    checked = check(tmp_path, CheckRequest(recipe=recipe))
    assert not checked.ok and checked.command == ""
    text, found = shown(checked)
    assert "3 are called '*_A' and 3 '*_B'" in checked.verdict
    assert "\n" not in checked.verdict and not found["ok"]
    assert f"'{tmp_path / where / 'A'}'" in checked.verdict
    may_draw = recipe != "cyclegan-emoji"
    assert ("--data.input edges" in checked.verdict) == may_draw
    if where:
        with pytest.raises(ValueError) as error:
            (find_pairs if may_draw else find_unpaired)(tmp_path, "train")
        assert one_line(error) == checked.reason


@pytest.mark.parametrize("said", [{"input": "edges"}, {"layout": "targets"}])
def test_who_says_that_these_are_single_images_is_obeyed(tmp_path, said):
    names = [f"train/{n}_{s}.png" for n in range(3) for s in "AB"]
    pictures(tmp_path, *names, size=(64, 64))
    checked = check(tmp_path, replace(SMALL, **said))
    assert checked.ok and "--data.input edges" in checked.command
