import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from tests.data.conftest import picture
from tfi2i.data import decoding, headers
from tfi2i.data.reading import read_image

BACKGROUND = (250, 128, 3)


@tf.function
def in_graph(contents, background):
    return decoding.decode_contents(contents, background)


def decode(path, background=BACKGROUND) -> np.ndarray:
    """As training sees the file; exports see the same of JPEG and PNG, unturned."""
    image = read_image(path, "#{:02x}{:02x}{:02x}".format(*background))
    file = headers.read(path)
    if file.format != "WEBP" and file.orientation == 1:
        found = in_graph(path.read_bytes(), tf.constant(background))
        np.testing.assert_array_equal(found, image)
    return image


def shown(path, background=BACKGROUND) -> np.ndarray:
    """What Pillow shows, alpha composited in float64."""
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
    if image.mode == "CMYK":
        return np.asarray(image.convert("RGB"))
    rgba = np.asarray(image.convert("RGBA")).astype(np.float64)
    alpha = rgba[..., 3:] / 255
    mixed = rgba[..., :3] * alpha + np.array(background) * (1 - alpha)
    return np.rint(mixed).astype(np.uint8)


def mode_of(path) -> str:
    with Image.open(path) as opened:
        return opened.mode


@pytest.fixture(scope="module")
def image():
    return Image.fromarray(picture(21, 34))


@pytest.fixture(scope="module")
def alpha():
    values = np.random.default_rng(1).integers(0, 256, (21, 34), dtype=np.uint8)
    return Image.fromarray(values)


def with_alpha(image, alpha):
    image = image.copy()
    image.putalpha(alpha)
    return image


def test_rgb(tmp_path, image):
    for name, options in (
        ("a.jpg", {"quality": 90}),
        ("b.jpg", {"quality": 50, "progressive": True, "subsampling": 0}),
        ("c.png", {}),
        ("d.webp", {"lossless": True}),
        ("e.webp", {"quality": 60}),
    ):
        image.save(tmp_path / name, **options)
        np.testing.assert_array_equal(decode(tmp_path / name), shown(tmp_path / name))


def test_grey(tmp_path, image):
    grey = image.convert("L")
    for name in ("a.jpg", "b.png", "c.webp"):
        grey.save(tmp_path / name)
        decoded = decode(tmp_path / name)
        assert decoded.shape == (21, 34, 3)
        np.testing.assert_array_equal(decoded, shown(tmp_path / name))


def test_content_decides_and_not_the_name(tmp_path, image):
    for format in ("JPEG", "PNG", "WEBP"):
        path = tmp_path / "picture.jpg"
        image.save(path, format=format)
        np.testing.assert_array_equal(decode(path), shown(path))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_in_png(tmp_path, image, alpha, mode):
    path = tmp_path / "a.png"
    with_alpha(image.convert(mode[:-1]), alpha).save(path)
    np.testing.assert_array_equal(decode(path), shown(path))
    assert not np.array_equal(decode(path), decode(path, background=(0, 0, 0)))


def test_alpha_in_webp(tmp_path, image, alpha):
    path = tmp_path / "a.webp"
    with_alpha(image, alpha).save(path, lossless=True)
    np.testing.assert_array_equal(decode(path), shown(path))


def test_alpha_agrees_with_pillow_alpha_composite(tmp_path, image, alpha):
    path = tmp_path / "a.png"
    rgba = with_alpha(image, alpha)
    rgba.save(path)
    below = Image.new("RGBA", rgba.size, (*BACKGROUND, 255))
    expected = np.asarray(Image.alpha_composite(below, rgba).convert("RGB"))
    difference = decode(path).astype(int) - expected
    assert np.abs(difference).max() <= 1


def test_alpha_is_rounded_to_nearest(tmp_path):
    colours, alphas = np.meshgrid(np.arange(256), np.arange(256))
    rgba = np.stack([colours] * 3 + [alphas], axis=-1).astype(np.uint8)
    for background in ((255, 0, 1), (128, 77, 254)):
        Image.fromarray(rgba).save(tmp_path / "a.png")
        flat = decode(tmp_path / "a.png", background)
        share = alphas[..., None] / 255
        exact = colours[..., None] * share + np.array(background) * (1 - share)
        np.testing.assert_array_equal(flat, np.rint(exact))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("transparency", ["none", "all", "some"])
