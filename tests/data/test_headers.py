import os

import pytest
from PIL import Image

from tests.data.conftest import picture
from tfi2i.data import headers


@pytest.fixture
def image():
    return Image.fromarray(picture(6, 8))


def reason(path):
    with pytest.raises((OSError, ValueError)) as caught:
        headers.read(path)
    text = str(caught.value)
    assert "\n" not in text and str(path) not in text
    return text


def test_size_and_orientation(tmp_path, image):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.jpg"
    image.save(path, exif=exif)
    assert headers.read(path) == headers.ImageFile(path, 6, 8, 6, "whole", "JPEG")


def test_reasons(tmp_path, image):
    path = tmp_path / "a.png"
    assert reason(path) == "No such file or directory"
    assert reason(tmp_path) == "not a file"
    path.write_bytes(b"")
    assert reason(path) == "empty"
    path.write_bytes(b"GIF89a nonsense")
    assert reason(path).startswith("damaged, or no image: expected JPEG, PNG, WebP, B")
    path.write_bytes(b"nonsense")
    assert reason(path).startswith("not an image: expected JPEG, PNG, WebP, BMP, GIF")
    image.save(path)
    path.write_bytes(path.read_bytes()[:20])
    assert reason(path)


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_animations_are_refused(tmp_path, image, suffix):
    path = tmp_path / f"a.{suffix}"
    image.save(path, save_all=True, append_images=[image.rotate(180)])
    assert reason(path) == "animated"


def test_a_photograph_with_previews_is_no_animation(tmp_path, image):
    path = tmp_path / "a.jpg"
    image.save(path, format="MPO", save_all=True, append_images=[image])
    assert headers.read(path).width == 8


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on Windows")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    assert reason(tmp_path / "a.png") == "not a file"


def test_shortened():
    assert headers.shortened(["a"]) == "a"
    assert headers.shortened(list("abcde")) == "a, b, c, d, e"
    assert headers.shortened(list("abcdefg")) == "a, b, c, d, e and 2 more"
