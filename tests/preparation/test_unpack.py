"""Archives, well-meant and others."""

import gzip
import io
import struct
import tarfile
import zipfile

import pytest

from tfi2i.preparation.archive_members import BadArchive
from tfi2i.preparation.unpack import Limits, unpack

FILES = {
    "facades/train/1.jpg": b"one",
    "facades/train/2.jpg": b"two",
    "facades/val/1.jpg": b"three",
}


def zipped(files, **options):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def tarred(files, format=tarfile.GNU_FORMAT, packed=True):
    content = io.BytesIO()
    mode = "w:gz" if packed else "w"
    with tarfile.open(fileobj=content, mode=mode, format=format) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def tarred_entry(**fields):
    """One good file, and one entry of another kind."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        entry = tarfile.TarInfo("train/1.jpg")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"one"))
        entry = tarfile.TarInfo("train/other")
        for name, value in fields.items():
            setattr(entry, name, value)
        archive.addfile(entry)
    return content.getvalue()


def found(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def place(tmp_path):
    return tmp_path / "images"


def refused(place, content, match, limits=None):
    archive = place.with_name("archive")
    archive.write_bytes(content)
    with pytest.raises(BadArchive, match=match) as caught:
        unpack(archive, place, limits)
    assert "\n" not in str(caught.value)
    assert [path.name for path in place.parent.iterdir()] == ["archive"]


@pytest.mark.parametrize(
    "content",
    [
        zipped(FILES),
        tarred(FILES),
        tarred(FILES, tarfile.PAX_FORMAT),
        tarred(FILES, tarfile.USTAR_FORMAT, packed=False),
    ],
    ids=["zip", "tar.gz", "pax", "tar"],
)
def test_unpacks_what_the_wrapping_folder_holds(place, content):
    archive = place.with_name("archive")
    archive.write_bytes(content)
    assert unpack(archive, place) == 3
    assert found(place) == {
        "train/1.jpg": b"one",
        "train/2.jpg": b"two",
        "val/1.jpg": b"three",
    }


def test_splits_are_no_wrapping(place):
    archive = place.with_name("archive")
    archive.write_bytes(zipped({"x/x/train/A/1.png": b"1", "x/x/train/B/1.png": b"2"}))
    unpack(archive, place)
    assert sorted(found(place)) == ["train/A/1.png", "train/B/1.png"]


def test_a_wrapper_named_as_what_it_wraps(place):
    archive = place.with_name("archive")
    archive.write_bytes(zipped({"y/y/y": b"1", "y/y/z": b"2"}))
    unpack(archive, place)
    assert sorted(found(place)) == ["y", "z"]


def test_long_and_foreign_names(place):
    name = f"train/{'é' * 110}.png"
    for format in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        archive = place.with_name("archive")
        archive.write_bytes(tarred({name: b"1", "./val/1.png": b"2"}, format))
        folder = place.with_name(f"images{format}")
        unpack(archive, folder)
        assert sorted(found(folder)) == [name, "val/1.png"]


def test_litter_is_left_out(place):
    archive = place.with_name("archive")
    litter = {"__MACOSX/facades/train/._1.jpg": b"x", "facades/.DS_Store": b"x"}
    archive.write_bytes(zipped({**FILES, **litter}))
    assert unpack(archive, place) == 3
    assert sorted(found(place)) == ["train/1.jpg", "train/2.jpg", "val/1.jpg"]


def test_an_empty_folder_is_filled_and_another_one_left(place):
    archive = place.with_name("archive")
    archive.write_bytes(zipped(FILES))
    place.mkdir()
    unpack(archive, place)
    before = found(place)
    with pytest.raises(FileExistsError, match="images"):
        unpack(archive, place)
    assert found(place) == before


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("../out.png", "leads out of the folder"),
        ("train/../../out.png", "leads out of the folder"),
        ("/out.png", "absolute path"),
        ("C:/out.png", "absolute path"),
        ("train\\..\\..\\out.png", "has a backslash"),
        ("train/\n1.png", "control character"),
        ("/".join("abcdefghijklmnopqrst") + ".png", "more than 16 deep"),
        (f"train/{'n' * 300}.png", "too long a name"),
    ],
)
def test_names_that_lead_elsewhere(place, name, match):
    refused(place, zipped({"train/1.png": b"1", name: b"2"}), match)
    refused(place, tarred({"train/1.png": b"1", name: b"2"}), match)


def test_names_that_windows_cannot_hold_are_changed_everywhere(place):
    names = {
        "train/2014-08-01 17:41:55.jpg": "train/2014-08-01 17_41_55.jpg",
        "train/1.png:stream": "train/1.png_stream",
        "C:out.png": "C_out.png",
        "aux/1.png": "_aux/1.png",
        "train/NUL": "train/_NUL",
        "train/Com1.tar.png": "train/_Com1.tar.png",
        "train/lpt\u00b9 .png": "train/_lpt\u00b9 .png",
        "train/end. ": "train/end._",
        "train/.. /1.png": "train/.._/1.png",
        "train/.../2.png": "train/.._/2.png",
        'train/a?b*"c<d>e|.png': "train/a_b__c_d_e_.png",
        # These are only alike.
        "train/console.png": "train/console.png",
        "train/com10.png": "train/com10.png",
        "train/.hidden con.png": "train/.hidden con.png",
    }
    files = {name: str(n).encode() for n, name in enumerate(names)}
    for number, content in enumerate((zipped(files), tarred(files))):
        archive = place.with_name("archive")
        archive.write_bytes(content)
        folder = place.with_name(f"images{number}")
        assert unpack(archive, folder) == len(names)
        assert found(folder) == {names[name]: files[name] for name in files}


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (("train/a:.png", "train/a_.png"), "twice"),
        (("train/a?/1.png", "train/a:"), "a file and a folder"),
        (("train/a.png", "train/A.png"), "one name where case does not count"),
        (("train/a.png", "Train/b.png"), "one name where case does not count"),
        (("train/e\u0301.png", "train/\u00e9.png"), "one name where case"),
        (("train/a", "train/a/b.png"), "a file and a folder"),
        (("train/a/b.png", "train/a"), "a file and a folder"),
    ],
)
def test_names_that_collide(place, names, match):
    files = {name: b"1" for name in names}
    refused(place, zipped(files), match)
    refused(place, tarred(files), match)


def test_a_name_twice(place):
    one = zipped({"train/1.png": b"1", "train/2.png": b"2"})
    refused(place, one.replace(b"train/2.png", b"train/1.png"), "1.png' twice")


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "is a link"),
        ({"type": tarfile.LNKTYPE, "linkname": "train/1.jpg"}, "is a link"),
        ({"type": tarfile.CHRTYPE}, "is a device"),
        ({"type": tarfile.FIFOTYPE}, "is a device"),
        ({"type": b"S"}, "a kind that is not unpacked"),
    ],
)
def test_tar_holds_files_and_folders_only(place, fields, match):
    refused(place, tarred_entry(**fields), match)


@pytest.mark.parametrize(
    ("mode", "match"), [(0o120777, "is a link"), (0o020666, "is a device")]
)
def test_zip_holds_files_and_folders_only(place, mode, match):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("train/1.png", b"1")
        entry = zipfile.ZipInfo("train/other")
        entry.external_attr = mode << 16
        archive.writestr(entry, b"/etc/passwd")
    refused(place, content.getvalue(), match)


def test_zip_compressed_or_encrypted_otherwise(place):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("train/1.png", b"1")
    refused(place, content.getvalue(), "compressed in a way")
    content = bytearray(zipped({"train/1.png": b"1"}))
    content[content.index(b"PK\1\2") + 8] |= 1
    refused(place, bytes(content), "encrypted")


def test_bombs(place):
    zeros = bytes(4 * 2**20)
    refused(place, zipped({"train/1.png": zeros}), "grows from .* as no image does")
    refused(place, tarred({"train/1.png": zeros}), "it grows to more than")
    many = {f"train/{index}.png": bytes(2**19) for index in range(8)}
    refused(place, zipped(many), "it grows to more than")
    limits = Limits(files=3, single=100)
    refused(place, zipped(many), "one file may have 100", limits)
    small = {f"train/{index}.png": b"1" for index in range(8)}
    refused(place, tarred(small), "more than 3 files", limits)


def test_headers_without_end(place):
    names = [b"./././@LongLink", b"x"]
    header = tarfile.TarInfo(names[0].decode())
    header.type, header.size = b"L", 2**30
    block = header.tobuf()
    refused(place, gzip.compress(block + bytes(2**20)), "name that is too long")
    header.size = 10
    several = (header.tobuf() + bytes(512)) * 2000
    refused(place, gzip.compress(several), "truncated or damaged")
    tail = gzip.decompress(tarred(FILES)) + bytes(66 * 2**20)
    refused(place, gzip.compress(tail, 1), "goes on after its end")


def test_a_zip_that_lies_about_sizes(place):
    content = bytearray(zipped({"train/1.png": b"0123456789" * 100}))
    at = content.index(b"PK\1\2") + 24
    assert struct.unpack_from("<I", content, at) == (1000,)
    struct.pack_into("<I", content, at, 10)
    refused(place, bytes(content), "damaged")
    struct.pack_into("<I", content, at, 2000)
    refused(place, bytes(content), "damaged|shorter")


@pytest.mark.parametrize("content", [zipped(FILES), tarred(FILES)], ids=["zip", "tar"])
def test_cut_anywhere(place, content):
    for length in range(4, len(content), 7):
        refused(place, content[:length], "truncated or damaged|neither a zip nor")


def test_a_broken_header_is_no_end(place):
    content = bytearray(tarred(FILES, packed=False))
    content[1024] ^= 1
    refused(place, bytes(content), "truncated or damaged")
    refused(place, gzip.compress(bytes(content)), "truncated or damaged")


def test_flipped_bytes_give_an_archive_or_an_error(place):
    archive = place.with_name("archive")
    for base in (zipped(FILES), tarred(FILES, packed=False)):
        for at in range(0, len(base), 41 if base[:2] == b"PK" else 257):
            content = bytearray(base)
            content[at] ^= 0xFF
            archive.write_bytes(content)
            folder = place / str(at)
            try:
                unpack(archive, folder)
            except BadArchive:
                assert not folder.exists()
    assert [path.name for path in place.parent.iterdir()] in (
        ["archive", "images"],
        ["images", "archive"],
        ["archive"],
    )


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "neither a zip nor a tar"),
        (b"<html>Not found</html>", "neither a zip nor a tar"),
        (zipped({}), "no files"),
        (tarred({}), "no files"),
        (zipped({"train/": b""}), "no files"),
    ],
)
def test_no_archive_of_images(place, content, match):
    refused(place, content, match)
