"""TIFF as Pillow, OpenCV and tifffile write it, whatever its parts."""

import contextlib
import io
import lzma
import struct
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from tests.data.conftest import picture
from tests.data.fuzzing import peak_memory
from tfi2i.data import decoding, headers, pixel_conversion
from tfi2i.data.pixels import PixelType
from tfi2i.data.reading import read_image
from tfi2i.data.size_limits import Refused


def shown(path, pixels):
    """As it is shown."""
    image, file = read_image(path, pixels=pixels), headers.read(path)
    assert image.shape[:2] == (file.height, file.width)
    return image


def over_white(rgba):
    """Composited in float64."""
    alpha = rgba[..., 3:] / 255
    return np.rint(rgba[..., :3] * alpha + 255 * (1 - alpha))


def deep(*shape):
    return np.random.default_rng(0).integers(0, 65_536, shape, dtype=np.uint16)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
def test_turned_once(tmp_path, mode, compression):
    image = Image.fromarray(picture(12, 10)).convert(mode)
    stored = np.asarray(image.convert("RGB"))
    for orientation, turns in ((1, 0), (3, 2), (6, -1), (8, 1)):
        tags = {0x0112: orientation}
        image.save(tmp_path / "a.tif", compression=compression, tiffinfo=tags)
        found = shown(tmp_path / "a.tif", PixelType.of())
        np.testing.assert_array_equal(found, np.rot90(stored, turns))


@pytest.mark.parametrize(
    "compression",
    ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "lzma", "zstd", "jpeg"],
)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_every_compression(tmp_path, mode, compression):
    if (mode, compression) == ("RGBA", "jpeg"):
        pytest.skip("Pillow does not read it itself")
    path = tmp_path / "a.tif"
    rgba = np.dstack([picture(90, 70), picture(90, 70)[..., :1]])
    Image.fromarray(rgba).convert(mode).save(path, compression=compression)
    with Image.open(path) as image:
        expected = np.array(image).reshape(90, 70, -1)
    found = shown(path, PixelType.of(len(mode)))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("compression", [1, 5, 8, 32946])
@pytest.mark.parametrize("predictor", [1, 2])
def test_16_bit_colour_of_opencv(tmp_path, compression, predictor):
    image = deep(70, 50, 3)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    options += [cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    path = tmp_path / "a.tif"
    assert cv2.imwrite(str(path), image[..., ::-1], options)
    np.testing.assert_array_equal(shown(path, PixelType.of(3, "uint16")), image)


@pytest.mark.parametrize("predictor", [1, 3])
@pytest.mark.parametrize("compression", [5, 8])
@pytest.mark.parametrize("channels", [1, 3])
def test_floats_of_opencv(tmp_path, compression, predictor, channels):
    image = np.random.default_rng(0).normal(size=(70, 50, channels)).astype(np.float32)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    options += [cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    path = tmp_path / "a.tif"
    assert cv2.imwrite(str(path), image[..., ::-1], options)
    pixels = PixelType.of(channels, "float32", 0, 1)
    np.testing.assert_array_equal(shown(path, pixels), image)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    "options",
    [
        {"tile": (16, 32)},
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "tile": (16, 16)},
        {"rowsperstrip": 7},
    ],
    ids=str,
)
@pytest.mark.parametrize("predictor", [False, True])
def test_tiles_planes_and_strips(tmp_path, byteorder, options, predictor):
    image = deep(45, 50, 3)
    stored = np.moveaxis(image, -1, 0) if "planarconfig" in options else image
    path = tmp_path / "a.tif"
    for compression in ("zlib",) if predictor else ("zlib", None):
        kind = {"compression": compression, "predictor": predictor}
        stored = stored.astype(byteorder + "u2")
        more = {"photometric": "rgb", "byteorder": byteorder, **options, **kind}
        tifffile.imwrite(path, stored, **more)
        np.testing.assert_array_equal(shown(path, PixelType.of(3, "uint16")), image)


@pytest.mark.parametrize("height", [1, 64, 65, 127, 129])
@pytest.mark.parametrize("planar", [1, 2])
def test_strips_of_several_planes(tmp_path, height, planar):
    """Of one strip, of some, and of those of several planes."""
    image, strip = deep(height, 50, 3), 16
    planes = [image] if planar == 1 else list(np.moveaxis(image, -1, 0))
    parts = [
        libtiff_strip(plane[start : start + strip].tobytes())
        for plane in planes
        for start in range(0, height, strip)
    ]
    path = tmp_path / "a.tif"
    kind = {"planarconfig": "separate"} if planar == 2 else {}
    tifffile.imwrite(
        path,
        iter(parts),
        shape=image.shape if planar == 1 else (3, height, 50),
        dtype=np.uint16,
        photometric="rgb",
        compression="zlib",
        rowsperstrip=strip,
        metadata=None,
        **kind,
    )
    say_compressed_by(path, 5)
    np.testing.assert_array_equal(shown(path, PixelType.of(3, "uint16")), image)


