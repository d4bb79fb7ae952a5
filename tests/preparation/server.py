"""A server of our own, which serves public sets well or badly."""

import contextlib
import http.server
import random
import threading
from collections.abc import Iterator

from tests.preparation.test_unpack import tarred, zipped

NOISE = random.Random(0)
PIXELS = NOISE.randbytes(60_000)
TAR = tarred({"facades/train/1.jpg": PIXELS, "facades/val/1.jpg": b"2"})
ZIP = zipped({"horse2zebra/trainA/1.jpg": PIXELS, "horse2zebra/trainB/1.jpg": b"2"})
PATH = "/pix2pix/datasets/facades.tar.gz"


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers a path in the way that its first folder names."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        way = self.path.split("/")[1]
        self.server.asked.append((way, self.headers.get("Range")))
        with contextlib.suppress(OSError):
            getattr(self, way, self.missing)()

    def _send(self, body, status=200, cut=None, length=True, **headers):
        self.send_response(status)
        if length:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body[:cut])

    def missing(self):
        self._send(b"<html>no</html>", 404)

    def plain(self, body=TAR, tag='"1"', cut=None):
        """Knows ranges, as most servers do."""
        start = self.headers.get("Range")
        if not start or self.headers.get("If-Range", tag) != tag:
            self._send(body, cut=cut, ETag=tag)
            return
        start = int(start.removeprefix("bytes=").removesuffix("-"))
        if start >= len(body):
            self._send(b"", 416, Content_Range=f"bytes */{len(body)}")
            return
        place = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self._send(body[start:], 206, cut, Content_Range=place, ETag=tag)

    def zip(self):
        self.plain(ZIP)

    def cut(self):
        """Breaks off, and goes on when asked for the rest."""
        self.plain(cut=None if self.headers.get("Range") else 20_000)

    def always_cut(self):
        self.plain(cut=20_000)

    def changed(self):
        """Has another file when asked for the rest."""
        first = not self.headers.get("Range")
        body = TAR if first else tarred({"x/train/9.jpg": PIXELS})
        self.plain(body, tag='"1"' if first else '"2"', cut=20_000 if first else None)

    def no_ranges(self):
        asked = [way for way, _ in self.server.asked]
        self._send(TAR, cut=20_000 if asked.count("no_ranges") == 1 else None)

    def other_part(self):
        if self.headers.get("Range"):
            self._send(TAR[7:], 206, Content_Range=f"bytes 7-{len(TAR) - 1}/{len(TAR)}")
        else:
            self.plain(cut=20_000)

    def unknown_length(self):
        self._send(TAR, length=False)

    def moved(self):
        self._send(b"", 302, Location="/plain" + PATH)

    def circle(self):
        self._send(b"", 302, Location=self.path)

    def elsewhere(self):
        self._send(b"", 302, Location="file:///etc/passwd")

    def page(self):
        self._send(b"<html>Sign in</html>", Content_Type="text/html")

    def text(self):
        self._send(b"Sign in", Content_Type="text/plain")

    def empty(self):
        self._send(b"")

    def broken(self):
        self._send(TAR[:30_000] + bytes(100) + TAR[30_100:])

    def wicked(self):
        self._send(tarred({"train/1.jpg": b"1", "../../out.jpg": b"2"}))

    def huge(self):
        self.send_response(200)
        self.send_header("Content-Length", str(10**15))
        self.end_headers()

    def endless(self):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(TAR)

    def hangs(self):
        self.server.over.wait(5)

    def hangs_midway(self):
        self._send(TAR, cut=20_000, ETag='"1"')
        self.server.over.wait(5)

    def drips(self):
        self._send(TAR, cut=20_000, ETag='"1"')
        for byte in TAR[20_000:]:
            self.wfile.write(bytes([byte]))
            if self.server.over.wait(0.02):
                return

    def drips_headers(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(200):
            self.wfile.write(b"X: y\r\n")
            if self.server.over.wait(0.02):
                return

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving() -> Iterator[http.server.ThreadingHTTPServer]:
    """Serves at a free port; `asked` lists the way and the range of every request."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.asked, server.over = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()
