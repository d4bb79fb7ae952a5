"""ICC profiles of files of every kind."""

import struct

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image, ImageCms

from tests.data.conftest import picture
from tfi2i.data import icc_profiles, writing
from tfi2i.data.icc_profiles import read_profile

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# Nobody here looks further than the header.
GREY, CMYK = (SRGB[:16] + space + SRGB[20:] for space in (b"GRAY", b"CMYK"))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "gif"])
def test_files_of_pillow(tmp_path, suffix):
    image = Image.fromarray(picture(8, 6))
    image.save(tmp_path / f"with.{suffix}", icc_profile=SRGB)
    image.save(tmp_path / f"without.{suffix}")
    assert read_profile(tmp_path / f"without.{suffix}") is None
    # Pillow writes none into GIF.
    expected = None if suffix == "gif" else SRGB
    assert read_profile(tmp_path / f"with.{suffix}") == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_is_written_opens_elsewhere_with_its_profile(
    tmp_path, dtype, suffix, channels
):
    image = picture(8, 6)[..., :1] if channels == 1 else picture(8, 6)
    if channels == 4:
        image = np.concatenate([image, image[..., :1]], axis=2)
    image = image.astype(dtype) * (257 if dtype == np.uint16 else 1)
    path = tmp_path / f"a{suffix}"
    profile = GREY if channels == 1 else SRGB
    try:
        writing.write(image, path, profile)
    except ValueError:
        assert suffix in (".jpg", ".webp")
        return
    assert read_profile(path) == profile
    if suffix == ".tif":
        with tifffile.TiffFile(path) as file:
            assert bytes(file.pages[0].tags[34675].value) == profile
            np.testing.assert_array_equal(file.asarray().reshape(image.shape), image)
    else:
        with Image.open(path) as opened:
            # Checks the sums of all chunks.
            opened.verify()
        with Image.open(path) as opened:
            opened.load()
            assert opened.info["icc_profile"] == profile
    if suffix == ".png":
        found = tf.io.decode_png(path.read_bytes(), channels, dtype).numpy()
        np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".bmp", ".npy"])
@pytest.mark.parametrize(
    "profile, image",
    [
        (CMYK, picture(8, 6)),
        (GREY, picture(8, 6)),
        (SRGB, picture(8, 6)[..., :1]),
        (SRGB, picture(8, 6).astype(np.float32)),
    ],
    ids=["cmyk", "grey", "of colour", "floats"],
)
def test_profiles_of_other_colours_are_not_written(tmp_path, suffix, profile, image):
    assert not icc_profiles.fits(profile, image)
    path = tmp_path / f"a{suffix}"
    try:
        writing.write(image, path, profile)
    except ValueError:
        return
    assert read_profile(path) is None


def test_what_is_no_profile(tmp_path):
    image = Image.fromarray(picture(8, 6))
    image.save(tmp_path / "a.png", icc_profile=b"no profile")
    assert read_profile(tmp_path / "a.png") is None
    contents = bytearray((tmp_path / "a.png").read_bytes())
    # Its length goes beyond the file's end.
    contents[33:37] = struct.pack(">I", 10_000)
    (tmp_path / "b.png").write_bytes(contents)
    (tmp_path / "c.tif").write_bytes(b"II*\0\xff\xff\xff\xff")
    (tmp_path / "d.txt").write_bytes(b"text")
    np.save(tmp_path / "e.npy", picture(8, 6))
    for name in ("b.png", "c.tif", "d.txt", "e.npy"):
        assert read_profile(tmp_path / name) is None
