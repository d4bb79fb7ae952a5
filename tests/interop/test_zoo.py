"""Published generators, fetched from a server of our own."""

import contextlib
import http.server
import threading
from pathlib import Path

import pytest

from tfi2i.interop import zoo

CHECKPOINT = b"PK, as far as a server knows" * 100
PATHS = {
    "pix2pix": "/pix2pix/models-pytorch",
    "cyclegan": "/cyclegan/pretrained_models",
}


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves two files, one of which breaks off."""

    def _answer(self, body):
        if self.path not in (
            f"{PATHS['cyclegan']}/horse2zebra.pth",
            f"{PATHS['pix2pix']}/sat2map.pth",
        ):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CHECKPOINT)))
        self.end_headers()
        if body:
            is_cut = "sat2map" in self.path
            self.wfile.write(CHECKPOINT[:100] if is_cut else CHECKPOINT)

    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self.server.fetched.append(self.path)
        self._answer(body=True)

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
    kinds = [item.kind for item in zoo.published()]
    assert (kinds.count("pix2pix"), kinds.count("cyclegan")) == (5, 18)
    names = [item.name for item in zoo.published()]
    assert len(set(names)) == 23
    for item in zoo.published():
        assert zoo.find(item.name) == item
        assert zoo.find(f"{item.kind}/{item.file}") == item


def test_a_name_of_two():
    with pytest.raises(ValueError, match="write pix2pix/map2sat or cyclegan/map2sat"):
        zoo.find("map2sat")
    assert zoo.find("horse3zebra") is None
    assert zoo.nearest("horse3zebra") == " Did you mean 'horse2zebra'?"


def test_addresses_are_the_authors():
    assert zoo.find("horse2zebra").address() == (
        "http://efrosgans.eecs.berkeley.edu/cyclegan/pretrained_models/horse2zebra.pth"
    )
    assert zoo.find("edges2shoes").address() == (
        "http://efrosgans.eecs.berkeley.edu/pix2pix/models-pytorch/edges2shoes.pth"
    )


def test_fetches_once(server, tmp_path):
    server, host = server
    item = zoo.find("horse2zebra")
    assert zoo.size(item, host) == len(CHECKPOINT)
    for _ in range(2):
        path = zoo.fetch(item, tmp_path, host)
        assert path.read_bytes() == CHECKPOINT
    assert server.fetched == ["/cyclegan/pretrained_models/horse2zebra.pth"]


def test_what_breaks_off_is_not_kept(server, tmp_path):
    _, host = server
    with pytest.raises(OSError, match="Cannot fetch .*sat2map.pth: .*--mirror"):
        zoo.fetch(zoo.find("pix2pix/sat2map"), tmp_path, host)
    assert [path for path in Path(tmp_path).iterdir() if path.stat().st_size] == []


def test_says_what_the_server_answered(server, tmp_path):
    _, host = server
    item = zoo.find("zebra2horse")
    with pytest.raises(OSError, match="the server answers 404"):
        zoo.size(item, host)
    with pytest.raises(OSError, match="the server answers 404"):
        zoo.fetch(item, tmp_path, host)
    assert list(tmp_path.iterdir()) == []


def test_no_server():
    with pytest.raises(OSError, match="Cannot fetch http://127.0.0.1:9/.*Connection"):
        zoo.size(zoo.find("horse2zebra"), "http://127.0.0.1:9")
