"""Zip archives that are damaged, or made to do harm."""

import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.interop import written
from tfi2i.interop.pytorch import checkpoint

FILES = Path(__file__).with_name("checkpoints")
CODE = written.mapping(weight=written.tensor())


def reason(path):
    with pytest.raises(ValueError) as caught:
        checkpoint.read(path)
    line = str(caught.value)
    assert line.startswith(f"Cannot read '{path}': ") and "\n" not in line
    return line


def widened(data: bytes) -> bytes:
    """Says every size and place of a zip archive in 64 bits."""
    count, length, start = struct.unpack_from("<H2I", data, len(data) - 12)
    directory, at = b"", start
    for _ in range(count):
        fields = list(struct.unpack_from("<4s6H3I5H2I", data, at))
        name = data[at + 46 :][: fields[10]]
        at += 46 + sum(fields[10:13])
        wide = struct.pack("<2H3Q", 1, 24, fields[9], fields[8], fields[16])
        fields[8] = fields[9] = fields[16] = 0xFFFFFFFF
        # A field of another kind before it, as other writers have.
        extra = struct.pack("<2HI", 0x5455, 4, 0) + wide
        fields[11:13] = len(extra), 0
        directory += struct.pack("<4s6H3I5H2I", *fields) + name + extra
    end64 = struct.pack(
        "<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), start
    )
    place = struct.pack("<4sIQI", b"PK\6\7", 0, start + len(directory), 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, *[0xFFFFFFFF] * 2, 0)
    return data[:start] + directory + end64 + place + end


def test_archives_of_64_bits(path):
    written.write_zip(path, CODE, {"0": np.arange(4, dtype="<f4").tobytes()})
    path.write_bytes(widened(path.read_bytes()))
    assert zipfile.ZipFile(path).testzip() is None
    np.testing.assert_array_equal(checkpoint.read(path)["weight"], [[0, 1], [2, 3]])


def test_truncated_archives(path):
    whole = (FILES / "zip.pth").read_bytes()
    for length in (4, 21, 22, 30, 60, *range(100, len(whole), 97), len(whole) - 1):
        path.write_bytes(whole[:length])
        assert "truncated" in reason(path)
    path.write_bytes(whole + b"\n")
    assert "something was appended" in reason(path)


def test_a_flipped_bit_is_found_by_its_checksum(path):
    written.write_zip(path, CODE, {"0": b"\x55" * 16})
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"\x55" * 16, b"\x55" * 15 + b"\x54"))
    assert "'archive/data/0' in it is damaged" in reason(path)


def test_bombs_are_not_unpacked(path):
    """A storage of 64 MiB of zeros in 64 KiB of file."""
    code = written.mapping(
        weight=written.tensor((2**12, 2**12), (2**12, 1), 0, written.storage(2**24))
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", written.pickled(code))
        archive.writestr("archive/data/0", bytes(2**26))
    assert "'archive/data.pkl' in it is compressed" in reason(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", written.pickled(code))
        archive.writestr("archive/data/0", bytes(2**26), zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**17
    assert "'archive/data/0' in it is compressed" in reason(path)


def test_entries_that_lie(path):
    """Sizes beyond the archive, one place for two entries, a name given twice."""
    written.write_zip(path, CODE, {"0": bytes(16), "1": bytes(16)})
    whole = path.read_bytes()
    first, second = (whole.rindex(b"archive/data/%d" % x) - 46 for x in (0, 1))

    def lie(place, form, *values):
        data = bytearray(whole)
        struct.pack_into(form, data, place, *values)
        path.write_bytes(data)
        return reason(path)

    assert "reaches beyond" in lie(first + 20, "<2I", 2**20, 2**20)
    assert "compressed or encrypted" in lie(first + 20, "<2I", 16, 2**30)
    assert "compressed or encrypted" in lie(first + 8, "<H", 1)
    (place,) = struct.unpack_from("<I", whole, first + 42)
    assert "overlap" in lie(second + 42, "<I", place)
    assert "overlap" in lie(first + 20, "<2I", 40, 40)
    assert "damaged" in lie(first + 42, "<I", 2**31)
    assert "damaged" in lie(first + 42, "<I", place + 1)
    assert "damaged" in lie(first, "<I", 0)
    assert "'archive/data/0' twice" in lie(second + 46, "14s", b"archive/data/0")
    assert "too many entries" in lie(len(whole) - 10, "<I", 2**25)
    assert "damaged" in lie(len(whole) - 6, "<I", 2**25)


def test_many_entries_are_listed_in_good_time(path):
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(5_000):
            archive.writestr(f"archive/{index}", b"")
    began = time.monotonic()
    assert "a zip archive of 5000 other files" in reason(path)
    assert time.monotonic() - began < 2


def test_a_pickle_beyond_measure_is_not_read(path):
    written.write_zip(path, CODE)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", bytes(2**26 + 1))
    assert "67,108,865 bytes" in reason(path)
