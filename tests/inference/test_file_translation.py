"""Files and folders through a translator."""

import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from tests.translators import photos
from tfi2i.inference import Translator, translate_files


@pytest.fixture
def negative():
    """A translator whose outputs are known: it inverts."""
    return Translator(lambda images: 255 - images)


@pytest.fixture
def folder(tmp_path):
    """Three pictures of different sizes, one in a folder below, and other files."""
    folder = tmp_path / "in"
    (folder / "below").mkdir(parents=True)
    for name, height, width in (
        ("a.png", 9, 7),
        ("b.jpg", 16, 8),
        ("below/c.png", 3, 5),
    ):
        Image.fromarray(photos(1, height, width)[0]).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    return folder


def _pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_a_folder_keeps_names_and_sizes(negative, folder, tmp_path):
    report = translate_files(negative, folder, tmp_path / "out")
    names = {
        path.relative_to(tmp_path / "out").as_posix() for path in report.translated
    }
    assert names == {"a.png", "b.jpg", "below/c.png"}
    assert report.skipped == report.failed == ()
    for name in ("a.png", "below/c.png"):
        np.testing.assert_array_equal(
            _pixels(tmp_path / "out" / name), 255 - _pixels(folder / name)
        )
    assert _pixels(tmp_path / "out" / "b.jpg").shape == (16, 8, 3)
    with Image.open(tmp_path / "out" / "b.jpg") as image:
        assert image.format == "JPEG"


def test_a_half_done_folder_goes_on(negative, folder, tmp_path):
    out = tmp_path / "out"
    translate_files(negative, folder / "a.png", out)
    (out / "a.png").write_bytes(b"mine")
    report = translate_files(negative, folder, out)
    assert [path.name for path in report.translated] == ["b.jpg", "c.png"]
    assert report.skipped == (out / "a.png",)
    assert (out / "a.png").read_bytes() == b"mine"
    report = translate_files(negative, folder, out, overwrite=True)
    assert len(report.translated) == 3
    np.testing.assert_array_equal(
        _pixels(out / "a.png"), 255 - _pixels(folder / "a.png")
    )


def test_one_image_to_a_file_of_another_format(negative, folder, tmp_path):
    target = tmp_path / "new" / "painted.webp"
    translate_files(negative, folder / "a.png", target)
    with Image.open(target) as image:
        assert image.format == "WEBP"
    with pytest.raises(FileExistsError, match="painted.webp' exists: pass --overwrite"):
        translate_files(negative, folder / "a.png", target)


def test_an_output_of_a_kind_that_is_not_written(negative, folder, tmp_path):
    target = tmp_path / "out7.gif"
    with pytest.raises(
        ValueError, match="out7.gif. .* expected .png .jpg .jpeg .webp .bmp .tif"
    ):
        translate_files(negative, folder / "a.png", target)
    assert not target.exists()
    # A folder may be called so, and a version number is no suffix.
    target.mkdir()
    for output in (target, tmp_path / "out.v2"):
        (path,) = translate_files(negative, folder / "a.png", output).translated
        assert path == output / "a.png"


def test_a_glob(negative, folder, tmp_path):
    report = translate_files(negative, folder / "*.png", tmp_path / "out")
    assert [path.name for path in report.translated] == ["a.png"]


def test_a_glob_around_its_output_goes_on(negative, folder):
    pattern = folder / "**" / "*.png"
    first = translate_files(negative, pattern, folder / "out")
    assert [path.name for path in first.translated] == ["a.png", "c.png"]
    again = translate_files(negative, pattern, folder / "out")
    assert (again.translated, again.skipped) == ((), first.translated)
    with pytest.raises(ValueError, match="matches is in the output .*: choose another"):
        translate_files(negative, folder / "*.png", folder)


@pytest.mark.parametrize("pattern", ["", "*.png"])
def test_dangling_links_fail_and_folders_are_no_images(
    negative, folder, tmp_path, pattern
):
    (folder / "gone.png").symlink_to(tmp_path / "gone.png")
    (folder / "folder.png").mkdir()
    report = translate_files(negative, folder / pattern, tmp_path / "out")
    assert "a.png" in [path.name for path in report.translated]
    (line,) = report.failed
    assert line == f"{folder / 'gone.png'}: No such file or directory"


# TensorFlow waits ten seconds for memory to come free.
@pytest.mark.slow
def test_memory_that_is_too_small_is_not_called_damage(negative, tmp_path):
    resource = pytest.importorskip("resource", reason="POSIX only")
    status = pathlib.Path("/proc/self/status")
    if not status.exists():
        pytest.skip("Linux only")
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    translate_files(negative, tmp_path / "a.png", tmp_path / "small.png")
    Image.new("1", (8_000, 8_000)).save(tmp_path / "a.png")
    used = int(re.search(r"VmSize:\s+(\d+) kB", status.read_text())[1]) * 1024
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 160 * 2**20, limits[1]))
    try:
        report = translate_files(negative, tmp_path / "a.png", tmp_path / "large.png")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    (line,) = report.failed
    assert "a.png: not enough memory for it: paint it in tiles (--tile 512)" in line


def test_one_bad_image_does_not_stop_the_rest(negative, folder, tmp_path):
    contents = (folder / "b.jpg").read_bytes()
    (folder / "b.jpg").write_bytes(contents[: len(contents) // 2])
    (folder / "empty.png").write_bytes(b"")
    report = translate_files(negative, folder, tmp_path / "out")
    assert [path.name for path in report.translated] == ["a.png", "c.png"]
    truncated, empty = report.failed
    assert re.search("b.jpg: (T|t)runcated", truncated)
    assert re.search("empty.png: empty", empty)
    assert not list((tmp_path / "out").rglob(".partial*"))


def test_orientation_and_transparency(negative, tmp_path):
    image = photos(1, 4, 6)[0]
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(image).save(tmp_path / "turned.png", exif=exif)
    clear = np.concatenate([image, np.zeros((4, 6, 1), np.uint8)], axis=2)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    on_red = Translator(lambda images: 255 - images, background="red")
    for name in ("turned", "clear"):
        translate_files(negative, tmp_path / f"{name}.png", tmp_path / "out")
        translate_files(on_red, tmp_path / f"{name}.png", tmp_path / "red")
    turned = _pixels(tmp_path / "out" / "turned.png")
    np.testing.assert_array_equal(turned, 255 - np.rot90(image, -1))
    assert _pixels(tmp_path / "out" / "clear.png").max() == 0
    assert (_pixels(tmp_path / "red" / "clear.png") == (0, 255, 255)).all()


def test_places_that_cannot_be(negative, folder, tmp_path):
    with pytest.raises(ValueError, match="is inside the input"):
        translate_files(negative, folder, folder / "out")
    with pytest.raises(ValueError, match="is one of the inputs"):
        translate_files(negative, folder / "a.png", folder)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        translate_files(negative, folder / "missing.png", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="No images in"):
        translate_files(negative, tmp_path / "empty", tmp_path / "out")
    with pytest.raises(ValueError, match="Two inputs would become .*c.png"):
        Image.fromarray(photos(1, 4, 4)[0]).save(folder / "c.png")
        translate_files(negative, str(folder / "**" / "c.png"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
