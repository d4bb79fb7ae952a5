"""README, CONTRIBUTING, the pages and the model cards, compared with the program."""

import ast
import contextlib
import functools
import io
import re
import shlex
from pathlib import Path

import pytest

import tfi2i
from tfi2i import cli

ROOT = Path(tfi2i.__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "saved_models").glob("*/README.md")),
]
every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)

# Named on our pages, but options of other programs.
REFERENCE_FLAGS = {"--eval", "--lambda_L1"}


def _prose(page):
    """The page's text without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)


def _blocks(page, *languages):
    """The contents of the page's code blocks in these languages."""
    found = re.findall(
        r"^```(\w*)\n(.*?)^```", page.read_text("utf-8"), flags=re.M | re.S
    )
    return [text for language, text in found if language in languages]


def _anchors(page):
    """The names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), flags=re.M)
    return [
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    ]


def _commands(page):
    """The words of every `tfi2i` command in the page's shell blocks."""
    lines = "".join(_blocks(page, "sh", "bash")).replace("\\\n", " ").splitlines()
    for line in lines:
        words = shlex.split(line, comments=True)
        starts = [0] + [at + 1 for at, word in enumerate(words) if word == "&&"]
        for start in starts:
            rest = words[start:]
            if rest[:1] == ["tfi2i"]:
                yield rest[1 : rest.index("&&") if "&&" in rest else None]


@functools.cache
def _flags(*command):
    """The flags that a command's help lists."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as stop:
            cli.main([*command, "--help"])
    assert stop.value.code == 0, command
    return set(re.findall(r"--[a-z][\w.-]*", shown.getvalue()))


def _named(words):
    """The part of a command line that chooses what is parsed: `train pix2pix`."""
    if words[0] == "train" and "--resume" in words:
        return ("train", "--resume", "run")
    return tuple(words[: 2 if words[0] in ("train", "data") else 1])


def test_the_pages_are_found():
    assert len(PAGES) > 12
    assert sum(len(list(_commands(page))) for page in PAGES) > 40


@every_page
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", _prose(page))
    for target in targets:
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert linked.is_relative_to(ROOT), target
        if anchor:
            assert anchor in _anchors(linked), target


@every_page
def test_commands_and_their_flags_exist(page):
    for words in _commands(page):
        flags = [word.partition("=")[0] for word in words if word.startswith("--")]
        if words[0] == "import" and flags == ["--list"]:
            continue
        assert set(flags) <= _flags(*_named(words)), words


@every_page
def test_flags_in_the_text_exist(page):
    commands = [_named(words) for other in PAGES for words in _commands(other)]
    known = {flag for command in set(commands) for flag in _flags(*command)}
    for code in re.findall(r"`([^`]+)`", _prose(page)):
        if re.match(r"(tfi2i |--)", code):
            flags = re.findall(r"(?<!\S)--[a-zA-Z][\w.-]*+(?!\*)", code)
            assert set(flags) <= known | REFERENCE_FLAGS | {"--debug", "--list"}, code


@every_page
def test_python_names_exist(page):
    code = _blocks(page, "python")
    for block in code:
        ast.parse(block)
    inline = [f"`{name}`" for name in re.findall(r"`(tfi2i[\w.]*)", _prose(page))]
    for name in set(re.findall(r"\btfi2i(?:\.\w+)+", " ".join([*code, *inline]))):
        if name == "tfi2i.__all__":
            continue
        functools.reduce(getattr, name.split(".")[1:], tfi2i)


def test_the_python_page_lists_every_public_name():
    page = _prose(ROOT / "docs" / "python.md")
    rooms = [getattr(tfi2i, name) for name in tfi2i.__all__]
    names = {name for room in rooms for name in getattr(room, "__all__", ())}
    names |= {f"tfi2i.{name}" for name in tfi2i.__all__ if name != "__version__"}
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_ci_runs_readme_s_two_commands():
    """`.ci/run` takes README's first line with each, so each sets all up by itself."""
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    demo = next(line for line in lines if "tfi2i demo" in line)
    tests = next(line for line in lines if "pytest" in line)
    shell = "".join(_blocks(ROOT / "README.md", "sh")).splitlines()
    assert {demo, tests} <= set(shell)
    assert demo.startswith("python3 -m venv .venv && . .venv/bin/activate && pip ")
    assert tests.startswith(". .venv/bin/activate && pip ")
    assert demo.endswith(" && tfi2i demo") and tests.endswith(" && pytest")


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index


def test_every_room_is_on_the_map():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.*?) \|", text, flags=re.M)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    package = ROOT / "tfi2i"
    rooms = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }
    assert {room for room in rooms if not room.startswith("_")} <= named
