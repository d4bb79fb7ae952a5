"""Files of every kind, written by other programs, read as arrays of a wanted kind."""

import io
import struct
import tracemalloc
import zipfile
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.data.conftest import picture, save
from tfi2i.data import headers, numpy_files, pixel_conversion, writing
from tfi2i.data.pixels import RGB, PixelType
from tfi2i.data.reading import read_image

GREY = PixelType.of(1)
DEEP = PixelType.of(1, "uint16")
FLOAT = PixelType.of(1, "float32", 0, 1)


def deep(height=7, width=9, channels=1):
    rng = np.random.default_rng(channels)
    return rng.integers(0, 65_536, (height, width, channels), dtype=np.uint16)


def described(path):
    found = headers.read(path)
    return found.format, found.width, found.height, found.channels, found.dtype


@pytest.mark.parametrize("suffix", ["bmp", "gif", "tif", "heic", "webp"])
def test_pictures_as_pillow_shows_them(tmp_path, suffix):
    if suffix == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    image = picture(16, 24)
    path = save(tmp_path / f"a.{suffix}", image)
    kind = {"tif": "TIFF", "heic": "HEIF"}.get(suffix, suffix.upper())
    assert described(path) == (kind, 24, 16, 3, "uint8")
    with Image.open(path) as opened:
        shown = np.asarray(opened.convert("RGB"))
    np.testing.assert_array_equal(read_image(path), shown)
    grey = np.asarray(Image.fromarray(shown).convert("L"))
    np.testing.assert_array_equal(read_image(path, pixels=GREY)[..., 0], grey)


def test_the_first_picture_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (read_image(tmp_path / "a.gif") == (255, 0, 0)).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "RGBA"])
def test_tiff_of_every_mode(tmp_path, mode):
    image = Image.fromarray(picture(12, 10)).convert(mode)
    compression = "tiff_lzw" if mode != "RGBA" else None
    image.save(tmp_path / "a.tif", compression=compression)
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_arrive_whole(tmp_path, channels):
    image = deep(channels=channels)
    pixels = PixelType.of(channels, "uint16")
    for suffix in ("png", "tif"):
        assert cv2.imwrite(str(tmp_path / f"a.{suffix}"), image[..., ::-1])
    np.save(tmp_path / "a.npy", image)
    for suffix in ("png", "tif", "npy"):
        path = tmp_path / f"a.{suffix}"
        assert described(path)[1:] == (9, 7, channels, "uint16")
        np.testing.assert_array_equal(read_image(path, pixels=pixels), image)
        # As 8 bits, what is high of it.
        eight = read_image(path, pixels=PixelType.of(channels))
        np.testing.assert_array_equal(eight, image >> 8)


def test_8_bits_among_16(tmp_path):
    image = picture(5, 6)
    for suffix in ("png", "bmp"):
        path = save(tmp_path / f"a.{suffix}", image)
        found = read_image(path, pixels=PixelType.of(3, "uint16"))
        np.testing.assert_array_equal(found, image.astype(int) * 257)
        numbers = read_image(path, pixels=PixelType.of(3, "float32", 0, 255))
        np.testing.assert_array_equal(numbers, image)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_levels_where_floats_are_wanted(tmp_path, dtype, suffix):
    most = np.iinfo(dtype).max
    image = np.array([[0, 1, most // 5, most]], dtype)[..., None].repeat(3, axis=2)
    assert cv2.imwrite(str(tmp_path / f"a.{suffix}"), image)
    for channels in (1, 3, 4):
        for low, high in ((0, 1), (-1, 1), (-1000, 3000)):
            pixels = PixelType.of(channels, "float32", low, high)
            found = read_image(tmp_path / f"a.{suffix}", pixels=pixels)
            expected = low + image[..., 0] / most * (high - low)
            np.testing.assert_allclose(found[..., 0], expected, 1e-6, 1e-3)
            np.testing.assert_allclose(found[:, 3, -1], high)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int16", "uint32"])
@pytest.mark.parametrize("suffix", ["tif", "npy", "npz"])
def test_numbers_of_other_kinds_keep_their_values(tmp_path, dtype, suffix):
    image = (np.arange(35).reshape(5, 7) - (0 if dtype[0] == "u" else 9)).astype(dtype)
    path = tmp_path / f"a.{suffix}"
    if suffix == "tif":
        tifffile.imwrite(path, image)
    else:
        (np.save if suffix == "npy" else np.savez)(path, image)
    assert described(path)[1:] == (7, 5, 1, "float32")
    np.testing.assert_array_equal(read_image(path, pixels=FLOAT)[..., 0], image)
    with pytest.raises(ValueError, match="floats, expected uint8"):
        read_image(path)


def test_pages_and_axes_become_channels(tmp_path):
    image = deep(6, 50, 5)
    pixels = PixelType.of(5, "uint16")
    pages = np.moveaxis(image, -1, 0)
    tifffile.imwrite(tmp_path / "pages.tif", pages, photometric="minisblack")
    tifffile.imwrite(
        tmp_path / "planes.tif", image, photometric="minisblack", planarconfig="contig"
    )
    np.save(tmp_path / "last.npy", image)
    np.save(tmp_path / "first.npy", pages)
    for path in tmp_path.iterdir():
        assert described(path)[1:] == (50, 6, 5, "uint16"), path
        np.testing.assert_array_equal(read_image(path, pixels=pixels), image)
        with pytest.raises(ValueError, match="^5 channels, expected 3$"):
            read_image(path)


def test_transparency(tmp_path):
    rgba = np.dstack([picture(6, 8), np.full((6, 8), 128, np.uint8)])
    tifffile.imwrite(
        tmp_path / "a.tif", rgba, photometric="rgb", extrasamples=["unassalpha"]
    )
    save(tmp_path / "a.png", rgba)
    expected = read_image(tmp_path / "a.png", "black")
    found = read_image(tmp_path / "a.tif", "black")
    assert np.abs(found.astype(int) - expected).max() <= 1
    for suffix in ("tif", "png"):
        kept = read_image(tmp_path / f"a.{suffix}", pixels=PixelType.of(4))
        np.testing.assert_array_equal(kept, rgba)
    # Four channels of an array are four channels.
    np.save(tmp_path / "a.npy", rgba)
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.npy", pixels=PixelType.of(4)), rgba
    )


def test_masks(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(5, dtype=bool))
    found = read_image(tmp_path / "a.npy", pixels=GREY)[..., 0]
    np.testing.assert_array_equal(found, np.eye(5) * 255)


def png_of(width, height):
    """A PNG that says that it is so large, and holds little."""

    def chunk(name, body):
        check = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + check

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(100))
    parts = chunk(b"IHDR", size) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def npy_of(shape, dtype="<f8"):
    file = io.BytesIO()
    description = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, description)
    return file.getvalue() + bytes(100)