def libtiff_strip(data):
    """LZW as libtiff writes it."""
    file = io.BytesIO()
    picture = Image.frombytes("L", (len(data), 1), data)
    picture.save(file, "TIFF", compression="tiff_lzw")
    file.seek(0)
    with tifffile.TiffFile(file) as found:
        (start,), (length,) = found.pages[0].dataoffsets, found.pages[0].databytecounts
    return file.getvalue()[start : start + length]


def test_what_is_transparent_and_what_is_not(tmp_path):
    rgba = np.dstack([picture(9, 8), np.arange(72, dtype=np.uint8).reshape(9, 8) * 3])
    path = tmp_path / "a.tif"
    for kind in ("unassalpha", "assocalpha"):
        tifffile.imwrite(path, rgba, photometric="rgb", extrasamples=[kind])
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGBA"))
        np.testing.assert_array_equal(shown(path, PixelType.of(4)), expected)
        np.testing.assert_array_equal(shown(path, PixelType.of()), over_white(expected))
    # A fourth band that is no alpha, as of infrared, is not for compositing.
    tifffile.imwrite(path, rgba, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_array_equal(shown(path, PixelType.of(4)), rgba)
    with pytest.raises(ValueError, match="4 channels, expected 3"):
        shown(path, PixelType.of())
    # So are floats, of which nobody knows what is opaque.
    tifffile.imwrite(path, rgba.astype(np.float32), photometric="rgb")
    with pytest.raises(ValueError, match="4 channels, expected 3"):
        shown(path, PixelType.of(3, "float32", 0, 255))
    Image.fromarray(rgba).convert("LA").save(path)
    grey = Image.open(path).convert("RGBA")
    expected = over_white(np.asarray(grey))
    np.testing.assert_array_equal(shown(path, PixelType.of()), expected)


def test_zero_may_be_white(tmp_path):
    image = deep(9, 8)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="miniswhite")
    found = shown(tmp_path / "a.tif", PixelType.of(1, "uint16"))
    np.testing.assert_array_equal(found[..., 0], 65_535 - image)


