"""Arrays and pictures through a translator whose outputs are known."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.translators import photos
from tfi2i.data.pixels import PixelType
from tfi2i.data.reading import read_image
from tfi2i.inference import Translator

BACKGROUND = "#0a80ff"


@pytest.fixture
def negative():
    return Translator(lambda images: 255 - images, background=BACKGROUND)


def test_forms_of_images(negative):
    (image,) = photos(1, 20, 30)
    np.testing.assert_array_equal(negative(image), 255 - image)
    np.testing.assert_array_equal(negative(image[None]), 255 - image[None])
    picture = negative(Image.fromarray(image))
    assert isinstance(picture, Image.Image)
    np.testing.assert_array_equal(np.asarray(picture), 255 - image)


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        (np.zeros((8, 8, 3)), TypeError, "uint8 arrays .* Received float64"),
        (np.zeros((8, 8, 4), np.uint8), ValueError, r"Received shape \(8, 8, 4\)"),
        (np.zeros((8, 8), np.uint8), ValueError, r"Received shape \(8, 8\)"),
        (np.zeros((0, 8, 3), np.uint8), ValueError, "image is empty"),
        (Image.new("F", (8, 8)), ValueError, 'mode "F" have no known range'),
    ],
)
def test_images_that_do_not_fit(negative, image, error, words):
    with pytest.raises(error, match=words):
        negative(image)


def _deep(channels):
    """A PNG of 16 bits, which Pillow cannot write."""
    values = np.random.default_rng(2).integers(0, 2**16, (9, 7, channels), np.uint16)
    return lambda path: path.write_bytes(tf.io.encode_png(values).numpy())


def _saved(mode, **options):
    """A picture of one mode, with alpha where the mode has one."""
    image = Image.fromarray(photos(1, 9, 7)[0])
    if "A" in mode:
        image.putalpha(Image.fromarray(photos(1, 9, 7, seed=1)[0, ..., 0]))
    image = image.quantize(16) if mode == "P" else image.convert(mode)
    return lambda path: image.save(path, **options)


def _turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _saved("RGB", exif=exif)


@pytest.mark.parametrize(
    ("name", "save"),
    [
        *((f"turned{i}.png", _turned(i)) for i in (3, 6, 8)),
        ("turned.jpg", _turned(5)),
        *((f"{mode}.png", _saved(mode)) for mode in ("1", "L", "LA", "P", "RGBA")),
        ("clear_colours.png", _saved("P", transparency=bytes([0, 90, 255]))),
        ("clear_grey.png", _saved("L", transparency=100)),
        ("cmyk.jpg", _saved("CMYK")),
        ("alpha.webp", _saved("RGBA", lossless=True)),
        ("deep_grey.png", _deep(1)),
        ("deep.png", _deep(3)),
        ("deep_clear.png", _deep(4)),
    ],
)
def test_a_picture_is_seen_as_its_file(tmp_path, negative, name, save):
    save(tmp_path / name)
    with Image.open(tmp_path / name) as image:
        painted = np.asarray(negative(image))
    expected = read_image(tmp_path / name, BACKGROUND)
    np.testing.assert_array_equal(painted, 255 - expected)


def test_a_clear_grey_of_16_bits(tmp_path, negative):
    values = np.uint16([[1000, 1001], [40_000, 65_535]])
    Image.fromarray(values).save(tmp_path / "a.png", transparency=1000)
    with Image.open(tmp_path / "a.png") as image:
        painted = np.asarray(negative(image))
    np.testing.assert_array_equal(255 - painted[0], [[10, 128, 255], [3, 3, 3]])
    np.testing.assert_array_equal(
        255 - painted, read_image(tmp_path / "a.png", BACKGROUND)
    )


def test_what_pillow_cannot_hold_is_not_painted():
    def paint(images):
        raise AssertionError("painted in vain")

    deep = Translator(paint, output_pixels=PixelType.of(3, "uint16"))
    with pytest.raises(ValueError, match="3 channels of uint16, which Pillow has no"):
        deep(Image.new("RGB", (8, 8)))


@pytest.mark.parametrize("painted", [np.zeros((0, 8, 8, 3)), np.zeros(3)])
def test_what_is_no_image_for_each_image_is_refused(painted):
    broken = Translator(lambda images: painted)
    with pytest.raises(ValueError, match="1 images became an array of shape"):
        broken(np.zeros((8, 8, 3), np.uint8))
