"""Which images are translated: links, hidden folders, files of other kinds, outputs."""

import os

import pytest
from PIL import Image

from tests.translators import photos
from tfi2i.inference import Translator, translate_files


@pytest.fixture
def negative():
    return Translator(lambda images: 255 - images)


def save(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photos(1, 4, 5, seed)[0]).save(path)


def names(folder, report):
    return [path.relative_to(folder).as_posix() for path in report.translated]


def test_linked_folders_are_folders(negative, tmp_path):
    save(tmp_path / "elsewhere" / "one.png")
    save(tmp_path / "elsewhere" / "deep" / "two.png")
    save(tmp_path / "in" / "own" / "three.png")
    (tmp_path / "in" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "same").symlink_to(tmp_path / "in" / "own")
    out = tmp_path / "out"
    assert names(out, translate_files(negative, tmp_path / "in", out)) == [
        "more/deep/two.png",
        "more/one.png",
        "own/three.png",
        "same/three.png",
    ]


@pytest.mark.parametrize("pattern", ["", "**/*.png"])
def test_links_that_go_round_end(negative, tmp_path, pattern):
    save(tmp_path / "in" / "a.png")
    save(tmp_path / "in" / "below" / "b.png")
    (tmp_path / "in" / "below" / "again").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "below" / "self").symlink_to("self")
    (tmp_path / "in" / "loop.png").symlink_to("loop.png")
    report = translate_files(negative, tmp_path / "in" / pattern, tmp_path / "out")
    assert [path.name for path in report.translated] == ["a.png", "b.png"]
    (line,) = report.failed
    assert line.startswith(f"{tmp_path / 'in' / 'loop.png'}: Too many levels of symbol")


def test_an_output_behind_a_link_is_inside_the_input(negative, tmp_path):
    save(tmp_path / "in" / "a.png")
    (tmp_path / "results").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "results")
    with pytest.raises(ValueError, match="results' is inside the input '.*link'"):
        translate_files(negative, tmp_path / "in", tmp_path / "results")
    save(tmp_path / "loop" / "a.png")
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(OSError, match="round"):
        translate_files(negative, tmp_path / "loop", tmp_path / "round")


def test_hidden_folders_are_left_out_unless_they_are_named(negative, tmp_path):
    save(tmp_path / "in" / "a.png")
    save(tmp_path / "in" / ".thumbnails" / "b.png")
    save(tmp_path / "in" / ".hidden.png")
    out = tmp_path / "out"
    report = translate_files(negative, tmp_path / "in", out)
    assert names(out, report) == ["a.png"]
    report = translate_files(negative, tmp_path / "in" / ".thumbnails", out)
    assert names(out, report) == ["b.png"]


def test_other_files_are_counted(negative, tmp_path):
    save(tmp_path / "in" / "a.png")
    for name in ("a.psd", "b.PSD", "c.txt", "below/LICENSE", ".hidden"):
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("no image")
    report = translate_files(negative, tmp_path / "in", tmp_path / "out")
    assert report.summary() == (
        "1 translated, 0 there already, 0 failed; 4 other files left out (.psd, .txt, "
        "no suffix)"
    )
    report = translate_files(negative, tmp_path / "in" / "[ac].*", tmp_path / "out")
    assert report.summary() == (
        "0 translated, 1 there already, 0 failed; 2 other files left out (.psd, .txt)"
    )
    with pytest.raises(ValueError, match=r"No images in '.*' \(1 other file\): expect"):
        translate_files(negative, tmp_path / "in" / "c*", tmp_path / "out")


def test_a_folder_that_may_not_be_read_fails(negative, tmp_path):
    save(tmp_path / "in" / "a.png")
    save(tmp_path / "in" / "locked" / "b.png")
    (tmp_path / "in" / "locked").chmod(0)
    try:
        if os.access(tmp_path / "in" / "locked", os.R_OK):
            pytest.skip("this user may read everything")
        report = translate_files(negative, tmp_path / "in", tmp_path / "out")
    finally:
        (tmp_path / "in" / "locked").chmod(0o755)
    assert report.failed == (f"{tmp_path / 'in' / 'locked'}: Permission denied",)
    assert len(report.translated) == 1


def test_outputs_called_like_something_else(negative, tmp_path):
    image = tmp_path / "in" / "a.png"
    save(image)
    for name in ("out.xyz", "out.pngg", "out.psd"):
        with pytest.raises(ValueError, match=f"{name}' would be an image of a kind"):
            translate_files(negative, image, tmp_path / name)
    for name in ("out.png", "out.GIF"):
        with pytest.raises(ValueError, match=f"{name}' is called like an image, but s"):
            translate_files(negative, tmp_path / "in", tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    # A folder of images goes into any other folder, and one image into those that are
    # there, or are called by a version.
    for name in ("results.xyz", "results.v2"):
        report = translate_files(negative, tmp_path / "in", tmp_path / name)
        assert names(tmp_path / name, report) == ["a.png"]
    for name in ("results.xyz", "new.v2", "2026.11"):
        report = translate_files(negative, image, tmp_path / name, overwrite=True)
        assert names(tmp_path / name, report) == ["a.png"]


def test_names_as_long_as_can_be(negative, tmp_path):
    for stem in ("a" * 250, "é" * 125, "short"):
        save(tmp_path / "in" / f"{stem}.png")
    report = translate_files(negative, tmp_path / "in", tmp_path / "out")
    assert report.failed == ()
    assert sorted(os.listdir(tmp_path / "out")) == sorted(os.listdir(tmp_path / "in"))