def tiff_of(width, height):
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((8, 8), np.uint16), metadata=None)
    image = file.getvalue()
    for tag, value in ((256, width), (257, height)):
        starts = (image.find(struct.pack("<HHI", tag, kind, 1)) for kind in (3, 4))
        at = max(starts)
        image = image[:at] + struct.pack("<HHII", tag, 4, 1, value) + image[at + 12 :]
    return image


def gif_of(width, height):
    file = io.BytesIO()
    Image.new("L", (4, 4)).save(file, "GIF")
    return (
        file.getvalue()[:6] + struct.pack("<HH", width, height) + file.getvalue()[10:]
    )


def zipped(contents):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("arr_0.npy", contents)
    return file.getvalue()


@pytest.mark.parametrize(
    "contents",
    [
        png_of(100_000, 100_000),
        png_of(100_000, 4),
        png_of(12_000, 12_000),
        npy_of((100_000, 100_000)),
        npy_of((40_000, 40_000), "|u1"),
        zipped(npy_of((100_000, 100_000))),
        tiff_of(100_000, 100_000),
        gif_of(65_535, 65_535),
    ],
    ids=["png", "wide", "large", "npy", "bytes", "npz", "tiff", "gif"],
)
def test_sizes_are_refused_before_anything_is_allocated(tmp_path, contents):
    path = tmp_path / "a.png"
    path.write_bytes(contents)
    for read in (headers.read, read_image):
        with pytest.raises(ValueError, match="too many|truncated") as error:
            read(path)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "image, message",
    [
        (np.zeros((40, 8, 100)), "is a volume: .* at most 32 .* 100; save its slices"),
        (np.zeros((3, 4, 5, 6)), r"shape \(3, 4, 5, 6\): expected \(height, width\)"),
        (np.zeros((4, 4), complex), "values of dtype complex128: expected integers or"),
        (np.full((4, 4), np.nan), "values that are infinite or no numbers"),
        (np.full((4, 4), 1e300), "values that are infinite or no numbers"),
        (np.zeros((0, 4)), "4x0 pixels: it has none"),
    ],
)
def test_arrays_that_are_no_images(tmp_path, image, message):
    np.save(tmp_path / "a.npy", image)
    with pytest.raises(ValueError, match=message):
        read_image(tmp_path / "a.npy", pixels=FLOAT)


def test_nothing_in_an_array_file_is_executed(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[print]]), allow_pickle=True)
    with pytest.raises(ValueError, match="values of dtype object"):
        headers.read(tmp_path / "a.npy")


def test_volumes_of_pages(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((40, 8, 8), np.uint8))
    with pytest.raises(ValueError, match="40 pages is a volume.*save its slices"):
        headers.read(tmp_path / "a.tif")


def test_several_arrays_in_one_file(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 3)), y=np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"2 arrays \(x.npy, y.npy\): expected one"):
        headers.read(tmp_path / "a.npz")


def test_big_endian_numbers(tmp_path):
    image = deep(channels=3)
    np.save(tmp_path / "a.npy", image.astype(">u2"))
    found = read_image(tmp_path / "a.npy", pixels=PixelType.of(3, "uint16"))
    np.testing.assert_array_equal(found, image)