def test_smaller_copies_are_no_channels(tmp_path):
    image = picture(20, 16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(image, photometric="rgb")
        file.write(image[::2, ::2], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(shown(tmp_path / "a.tif", PixelType.of()), image)


@pytest.mark.parametrize("count", [1, 2])
def test_pages_in_a_circle(tmp_path, count):
    path = tmp_path / "a.tif"
    pages = np.zeros((count, 9, 8), np.uint8)
    tifffile.imwrite(path, pages, photometric="minisblack", metadata=None)
    contents = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        (last,) = (page for page in file.pages if page.index == count - 1)
        first = file.pages[0].offset
    (tags,) = struct.unpack_from("<H", contents, last.offset)
    struct.pack_into("<I", contents, last.offset + 2 + 12 * tags, first)
    path.write_bytes(contents)
    with pytest.raises(ValueError, match="in a circle"):
        headers.read(path)


def test_colours_that_nothing_here_converts(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture(9, 8), photometric="cielab")
    with pytest.raises(Refused, match="CIELAB: expected RGB or grey"):
        headers.read(tmp_path / "a.tif")


def with_data(path, data, compression="zlib", **options):
    """A TIFF of one grey strip of 64 x 64, in which other data are put."""
    image = np.zeros((64, 64), np.uint8)
    tifffile.imwrite(path, image, compression=compression, metadata=None, **options)
    contents = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        for name, value in (
            ("StripOffsets", len(contents)),
            ("StripByteCounts", len(data)),
        ):
            kind = {3: "<H", 4: "<I"}[int(tags[name].dtype)]
            struct.pack_into(kind, contents, tags[name].valueoffset, value)
    path.write_bytes(contents + data)


def say_compressed_by(path, number):
    """Change one tag."""
    contents = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].tags["Compression"].valueoffset
    struct.pack_into("<H", contents, at, number)
    path.write_bytes(contents)


@pytest.mark.parametrize("number", [5, 8, 32773, 34925, 50000])
def test_a_bomb_does_not_go_off(tmp_path, number):
    """Data that expand beyond the declared size take no memory for that."""
    size = 100_000_000
    bomb = {
        5: lambda: imagecodecs.lzw_encode(bytes(size // 10)),
        8: lambda: zlib.compress(bytes(size), 9),
        32773: lambda: b"\x81\0" * (size // 128),
        34925: lambda: lzma.compress(bytes(size), preset=0),
        50000: lambda: imagecodecs.zstd_encode(bytes(size), level=1),
    }[number]()
    with_data(tmp_path / "a.tif", bomb)
    say_compressed_by(tmp_path / "a.tif", number)
    assert headers.read(tmp_path / "a.tif").width == 64
    before = peak_memory()
    with contextlib.suppress(ValueError):
        assert read_image(tmp_path / "a.tif").shape == (64, 64, 3)
    assert peak_memory() - before < 5_000_000


def test_tiles_larger_than_any_image(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, deep(16, 16), tile=(16, 16), compression="zlib")
    contents = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        for name in ("TileWidth", "TileLength"):
            tag = file.pages[0].tags[name]
            struct.pack_into("<H", contents, tag.offset + 2, 4)
            struct.pack_into("<I", contents, tag.valueoffset, 2**20)
    path.write_bytes(contents)
    with pytest.raises(Refused, match="too many"):
        headers.read(path)


@pytest.mark.parametrize("rows", [16, 48], ids=["last of three", "only one"])
@pytest.mark.parametrize(
    "compression", [None, "lzw", "zlib", "packbits", "zstd", "lzma"]
)
def test_strips_that_go_on_beyond_the_image(tmp_path, compression, rows):
    """As libtiff: the image ends in the middle of its last strip."""
    path, image = tmp_path / "a.tif", deep(48, 45)
    options = {"compression": compression, "rowsperstrip": rows}
    if compression not in (None, "packbits"):
        options["predictor"] = 2
    tifffile.imwrite(path, image, metadata=None, **options)
    contents = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].tags["ImageLength"].valueoffset
    struct.pack_into("<H", contents, at, 37)
    path.write_bytes(contents)
    np.testing.assert_array_equal(
        pixel_conversion.read(headers.read(path)), image[:37].reshape(37, 45, -1)
    )


@pytest.mark.parametrize(
    "data",
    [b"", zlib.compress(bytes(64 * 63)), zlib.compress(bytes(64 * 64))[:-9]],
    ids=["none", "too few", "cut"],
)
def test_too_little_data(tmp_path, data):
    with_data(tmp_path / "a.tif", data)
    with pytest.raises(ValueError, match="truncated"):
        pixel_conversion.read(headers.read(tmp_path / "a.tif"))


def test_too_little_data_as_it_is(tmp_path):
    with_data(tmp_path / "a.tif", bytes(64), compression=None)
    with pytest.raises(ValueError, match="truncated"):
        pixel_conversion.read(headers.read(tmp_path / "a.tif"))


@pytest.mark.parametrize("compression", ["jpeg2000", "jpegxl", "webp"])
def test_compressions_of_few_programs(tmp_path, compression):
    image = picture(40, 30)
    options = (
        {"compressionargs": {"lossless": True}} if compression != "jpeg2000" else {}
    )
    tifffile.imwrite(
        tmp_path / "a.tif", image, photometric="rgb", compression=compression, **options
    )
    np.testing.assert_array_equal(shown(tmp_path / "a.tif", PixelType.of()), image)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_equal_to_png_whatever_is_wanted(tmp_path, channels, dtype):
    """What Python converts is what graphs convert."""
    image = deep(20, 30, channels).astype(dtype)
    alpha = {2: ["unassalpha"], 4: ["unassalpha"]}.get(channels, [])
    photometric = "rgb" if channels > 2 else "minisblack"
    path = tmp_path / "a.tif"
    stored = image[..., 0] if channels == 1 else image
    options = {"planarconfig": "contig"} if channels > 1 else {}
    tifffile.imwrite(
        path, stored, photometric=photometric, extrasamples=alpha, **options
    )
    file = headers.read(path)
    found = pixel_conversion.read(file)
    png, under = tf.io.encode_png(image), (51, 102, 153)
    for wanted in ("uint8", "uint16"):
        for count in (1, 3, 4):
            pixels = PixelType.of(count, wanted)
            np.testing.assert_array_equal(
                pixel_conversion.convert(found, file, under, pixels),
                decoding.decode_contents(png, under, pixels),
                f"{pixels}",
            )
