"""What outputs take over from their inputs' files: ICC profiles and alpha."""

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from tests.translators import photos
from tfi2i.data.pixels import RGB, PixelType
from tfi2i.data.reading import read_alpha, read_image
from tfi2i.inference import Translator, translate_files

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY, DEEP = PixelType.of(1), PixelType.of(3, "uint16")


def negative(taken=RGB, painted=RGB):
    def translate(images):
        levels = np.float64(images.mean(axis=-1, keepdims=True)) / taken.high
        shape = (*images.shape[:3], painted.channels)
        return np.broadcast_to((1 - levels) * painted.high, shape).astype(painted.dtype)

    return Translator(translate, taken, painted)


def profile_of(path):
    with Image.open(path) as image:
        return image.info.get("icc_profile")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_profiles_come_along(tmp_path, suffix):
    image = photos(1, 20, 30)[0]
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / f"a.{suffix}"
    Image.fromarray(image).save(path, icc_profile=SRGB)
    out = tmp_path / "out"
    translate_files(negative(), tmp_path / "in", out)
    assert profile_of(out / path.name) == SRGB
    # The numbers are what they were without one.
    Image.fromarray(read_image(path)).save(tmp_path / "plain.png")
    translate_files(negative(), tmp_path / "plain.png", tmp_path / "plain.tif")
    translate_files(negative(), path, tmp_path / "marked.tif")
    plain, marked = (read_image(tmp_path / f"{n}.tif") for n in ("plain", "marked"))
    np.testing.assert_array_equal(plain, marked)
    assert profile_of(tmp_path / "marked.tif") == SRGB
    # Colours' is no profile of grey; of 16 bits it is.
    translate_files(negative(painted=GREY), path, tmp_path / "grey.png")
    assert profile_of(tmp_path / "grey.png") is None
    translate_files(negative(painted=DEEP), path, tmp_path / "deep.png")
    assert profile_of(tmp_path / "deep.png") == SRGB


def test_profiles_of_cmyk_do_not_come_along(tmp_path):
    path = tmp_path / "a.jpg"
    cmyk = SRGB[:16] + b"CMYK" + SRGB[20:]
    Image.fromarray(photos(1, 9, 9)[0]).convert("CMYK").save(path, icc_profile=cmyk)
    translate_files(negative(), path, tmp_path / "out.jpg")
    assert profile_of(tmp_path / "out.jpg") is None


def test_pictures_keep_theirs():
    picture = Image.fromarray(photos(1, 20, 30)[0])
    picture.info["icc_profile"] = SRGB
    assert negative()(picture).info["icc_profile"] == SRGB
    assert "icc_profile" not in negative(painted=GREY)(picture).info


def with_alpha(height, width, seed=0):
    image = photos(1, height, width, seed)[0]
    alpha = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    return np.dstack([image, alpha])


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
@pytest.mark.parametrize("painted", [RGB, GREY, DEEP], ids=str)
def test_alpha_is_kept_where_that_is_asked(tmp_path, suffix, painted):
    rgba = with_alpha(20, 30)
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / f"a.{suffix}"
    options = {"lossless": True, "exact": True} if suffix == "webp" else {}
    Image.fromarray(rgba).save(path, **options)
    Image.fromarray(photos(1, 9, 9)[0]).save(tmp_path / "in" / f"opaque.{suffix}")
    flat, kept = tmp_path / "flat", tmp_path / "kept"
    translate_files(negative(painted=painted), tmp_path / "in", flat)
    report = translate_files(
        negative(painted=painted), tmp_path / "in", kept, alpha="keep"
    )
    assert report.failed == ()
    name, opaque = (path.name for path in report.translated)
    for output in (flat / name, kept / opaque):
        assert read_alpha(output) is None
    scale = 257 if painted == DEEP else 1
    found = read_alpha(kept / name, painted.dtype)
    np.testing.assert_array_equal(found, np.int32(rgba[..., 3]) * scale)
    # Colours are those of the flat one.
    if name.endswith((".png", ".tif")):
        pixels = PixelType.of(4, painted.dtype)
        colours = read_image(kept / name, pixels=pixels)[..., :3]
        expected = read_image(flat / name, pixels=PixelType.of(3, painted.dtype))
        np.testing.assert_array_equal(colours, expected)


def test_alpha_is_turned_and_halved_as_its_image(tmp_path):
    rgba = with_alpha(20, 30)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(rgba).save(tmp_path / "a.png", exif=exif)
    out = tmp_path / "out.png"
    translate_files(negative(), tmp_path / "a.png", out, alpha="keep", half="right")
    turned = np.rot90(rgba[..., 3], -1)
    np.testing.assert_array_equal(read_alpha(out), turned[:, 10:])


def test_files_that_hold_no_alpha(tmp_path):
    Image.fromarray(with_alpha(20, 30)).save(tmp_path / "a.png")
    kept = {"alpha": "keep"}
    report = translate_files(negative(), tmp_path / "a.png", tmp_path / "b.jpg", **kept)
    (line,) = report.failed
    assert "a.png: it has alpha, which 'b.jpg' cannot keep: expected .png" in line
    assert not (tmp_path / "b.jpg").exists()
    (tmp_path / "in").mkdir()
    Image.fromarray(with_alpha(20, 30)).save(tmp_path / "in" / "a.bmp")
    report = translate_files(negative(), tmp_path / "in", tmp_path / "out", **kept)
    (path,) = report.translated
    assert path.name == "a.png"
    with pytest.raises(
        ValueError, match="--alpha is 'drop'; expected 'flatten' or 'ke"
    ):
        translate_files(negative(), tmp_path / "in", tmp_path / "out", alpha="drop")


def test_domains_with_alpha_of_their_own_keep_it(tmp_path):
    four = PixelType.of(4)
    translator = Translator(lambda images: images, four, four)
    for suffix in ("png", "webp", "tif"):
        path = tmp_path / f"a.{suffix}"
        options = {"lossless": True, "exact": True} if suffix == "webp" else {}
        Image.fromarray(with_alpha(20, 30)).save(path, **options)
        for alpha in ("keep", "flatten"):
            out = tmp_path / f"{suffix}-{alpha}.tif"
            translate_files(translator, path, out, alpha=alpha)
            np.testing.assert_array_equal(tifffile.imread(out), with_alpha(20, 30))
