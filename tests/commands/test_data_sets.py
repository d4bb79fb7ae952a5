"""`tfi2i data` as users run it."""

import json

import numpy as np
import pytest

from tests.preparation.conftest import pictures
from tests.test_cli import refused, shown
from tfi2i import cli


def test_help_lists_the_commands(capsys):
    text = shown(capsys, "data", "--help")
    assert text == shown(capsys, "data")
    for command in ("check", "pair", "split", "get"):
        assert f"\n  {command} " in text
        assert f"usage: tfi2i data {command}" in shown(capsys, "data", command, "-h")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["chek"], "no command 'data chek'. Did you mean 'check'? Commands: check,"),
        (["check"], "tfi2i data check needs DIR; see tfi2i data check --help."),
        (["check", "x", "--batchsize", "2"], "--batchsize. Did you mean --batch-size?"),
        (["check", "no-such-folder"], "'no-such-folder' does not exist"),
        (["pair", "a", "b"], "tfi2i data pair needs OUT"),
        (["pair", "a", "b", "c", "--resize", "x"], "--resize is 'x'; expected one of"),
        (["split", "a", "b", "--val", "much"], "--val is 'much'; expected a number."),
        (["get"], "data get needs NAME and DIR; tfi2i data get --list shows the sets"),
        (["get", "facades"], "data get needs DIR; tfi2i data get --list"),
        (["get", "--lst"], "no option --lst. Did you mean --list?"),
        (["get", "facade", "x"], "no public set 'facade'. Did you mean 'facades'?"),
    ],
)
def test_mistakes_are_one_line(capsys, words, expected):
    assert expected in refused(capsys, "data", *words)


def test_public_sets_are_listed(capsys):
    text = shown(capsys, "data", "get", "--list")
    assert "horse2zebra" in text and "tfi2i data get NAME DIR" in text
    assert "--list" in shown(capsys, "data", "get", "--help")
    # An option stands anywhere.
    assert text == shown(capsys, "data", "get", "--mirror", "http://x", "--list")


def test_from_two_folders_to_a_set_that_is_ready(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i, side in enumerate("ab"):
        names = [f"{side}/{n}.png" for n in range(30)]
        pictures(tmp_path, *names, first=100 * i, size=(64, 64))
    text = shown(capsys, "data", "pair", "a", "b", "both sides")
    assert "train: 30 pairs" in text
    assert "tfi2i data split 'both sides/train' 'both sides-split'" in text
    text = shown(capsys, "data", "split", "both sides/train", "both sides-split")
    assert "train: 24 images" in text and "val: 3 images" in text
    assert "Next: tfi2i data check 'both sides-split'" in text
    words = ("data", "check", "both sides-split", "--recipe", "pix2pix-emoji")
    found = json.loads(shown(capsys, *words, "--json"))
    assert found["ok"] and found["format"] == 1 and found["layout"] == "side_by_side"
    assert found["command"].startswith("tfi2i train pix2pix-emoji --data.dir 'both")


def test_status_1_where_training_would_fail(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["data", "check", str(tmp_path), "--json"])
    assert stop.value.code == 1
    printed = capsys.readouterr()
    assert printed.err == "" and not json.loads(printed.out)["ok"]


def test_images_of_more_than_8_bits(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 1)):
        for side in "AB":
            (tmp_path / split / side).mkdir(parents=True)
            for n in range(count):
                values = rng.normal(size=(64, 64, 5)).astype(np.float32)
                np.save(tmp_path / split / side / f"{n}.npy", values.clip(-1, 1))
    words = ("data", "check", str(tmp_path), "--recipe", "pix2pix-emoji")
    text = shown(capsys, *words, "--batch-size", "4")
    assert "floating-point 5 channels, -1 black and 1 white" in text


def test_options_of_training_in_a_check(tmp_path, capsys):
    names = [f"{side}/{n}.png" for side in ("p", "q") for n in range(10)]
    pictures(tmp_path, *names, size=(64, 64))
    words = ["data", "check", tmp_path, "--recipe", "pix2pix-emoji"]
    words += ["--data.batch-size", "1", "--data.val_share=0.3", "--data.no-flip"]
    found = json.loads(shown(capsys, *map(str, words), "--json"))
    assert found["ok"] and found["training"]["steps_per_epoch"] == 7
    command = "--data.val-share 0.3 --data.no-flip"
    for word in (*command.split(), "--data.batch-size"):
        assert word in found["command"].split()
    assert not found["training"]["flip"]
    said = refused(capsys, *map(str, words), "--batch-size", "2")
    assert said == "--batch-size and --data.batch-size are both given: leave one out."
