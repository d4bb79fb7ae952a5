"""Work in threads, and what libraries write meanwhile."""

import os
import sys
import threading

import pytest
from PIL import Image

from tests.data.conftest import picture, save
from tfi2i.data import reading, threads


def damaged(folder):
    """A JPEG and a TIFF, of which libraries complain."""
    jpeg = save(folder / "1.jpg", picture(40, 40), progressive=True)
    jpeg.write_bytes(jpeg.read_bytes()[:-300])
    tiff = folder / "1.tif"
    palette = Image.fromarray(picture(40, 40)).quantize()
    palette.save(tiff, compression="tiff_lzw")
    contents = bytearray(tiff.read_bytes())
    contents[100:110] = bytes(10)
    tiff.write_bytes(contents)
    return jpeg, tiff


def test_damaged_files_are_not_complained_of_twice(tmp_path, capfd):
    paths = damaged(tmp_path)
    errors = []

    def read(number):
        with pytest.raises(ValueError, match="truncated or damaged") as error:
            reading.read_image(paths[number])
        errors.append(error)

    read(0)
    read(1)
    # They are, by themselves.
    alone = capfd.readouterr().err
    assert "JPEG library" in alone and "LZWDecode" in alone
    threads.parallel_map(read, range(2), "Reading", progress=True)
    assert len(errors) == 4
    left = capfd.readouterr().err
    assert "JPEG library" not in left and "LZWDecode" not in left


def test_everything_else_is_seen(capfd):
    def work(number):
        os.write(2, b"native\nBogus marker length\n")
        if number:
            raise KeyError("stop")
        sys.stderr.write("python\n")

    with pytest.raises(KeyError):
        threads.parallel_map(work, range(2), "", progress=False)
    found = sorted(capfd.readouterr().err.split("\n"))
    assert found == ["", "native", "native", "python"]
    os.write(2, b"Bogus marker length\n")
    assert capfd.readouterr().err == "Bogus marker length\n"


def test_two_at_once_leave_stderr_as_it_was(capfd):
    inner, go = threading.Event(), threading.Event()

    def first(_):
        inner.set()
        go.wait(10)

    other = threading.Thread(
        target=threads.parallel_map, args=(first, [0], "", False), daemon=True
    )
    other.start()
    assert inner.wait(10)
    threads.parallel_map(lambda _: go.set(), range(1), "", False)
    other.join(10)
    os.write(2, b"seen\n")
    assert capfd.readouterr().err == "seen\n"
