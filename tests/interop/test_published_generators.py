"""Published generators, fetched from a server of our own."""

import contextlib
import http.server
import os
import threading

import pytest

from tfi2i.files import locked
from tfi2i.interop import published_generators

CHECKPOINT = b"PK, as far as a server knows" * 100
PATHS = {
    "pix2pix": "/pix2pix/models-pytorch",
    "cyclegan": "/cyclegan/pretrained_models",
}


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves files by name: whole, broken off (resumable or not), or a page."""

    def do_GET(self):
        start = self.headers.get("Range", "bytes=0-")[len("bytes=") : -1]
        self.server.fetched.append((self.path, int(start)))
        name = self.path.rpartition("/")[2].removesuffix(".pth")
        if name not in ("horse2zebra", "sat2map", "monet2photo", "style_monet"):
            self.send_error(404)
            return
        body = CHECKPOINT[int(start) :]
        self.send_response(206 if int(start) else 200)
        self.send_header("Content-Length", str(len(body)))
        if int(start):
            place = f"bytes {start}-{len(CHECKPOINT) - 1}/{len(CHECKPOINT)}"
            self.send_header("Content-Range", place)
        if name == "monet2photo":
            self.send_header("ETag", '"1"')
        if name == "style_monet":
            self.send_header("Content-Type", "text/html")
        self.end_headers()
        is_cut = name in ("sat2map", "monet2photo") and not int(start)
        self.wfile.write(body[:100] if is_cut else body)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.fetched = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server():
    with serving(_Handler) as both:
        yield both


def test_there_are_five_and_eighteen():
    kinds = [item.kind for item in published_generators.published()]
    assert (kinds.count("pix2pix"), kinds.count("cyclegan")) == (5, 18)
    names = [item.name for item in published_generators.published()]
    assert len(set(names)) == 23
    for item in published_generators.published():
        assert published_generators.find(item.name) == item
        assert published_generators.find(f"{item.kind}/{item.file}") == item


def test_a_name_of_two():
    with pytest.raises(ValueError, match="write pix2pix/map2sat or cyclegan/map2sat"):
        published_generators.find("map2sat")
    assert published_generators.find("horse3zebra") is None
    assert published_generators.nearest("horse3zebra") == " Did you mean 'horse2zebra'?"


def test_addresses_are_the_authors():
    assert published_generators.find("horse2zebra").address() == (
        "http://efrosgans.eecs.berkeley.edu/cyclegan/pretrained_models/horse2zebra.pth"
    )
    assert published_generators.find("edges2shoes").address() == (
        "http://efrosgans.eecs.berkeley.edu/pix2pix/models-pytorch/edges2shoes.pth"
    )


def test_fetches_once(server, tmp_path):
    server, host = server
    item, sizes = published_generators.find("horse2zebra"), []
    for _ in range(2):
        path = published_generators.fetch(
            item,
            tmp_path / "zoo",
            host,
            started=lambda total, present: sizes.append((total, present)),
        )
        assert path.read_bytes() == CHECKPOINT
    assert server.fetched == [("/cyclegan/pretrained_models/horse2zebra.pth", 0)]
    assert sizes == [(len(CHECKPOINT), 0)]
    assert os.listdir(tmp_path / "zoo") == [path.name]


def test_what_breaks_off_is_resumed(server, tmp_path):
    server, host = server
    item = published_generators.find("monet2photo")
    with pytest.raises(OSError, match="monet2photo.pth: it broke off after 100 of"):
        published_generators.fetch(item, tmp_path, host)
    assert not published_generators.path(item, tmp_path).exists()
    assert published_generators.fetch(item, tmp_path, host).read_bytes() == CHECKPOINT
    assert [start for _, start in server.fetched] == [0, 100]
    assert os.listdir(tmp_path) == ["cyclegan_monet2photo.pth"]


def test_what_cannot_be_resumed_is_not_kept(server, tmp_path):
    _, host = server
    with pytest.raises(OSError, match="Cannot fetch .*sat2map.pth: .*--mirror"):
        published_generators.fetch(
            published_generators.find("pix2pix/sat2map"), tmp_path, host
        )
    assert os.listdir(tmp_path) == []


def test_says_what_the_server_answered(server, tmp_path):
    _, host = server
    for name, answer in (("zebra2horse", "answers 404"), ("style_monet", "a web page")):
        with pytest.raises(OSError, match=f"Cannot fetch .*{answer}") as caught:
            published_generators.fetch(published_generators.find(name), tmp_path, host)
        assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_no_server(tmp_path):
    with pytest.raises(OSError, match="Cannot fetch http://127.0.0.1:9/.*Connection"):
        published_generators.fetch(
            published_generators.find("horse2zebra"), tmp_path, "http://127.0.0.1:9"
        )


def test_a_host_that_is_none(tmp_path):
    for host in ("example.org", "file:///etc", "http:///x"):
        with pytest.raises(ValueError, match="--mirror is .*; expected an address"):
            published_generators.fetch(
                published_generators.find("horse2zebra"), tmp_path, host
            )


def test_one_process_at_a_time(server, tmp_path):
    pytest.importorskip("fcntl")
    _, host = server
    item = published_generators.find("horse2zebra")
    with (
        locked(published_generators.path(item, tmp_path)),
        pytest.raises(OSError, match="Another proc"),
    ):
        published_generators.fetch(item, tmp_path, host)
