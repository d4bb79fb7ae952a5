"""Downloads from a server of our own; tests of data sets and generators hold more."""

import hashlib
import io

import pytest
from rich.console import Console

from tests.preparation.server import PATH, TAR, serving
from tfi2i.downloads import DownloadError, Expected, bytes_present, download

SHA256 = hashlib.sha256(TAR).hexdigest()
KNOWN = Expected(sha256=SHA256, size=len(TAR))


@pytest.fixture
def address():
    with serving() as server:
        yield lambda way: f"http://127.0.0.1:{server.server_port}/{way}{PATH}"


@pytest.mark.parametrize("expected", [KNOWN, Expected()], ids=["checksum", "none"])
def test_an_interrupted_download_is_resumed(address, tmp_path, expected):
    path, sizes = tmp_path / "file", []

    def started(total, present):
        sizes.append((total, present))
        assert not path.exists()

    with pytest.raises(DownloadError, match="broke off after 20,000 of"):
        download(address("cut"), path, expected, started=started)
    assert bytes_present(path) == 20_000 and not path.exists()
    download(address("cut"), path, expected, started=started)
    assert path.read_bytes() == TAR
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert sizes == [(len(TAR), 0), (len(TAR), 20_000)]


def test_a_part_that_is_not_of_the_file_is_found_by_the_checksum(address, tmp_path):
    path = tmp_path / "file"
    with pytest.raises(DownloadError, match="broke off"):
        download(address("cut"), path, KNOWN)
    part = tmp_path / "file.part"
    part.write_bytes(bytes(20_000))
    with pytest.raises(DownloadError, match="another checksum than is documented"):
        download(address("cut"), path, KNOWN)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_shown_on_a_terminal_only(address, tmp_path):
    shown = []
    for is_terminal in (True, False):
        text = io.StringIO()
        console = Console(file=text, width=100, force_terminal=is_terminal)
        path = tmp_path / f"file{is_terminal}"
        download(address("plain"), path, KNOWN, console=console)
        shown.append(text.getvalue())
    # Rich counts in decimal units.
    assert f"{len(TAR) / 1000:.1f}/{len(TAR) / 1000:.1f} kB" in shown[0]
    assert shown[1] == ""
