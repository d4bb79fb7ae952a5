"""`~` is the home folder in every path of every command."""

from pathlib import Path

import pytest

from tfi2i.commands import (
    data_sets,
    evaluate,
    export,
    import_model,
    parsing,
    train,
    translate,
)
from tfi2i.recipes.named import get


@pytest.fixture(autouse=True)
def home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/user")
    monkeypatch.setenv("USERPROFILE", "/home/user")


def _parsed(kind, *words):
    return parsing.parse(kind, list(words), "tfi2i", "")


def test_training():
    words = ["--run=~/r", "--init-from=~/i", "--data.dir=~/d", "--data.exclude=~"]
    config, run = train.parse_training("pix2pix", get("pix2pix"), words)
    assert run == Path("/home/user/r")
    assert (config.init_from, config.data.dir) == ("/home/user/i", "/home/user/d")
    assert config.data.exclude == "/home/user"


def test_going_on():
    found = _parsed(train.ResumeOptions, "--resume=~/r", "--data.dir=~/d")
    assert (found.resume, found.data.dir) == (Path("/home/user/r"), "/home/user/d")


@pytest.mark.parametrize(
    "kind, words, expected",
    [
        (train.DemoOptions, ["--run=~/r"], {"run": Path("/home/user/r")}),
        (
            translate.translate_options(),
            ["~/s", "~/*.png", "~/o"],
            {
                "source": Path("/home/user/s"),
                "images": "/home/user/*.png",
                "output": Path("/home/user/o"),
            },
        ),
        (export.export_options(), ["~/r"], {"run": Path("/home/user/r")}),
        (
            evaluate.evaluate_options(),
            ["~/r", "s", "~/t"],
            {"source": (Path("/home/user/r"), Path("s"), Path("/home/user/t"))},
        ),
        (
            import_model.import_options(),
            ["~/x.pth", "~/r"],
            {"source": "/home/user/x.pth", "run": Path("/home/user/r")},
        ),
        (
            data_sets.check_options(),
            ["~/d", "--exclude=~/e"],
            {"dir": Path("/home/user/d"), "exclude": Path("/home/user/e")},
        ),
        (
            data_sets.split_options(),
            ["~/d", "~/o", "--group=~(.)"],
            {
                "dir": Path("/home/user/d"),
                "out": Path("/home/user/o"),
                "group": "~(.)",
            },
        ),
        (
            data_sets.pair_options(),
            ["~/a", "~/b", "~/o"],
            {name: Path(f"/home/user/{name[-1]}") for name in ("dir_a", "dir_b")}
            | {"out": Path("/home/user/o")},
        ),
        (data_sets.get_options(), ["x", "~/d"], {"dir": Path("/home/user/d")}),
    ],
)
def test_other_commands(kind, words, expected):
    found = _parsed(kind, *words)
    assert {name: getattr(found, name) for name in expected} == expected


def test_what_is_no_home_stays():
    found = _parsed(translate.translate_options(), "x/~", "~nobody-here/x.png", "a~/b")
    assert (found.source, found.images) == (Path("x/~"), "~nobody-here/x.png")
    assert found.output == Path("a~/b")