def test_palette_png(tmp_path, image, bits, transparency):
    colours = 2**bits
    path = tmp_path / "a.png"
    options = {
        "none": {},
        # values that equal the decoder's wrong fillings 1, 3 and 15 included
        "all": {"transparency": bytes([1, 3, 15, 200] * 64)[:colours]},
        "some": {"transparency": bytes([0, 255])},
    }[transparency]
    image.quantize(colours).save(path, bits=bits, **options)
    assert mode_of(path) == "P"
    np.testing.assert_array_equal(decode(path), shown(path))


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_transparent_colour_in_png(tmp_path, image, mode):
    path = tmp_path / "a.png"
    converted = image.convert(mode)
    key = 0 if mode == "1" else converted.getpixel((3, 4))
    converted.save(path)
    np.testing.assert_array_equal(decode(path), shown(path))
    converted.save(path, transparency=key)
    np.testing.assert_array_equal(decode(path), shown(path))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_png_keeps_the_high_bytes(tmp_path, channels):
    shape = (9, 7) if channels == 1 else (9, 7, channels)
    deep = np.random.default_rng(2).integers(0, 2**16, shape, dtype=np.uint16)
    path = tmp_path / "a.png"
    tf.io.write_file(str(path), tf.io.encode_png(deep.reshape(9, 7, channels)))
    high = (deep >> 8).astype(np.uint8).reshape(9, 7, channels)
    expected = np.repeat(high, 3, axis=2) if channels == 1 else high[..., :3]
    if channels == 4:
        share = high[..., 3:] / 255
        expected = np.rint(expected * share + np.array(BACKGROUND) * (1 - share))
    np.testing.assert_array_equal(decode(path), expected)


@pytest.mark.parametrize("transform", [0, 2], ids=["CMYK", "YCCK"])
def test_cmyk_jpeg(tmp_path, image, transform):
    buffer = io.BytesIO()
    image.convert("CMYK").save(buffer, format="JPEG", quality=95)
    data = bytearray(buffer.getvalue())
    # The last byte of Adobe's segment tells how the four channels are stored.
    data[data.index(b"Adobe") + 11] = transform
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    assert mode_of(path) == "CMYK"
    np.testing.assert_array_equal(decode(path), shown(path))


def test_animated_webp_is_refused_and_does_not_end_the_process(tmp_path, image):
    path = tmp_path / "a.webp"
    frames = [image, ImageOps.invert(image)]
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    with pytest.raises(ValueError, match="^animated$"):
        decode(path)
    # The same where the file has been put in the place of another one.
    image.save(tmp_path / "b.webp")
    file = dataclasses.replace(headers.read(tmp_path / "b.webp"), path=path)
    with pytest.raises(ValueError, match="^animated$"):
        decoding.decode(file)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_orientation(tmp_path, image, suffix, orientation):
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)
    decoded = decode(path)
    assert decoded.shape[:2] == ((34, 21) if orientation >= 5 else (21, 34))
    np.testing.assert_array_equal(decoded, shown(path))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_truncated_files_are_refused(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(picture(64, 64)).save(path)
    data = path.read_bytes()
    for length in (len(data) * 9 // 10, len(data) // 2, 40, 8, 0):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError):
            read_image(path)
        with pytest.raises(tf.errors.OpError):
            in_graph(data[:length], tf.constant(BACKGROUND))


def test_other_content_is_refused(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("not an image")
    with pytest.raises(ValueError, match="not an image: expected JPEG, PNG"):
        decode(path)


def test_bytes_that_are_no_image():
    with pytest.raises(tf.errors.InvalidArgumentError):
        decoding.decode_contents(tf.constant(b"no image"), tf.constant(BACKGROUND))


def test_colours():
    assert decoding.parse_colour("white") == (255, 255, 255)
    assert decoding.parse_colour("#0a10ff") == (10, 16, 255)
    for wrong in ("whit", "", "#12345", "#11223344", "300"):
        with pytest.raises(ValueError, match=f"^'{wrong}' is not a colour: --data"):
            decoding.parse_colour(wrong)