def test_headers_of_arrays_are_short(tmp_path):
    contents = b"\x93NUMPY\x02\0\xff\xff\xff\x7f" + b" " * 20_000_000
    (tmp_path / "a.npz").write_bytes(zipped(contents))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="reading array header"):
            headers.read(tmp_path / "a.npz")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_arrays_that_nothing_here_unpacks_safely(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.npy", npy_of((4, 4)) + bytes(28))
    with pytest.raises(ValueError, match="expected deflate or none"):
        headers.read(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "pixels",
    [RGB, GREY, DEEP, PixelType.of(3, "uint16"), PixelType.of(4), PixelType.of(5)],
    ids=str,
)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy", ".jpg"])
def test_what_is_written_is_read_back(tmp_path, suffix, pixels):
    image = deep(8, 40, pixels.channels).astype(pixels.dtype)
    path = tmp_path / f"a{suffix}"
    if not writing.can_hold(suffix, pixels):
        assert suffix in (".png", ".jpg")
        other = writing.suffix_for(suffix, pixels)
        assert other in (".png", ".tif") and writing.can_hold(other, pixels)
        with pytest.raises(ValueError, match="cannot hold .* expected .tif or .npy"):
            writing.write(image, path)
        return
    assert writing.suffix_for(suffix, pixels) == suffix
    writing.write(image, path)
    found = read_image(path, pixels=pixels)
    assert found.dtype == image.dtype and found.shape == image.shape
    if suffix != ".jpg":
        np.testing.assert_array_equal(found, image)


def test_floats_are_written_as_they_are(tmp_path):
    image = np.random.default_rng(0).normal(size=(8, 40, 3)).astype(np.float32)
    pixels = PixelType.of(3, "float32", 0, 1)
    assert writing.suffix_for(".png", pixels) == ".tif"
    for suffix in (".tif", ".npy"):
        writing.write(image, tmp_path / f"a{suffix}")
        np.testing.assert_array_equal(
            read_image(tmp_path / f"a{suffix}", pixels=pixels), image
        )


def test_numbers_that_float32_has_no_room_for(tmp_path, caplog):
    numpy_files._warn_of_rounding.cache_clear()
    for name, values in {
        "small": np.int32([[-(2**24), 2**24]]),
        "round": np.int64([[2**24 + 2, 2**40]]),
        "fractions": np.float64([[0.1, 1 / 3]]),
    }.items():
        np.save(tmp_path / f"{name}.npy", values)
        read_image(tmp_path / f"{name}.npy", pixels=FLOAT)
    assert not caplog.records
    for dtype in ("int32", "int64", "uint32", "float64"):
        np.save(tmp_path / "a.npy", np.array([[0, 2**24 + 1]], dtype))
        for _ in range(2):
            read_image(tmp_path / "a.npy", pixels=FLOAT)
        assert f"images hold {dtype} beyond 16,777,216" in caplog.messages[-1]
    assert len(caplog.records) == 4


def of_many_parts(folder):
    """Files of 26 MB of pixels or more, stored in few bytes."""
    rng = np.random.default_rng(0)
    small = rng.normal(size=(40, 400)).astype(np.float32)
    page = np.tile(small, (10, 1))
    stack = np.broadcast_to(page, (32, 400, 400))
    np.savez_compressed(folder / "first.npz", stack)
    np.save(folder / "last.npy", np.moveaxis(stack, 0, -1).astype(np.float64))
    np.save(folder / "fortran.npy", np.asfortranarray(np.moveaxis(stack, 0, -1)))
    for name, options in {
        "pages.tif": {},
        "deflated.tif": {"compression": "zlib"},
        "strip.tif": {"compression": "zlib", "rowsperstrip": 400},
        "tiles.tif": {"compression": "zlib", "tile": (128, 128)},
    }.items():
        with tifffile.TiffWriter(folder / name) as file:
            for each in stack:
                each = np.ascontiguousarray(each)
                file.write(each, photometric="minisblack", **options)
    large = np.tile(rng.integers(0, 65536, (40, 2100, 3), np.uint16), (50, 1, 1))
    whole = {"compression": "zlib", "rowsperstrip": 2000, "predictor": True}
    tifffile.imwrite(folder / "one.tif", large, photometric="rgb", **whole)
    planes = np.moveaxis(large, -1, 0)
    how = {"photometric": "rgb", "planarconfig": "separate", "compression": "zlib"}
    tifffile.imwrite(folder / "planes.tif", planes, **how)
    return {**dict.fromkeys(("one.tif", "planes.tif"), large)}, stack


@pytest.mark.slow
def test_memory_is_at_most_twice_the_pixels(tmp_path):
    wanted, stack = of_many_parts(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        expected = wanted.get(path.name, np.moveaxis(stack, 0, -1))
        tracemalloc.start()
        try:
            found = pixel_conversion.read(headers.read(path))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        np.testing.assert_array_equal(found, expected)
        # A strip is decoded whole, and in this file it is all of the image.
        most = 3.1 if path.name == "one.tif" else 2
        assert peak <= most * found.nbytes, (path.name, peak / found.nbytes)
