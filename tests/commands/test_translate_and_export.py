"""`tfi2i translate` and `tfi2i export` as users run them."""

import numpy as np
import pytest
from PIL import Image

from tests.test_cli import refused, shown, tfi2i
from tests.translators import make_cyclegan_run, photos
from tfi2i.inference import load


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run that knows both ways, and photographs."""
    place = tmp_path_factory.mktemp("place")
    make_cyclegan_run(place / "saved_models" / "emoji")
    (place / "photos").mkdir()
    for index, shape in enumerate([(30, 41), (64, 64)]):
        path = place / "photos" / f"{index}.png"
        Image.fromarray(photos(1, *shape)[0]).save(path)
    return place


def _pixels(path):
    with Image.open(path) as image:
        return np.int32(image)


@pytest.mark.slow
def test_export_then_translate_with_each(place):
    run = "saved_models/emoji"
    words = ("--quantize", "none", "float16", "--direction", "b2a")
    done = tfi2i("export", run, *words, cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "emoji_b2a_float16.tflite" in done.stdout
    assert "emoji_a2b" not in done.stdout
    assert "32 real images" in done.stdout
    for index, source in enumerate([run, f"{run}/export/emoji_b2a.tflite"]):
        words = (source, "photos", f"out{index}", "--direction", "b2a")
        done = tfi2i("translate", *words, cwd=place)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert "2 translated, 0 there already, 0 failed" in done.stdout
        for name in ("0.png", "1.png"):
            painted = _pixels(place / f"out{index}" / name)
            assert painted.shape == _pixels(place / "photos" / name).shape
            assert np.abs(painted - _pixels(place / "out0" / name)).max() <= 1


@pytest.mark.slow
def test_a_photograph_as_training_would_have_shown_it(place, tmp_path, capsys):
    image = photos(1, 100, 180)[0]
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(image).save(folder / "a.png")
    (folder / "notes.txt").write_text("no image")
    run = place / "saved_models" / "emoji"
    words = ("--size", "trained", "--input", "edges")
    for index, more in enumerate(([], words)):
        out = tmp_path / f"out{index}"
        said = shown(capsys, "translate", str(run), str(folder), str(out), *more)
        assert said.endswith(
            "1 translated, 0 there already, 0 failed; 1 other file left out (.txt)\n"
        )
        assert ("--size trained translates at that size" in said) == (not more)
    expected = load(run, size="trained", input="edges")(image)
    np.testing.assert_array_equal(_pixels(out / "a.png"), expected)


@pytest.mark.slow
def test_a_bad_image_is_named_and_the_status_is_1(place, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.png").write_bytes(b"no image")
    Image.fromarray(photos(1, 20, 20)[0]).save(tmp_path / "in" / "good.png")
    run = place / "saved_models" / "emoji"
    done = tfi2i("translate", run, tmp_path / "in", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "bad.png: not an image: expected JPEG" in done.stderr
    assert "1 translated, 0 there already, 1 failed" in done.stdout
    assert (tmp_path / "out" / "good.png").exists()


def test_mistakes_are_one_line(capsys, place, tmp_path):
    run, photos = place / "saved_models" / "emoji", place / "photos"
    assert "needs OUTPUT" in refused(capsys, "translate", run, photos)
    assert "Did you mean --overwrite" in refused(
        capsys, "translate", run, "a", "b", "--overwrit"
    )
    assert "expected one of a2b, b2a" in refused(
        capsys, "translate", run, "a", "b", "--direction", "left"
    )
    assert "--seed is 0, but applies only with --stochastic" in refused(
        capsys, "translate", run, photos, "b", "--seed", "0"
    )
    assert "has no dropout" in refused(
        capsys, "translate", run, photos, "b", "--stochastic", "--seed", "0"
    )
    assert "tfi2i translate needs INPUT and OUTPUT" in refused(capsys, "translate", run)
    for name, expected in (
        ("size", "native or trained"),
        ("input", "one of edges, grayscale, downscale, None"),
        ("half", "one of left, right, whole, None"),
        ("alpha", "flatten or keep"),
    ):
        line = refused(capsys, "translate", run, "a", "b", f"--{name}", "lines")
        assert line == f"--{name} is 'lines'; expected {expected}."
    assert "--size trained paints small copies of images, and --tile" in refused(
        capsys, "translate", run, photos, "b", "--size", "trained", "--tile", "64"
    )
    assert "is inside the input" in refused(
        capsys, "translate", run, place / "photos", place / "photos" / "out"
    )
    assert "--formats is 'onnxx'" in refused(
        capsys, "export", run, "--formats", "onnxx"
    )
    assert "--direction is 'left'; expected one of a2b, b2a, None" in refused(
        capsys, "export", run, "--direction", "left"
    )
    assert "is not a run" in refused(capsys, "export", tmp_path)
    photo = place / "photos" / "0.png"
    assert "is a file of" in refused(capsys, "translate", photo, photo, tmp_path)
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"123")
    assert "is no image translator" in refused(
        capsys, "translate", broken, photo, tmp_path
    )


def test_a_disk_that_cannot_be_written_is_one_line(capsys, tmp_path):
    run = tmp_path / "emoji"
    make_cyclegan_run(run)
    (run / "export").write_text("a file is in the way")
    assert "This is a file; expected a folder" in refused(capsys, "export", run)
