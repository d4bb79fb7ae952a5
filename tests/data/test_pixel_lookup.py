"""Pixels of a domain, found out from its files."""

import os

import numpy as np
import pytest
from PIL import Image

from tests.data.conftest import one_line, picture, save
from tfi2i.data import headers, pixel_lookup
from tfi2i.data.pixel_lookup import PixelRequest
from tfi2i.data.pixels import PixelType

FLOAT = PixelRequest(dtype="float32")


def found(folder, wanted=FLOAT):
    files = [headers.read(path) for path in sorted(folder.iterdir())]
    return pixel_lookup.pixel_type(files, wanted, "b")


def floats(path, *values):
    np.save(path, np.float32([values]))
    return path


def test_the_range_of_all_floats(tmp_path):
    for index in range(5):
        floats(tmp_path / f"{index}.npy", 0, index / 8)
    assert found(tmp_path, PixelRequest()) == PixelType(1, "float32", 0, 1)
    floats(tmp_path / "9.npy", -0.5, 0.5)
    assert found(tmp_path, PixelRequest()) == PixelType(1, "float32", -1, 1)
    floats(tmp_path / "9.npy", -7, 0.5)
    with pytest.raises(ValueError) as error:
        found(tmp_path, PixelRequest())
    assert "values of B reach from -7 to 0.5: say which" in one_line(error)


def test_floats_are_read_once(tmp_path):
    path = floats(tmp_path / "1.npy", 0, 1)
    file = headers.read(path)
    before = pixel_lookup._extremes.cache_info()
    for domain in "ab":
        pixel_lookup.pixel_type([file], PixelRequest(), domain)
    after = pixel_lookup._extremes.cache_info()
    assert (after.misses - before.misses, after.hits - before.hits) == (1, 1)
    # Unless they change.
    status = path.stat()
    floats(path, 0, 200)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    assert pixel_lookup.pixel_type([file], PixelRequest(), "a").high == 255


def test_all_that_cannot_be_read_are_named(tmp_path):
    for index in range(3):
        floats(tmp_path / f"{index}.npy", 0, [1, np.nan, np.inf][index])
    with pytest.raises(ValueError) as error:
        found(tmp_path, PixelRequest())
    text = one_line(error)
    assert "0.npy" not in text
    assert all(f"{i}.npy' (values that are infinite or no num" in text for i in (1, 2))


def test_levels_that_become_floats_keep_their_numbers(tmp_path, caplog):
    save(tmp_path / "1.png", picture(4, 4))
    assert found(tmp_path) == PixelType(3, "float32", 0, 255)
    Image.fromarray(np.full((4, 4), 999, np.uint16)).save(tmp_path / "1.png")
    assert found(tmp_path) == PixelType(1, "float32", 0, 65535)
    assert not caplog.records


def test_levels_among_floats_are_scaled_and_it_is_said(tmp_path, caplog):
    for index in range(2):
        save(tmp_path / f"{index}.png", picture(4, 4))
    floats(tmp_path / "2.npy", 0, 0.7)
    assert found(tmp_path) == PixelType(3, "float32", 0, 1)
    assert caplog.messages == [
        "2 of 3 images of B hold levels, no floats: black (0) becomes 0, white (255) "
        "becomes 1"
    ]


def test_what_does_not_fit_says_what_to_pass(tmp_path):
    save(tmp_path / "1.png", picture(4, 4))
    for wanted, message in (
        (PixelRequest(high=300), "range is 0 to 300, expected .*--data.domain-b"),
        (PixelRequest(5), "3 channels, expected 5.*--data.domain-b.channels"),
    ):
        with pytest.raises(ValueError, match=message):
            found(tmp_path, wanted)
    (tmp_path / "1.png").unlink()
    floats(tmp_path / "1.npy", 0, 1)
    with pytest.raises(ValueError, match="floats, expected uint8.*domain-b.dtype"):
        found(tmp_path, PixelRequest(dtype="uint8"))
