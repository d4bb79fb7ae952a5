"""Mutated image files: each gives an image or one line that says why not.

As a program (`python -m tests.data.fuzzing FIRST COUNT`) it prints the number of every
file before reading it, so that a crash or a hang has a name, and then the memory that
reading took.
"""

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from tests.data.conftest import picture
from tfi2i.data.pixels import PixelType
from tfi2i.data.reading import read_image
from tfi2i.data.size_limits import MAX_BYTES

TYPES = (
    PixelType.of(),
    PixelType.of(1),
    PixelType.of(3, "uint16"),
    PixelType.of(1, "float32", 0, 1),
)
SUFFIXES = ("png", "jpg", "bmp", "gif", "webp", "tif", "npy", "npz", "heic", "txt")


def seeds() -> list[bytes]:
    """Sound files of every kind."""
    image = Image.fromarray(picture(24, 20))
    grey, deep = image.convert("L"), np.asarray(image).astype(np.uint16) * 257
    palette = image.quantize(16)
    files = []

    def add(save, *arguments, **options):
        file = io.BytesIO()
        save(file, *arguments, **options)
        files.append(file.getvalue())

    exif = Image.Exif()
    exif[0x0112] = 6
    add(image.save, "JPEG", exif=exif)
    add(image.save, "JPEG", progressive=True)
    add(grey.save, "JPEG")
    for mode in (image, grey, palette, image.convert("RGBA"), image.convert("1")):
        add(mode.save, "PNG")
    for mode in (image, grey, palette):
        add(mode.save, "BMP")
        add(mode.save, "GIF")
    add(image.save, "WEBP")
    add(image.convert("RGBA").save, "WEBP", lossless=True)
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        add(image.save, "TIFF", compression=compression)
    for compression in (None, "zlib"):
        for array in (deep, deep[..., 0], np.float32(deep[..., 0])):
            add(tifffile.imwrite, array, compression=compression)
    rgba = np.asarray(image.convert("RGBA"))
    for alpha in ("unassalpha", "assocalpha"):
        options = {"photometric": "rgb", "extrasamples": [alpha], "tile": (16, 16)}
        add(tifffile.imwrite, rgba, **options)
        add(tifffile.imwrite, rgba, compression="zlib", predictor=True, **options)
    floats = Image.fromarray(np.float32(deep[..., 0]))
    add(floats.save, "TIFF", compression="tiff_lzw", tiffinfo={317: 3})
    pages = np.zeros((4, 9, 50), np.uint16)
    add(tifffile.imwrite, pages, photometric="minisblack")
    add(tifffile.imwrite, pages, photometric="minisblack", bigtiff=True)
    for array in (np.asarray(image), deep[..., 0], np.float64(deep), np.eye(9)):
        add(np.save, array)
        add(np.savez, array)
        add(np.savez_compressed, array)
    try:
        import pillow_heif
    except ImportError:
        return files
    pillow_heif.register_heif_opener()
    add(image.save, "HEIF")
    return files


def mutated(files: list[bytes], number: int) -> tuple[bytes, str]:
    """The contents and suffix of one file."""
    rng = np.random.default_rng(number)
    contents = bytearray(files[rng.integers(len(files))])
    kind = number % 5
    if kind == 0:
        # Flipped bytes, mostly where sizes and offsets are.
        for _ in range(rng.integers(1, 9)):
            end = len(contents) if rng.random() < 0.5 else min(len(contents), 200)
            contents[rng.integers(end)] = rng.integers(256)
    elif kind == 1:
        del contents[rng.integers(len(contents)) :]
    elif kind == 2:
        # A huge number, where a size may be.
        at = rng.integers(max(1, min(len(contents), 400) - 4))
        contents[at : at + 4] = rng.choice([b"\xff\xff\xff\x7f", b"\0\1\x86\xa0"])
    elif kind == 3:
        at = rng.integers(len(contents))
        contents[at:at] = rng.bytes(rng.integers(1, 40))
    elif number % 25 == 4:
        contents = bytearray(rng.bytes(rng.integers(0, 60)))
    # What is left is sound, and has another kind's name.
    return bytes(contents), rng.choice(SUFFIXES)


def check(files: list[bytes], number: int, folder: Path) -> bool:
    """Read one mutated file; returns whether there was an image."""
    contents, suffix = mutated(files, number)
    path = folder / f"image.{suffix}"
    path.write_bytes(contents)
    pixels = TYPES[number % len(TYPES)]
    try:
        image = read_image(path, pixels=pixels)
    except (ValueError, OSError) as error:
        text = str(error)
        assert text and "\n" not in text and str(path) not in text, (number, text)
        return False
    assert image.dtype == pixels.dtype and image.shape[2] == pixels.channels, number
    assert image.nbytes <= MAX_BYTES
    return True


def peak_memory() -> int:
    """The most memory that the process has ever had, in bytes."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main(first: int, count: int) -> None:
    """Read `count` files, from number `first` on."""
    files = seeds()
    with tempfile.TemporaryDirectory() as folder:
        check(files, 0, Path(folder))
        before, images = peak_memory(), 0
        for number in range(first, first + count):
            print(number, end="\r", flush=True)
            images += check(files, number, Path(folder))
    print(f"\n{images} images, {(peak_memory() - before) / 2**20:.0f} MiB")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
