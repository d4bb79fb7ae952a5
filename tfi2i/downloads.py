"""Downloads over HTTP that resume, and that give up on servers that stall.

Built on `urllib`. `pooch` and its `HTTPDownloader` start an interrupted download anew,
cannot tell whether a server honoured a `Range` header, and wait without end for a
server that sends a byte now and then.
"""

import concurrent.futures
import contextlib
import dataclasses
import http.client
import itertools
import json
import os
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from tfi2i._version import __version__
from tfi2i.files import naming, sha256

_CHUNK = 2**18
_RANGE = re.compile(r"bytes (\d+)-\d*/(\d+|\*)")
_UNSATISFIED = re.compile(r"bytes \*/(\d+)")


@dataclasses.dataclass(frozen=True)
class Timeouts:
    """How long to wait for a server.

    Attributes:
        silence: seconds without a byte, or until the headers are complete.
        window: seconds in which at least `least` bytes must arrive.
        least: bytes per window.
    """

    silence: float = 30.0
    window: float = 60.0
    least: int = 65536


class DownloadError(Exception):
    """Why an address did not give its file, in a few words.

    Callers turn it into an OSError that names the address and says what to do.
    """


@dataclasses.dataclass(frozen=True)
class Expected:
    """What is known of a file before it is downloaded.

    Attributes:
        sha256: checksum in hexadecimal digits, or None.
        size: in bytes, or None; only compared where `sha256` is known.
        max_size: in bytes; a server that sends more is stopped.
        signatures: possible first bytes; empty for any.
    """

    sha256: str | None = None
    size: int | None = None
    max_size: int = 2**33
    signatures: tuple[bytes, ...] = ()


def download(
    address: str,
    path: Path,
    expected: Expected,
    *,
    timeouts: Timeouts | None = None,
    console: Console | None = None,
    started: Callable[[int | None, int], None] = lambda total, present: None,
) -> None:
    """Downloads a file, or the rest of it.

    An incomplete download is kept as `PATH.part`, with its address and validator in
    `PATH.part.json`. It is resumed where the server still has the same file, or where
    a checksum will tell; where neither can be known, nothing is kept.

    Args:
        address: with http or https.
        path: the complete file; its folder exists.
        expected: what is known of it.
        timeouts: None takes those of `Timeouts`.
        console: a terminal to show a progress bar on, or None.
        started: called before anything is written, with the size of the whole file in
            bytes, None where the server does not say, and the bytes already present.

    Raises:
        DownloadError: the server did not give the file.
        OSError: the file cannot be written.
    """
    timeouts = timeouts or Timeouts()
    part = _part(path)
    offset, validator = _resumable(part, address, expected)
    with contextlib.closing(_request(address, offset, validator, timeouts)) as response:
        if response.status == 200:
            offset = 0
        total = _total_size(response, offset)
        is_complete = response.status == 416
        if is_complete and total != offset:
            _remove(part)
            raise DownloadError("it has another file than before: try again")
        if response.headers.get_content_type() == "text/html":
            raise DownloadError("it sent a web page")
        _check_size(total, expected)
        started(total, offset)
        if not is_complete:
            chunks = _checked_chunks(response, offset, expected, timeouts)
            origin = {"address": address, "validator": _validator(response)}
            with naming(path), _progress_bar(console, total, offset) as advance:
                _write(map(advance, chunks), part, origin, offset, total, expected)
    if expected.sha256 is not None and sha256(part) != expected.sha256:
        _remove(part)
        raise DownloadError("its file has another checksum than is documented")
    os.replace(part, path)
    _remove(part)


def check_mirror(mirror: str) -> None:
    """Refuses what is no address of a server.

    Raises:
        ValueError: it does not begin with http or https, or has no host.
    """
    parts = urllib.parse.urlsplit(mirror)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(
            f"--mirror is {mirror!r}; expected an address such as https://host/folder."
        )


_Response = http.client.HTTPResponse | urllib.error.HTTPError


def bytes_present(path: Path) -> int:
    """The bytes of `path` that an interrupted download left."""
    part = _part(path)
    return part.stat().st_size if part.is_file() else 0


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _origin(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _remove(part: Path) -> None:
    for path in (part, _origin(part)):
        path.unlink(missing_ok=True)


def _resumable(part: Path, address: str, expected: Expected) -> tuple[int, str | None]:
    """How many bytes are present, and the validator of the file that they are from."""
    try:
        origin = json.loads(_origin(part).read_text())
        validator = origin["validator"] if origin["address"] == address else None
        size = part.stat().st_size
    except (OSError, ValueError, KeyError, TypeError):
        return 0, None
    return (size, validator) if validator or expected.sha256 else (0, None)


def _validator(response: _Response) -> str | None:
    """What tells one version of a file from another; weak tags do not."""
    tag = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified")


def _request(
    address: str, offset: int, validator: str | None, timeouts: Timeouts
) -> _Response:
    """Asks for a file, or the rest of it."""
    headers = {"User-Agent": f"tfi2i/{__version__}", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if validator:
            headers["If-Range"] = validator
    request = urllib.request.Request(address, headers=headers)
    answer: concurrent.futures.Future[_Response] = concurrent.futures.Future()

    def open_request() -> None:
        try:
            answer.set_result(_open(request, timeouts))
        except BaseException as error:
            answer.set_exception(error)

    with _explained(timeouts):
        # In a thread, because a socket's timeout starts anew with every byte of the
        # headers. It is a daemon, so that it does not keep the program from ending.
        threading.Thread(target=open_request, daemon=True).start()
        try:
            return answer.result(timeouts.silence)
        except TimeoutError:
            answer.add_done_callback(_close)
            raise


def _open(request: urllib.request.Request, timeouts: Timeouts) -> _Response:
    try:
        response = urllib.request.urlopen(request, timeout=timeouts.silence)
    except urllib.error.HTTPError as error:
        # The whole file may be present already.
        if error.code == 416 and request.has_header("Range"):
            return error
        error.close()
        raise
    if response.status not in (200, 206):
        response.close()
        raise DownloadError(f"the server answers {response.status}")
    return response


def _close(answer: concurrent.futures.Future[_Response]) -> None:
    if answer.exception() is None:
        answer.result().close()


@contextlib.contextmanager
def _explained(timeouts: Timeouts) -> Iterator[None]:
    """Turns errors of the network into a `DownloadError` of a few words."""
    silent = f"it was silent for {timeouts.silence:g} s"
    try:
        yield
    except urllib.error.HTTPError as error:
        if 300 <= error.code < 400:
            raise DownloadError("it leads on to nowhere") from error
        raise DownloadError(f"the server answers {error.code}") from error
    except urllib.error.URLError as error:
        why = error.reason
        if isinstance(why, TimeoutError):
            raise DownloadError(silent) from error
        text = (why.strerror if isinstance(why, OSError) else None) or str(why)
        raise DownloadError(" ".join(text.split())) from error
    except TimeoutError as error:
        raise DownloadError(silent) from error
    except (http.client.HTTPException, OSError, ValueError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise DownloadError(f"it broke off ({text})") from error


def _total_size(response: _Response, offset: int) -> int | None:
    """The bytes of the whole file, None where the server does not say."""
    content_range = response.headers.get("Content-Range", "").strip()
    if response.status == 416:
        found = _UNSATISFIED.fullmatch(content_range)
        return int(found[1]) if found else None
    if response.status == 206:
        found = _RANGE.fullmatch(content_range)
        if found is None or int(found[1]) != offset:
            raise DownloadError("it sent another part than was asked for")
        return None if found[2] == "*" else int(found[2])
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _check_size(size: int | None, expected: Expected) -> None:
    if size is None:
        return
    if expected.sha256 is not None and size != expected.size:
        raise DownloadError(f"it has another file, of {size:,} bytes")
    if size > expected.max_size:
        raise DownloadError(_too_large(expected))


def _too_large(expected: Expected) -> str:
    return f"it has more than {expected.max_size:,} bytes, far too many"


def _checked_chunks(
    response: _Response, offset: int, expected: Expected, timeouts: Timeouts
) -> Iterator[bytes]:
    """The chunks of a response whose first one looks like such a file."""
    chunks = _chunks(response, timeouts)
    first = next(chunks, b"")
    # The first chunk may be shorter than a signature.
    is_right = any(s.startswith(first[: len(s)]) for s in expected.signatures)
    if not offset and not first:
        raise DownloadError("it is empty")
    if not offset and expected.signatures and not is_right:
        kind = response.headers.get_content_type()
        raise DownloadError(f"it sent something else ({kind})")
    return itertools.chain([first], chunks)


def _chunks(response: _Response, timeouts: Timeouts) -> Iterator[bytes]:
    """What arrives, as it arrives, for as long as enough does."""
    start, received = time.monotonic(), 0
    while True:
        with _explained(timeouts):
            data = response.read1(_CHUNK)
        if not data:
            return
        yield data
        received += len(data)
        now = time.monotonic()
        if now - start > timeouts.window:
            if received < timeouts.least:
                raise DownloadError(
                    f"it sent only {received:,} bytes in {timeouts.window:g} s"
                )
            start, received = now, 0


def _write(
    chunks: Iterator[bytes],
    part: Path,
    origin: dict[str, Any],
    offset: int,
    total: int | None,
    expected: Expected,
) -> None:
    """Appends chunks to the part that is present, or writes a new one."""
    if not offset:
        # Only now, so that a bad answer does not cost what is present.
        part.write_bytes(b"")
    _origin(part).write_text(json.dumps(origin))
    try:
        with part.open("ab") as file:
            for chunk in chunks:
                file.write(chunk)
                offset += len(chunk)
                if offset > expected.max_size:
                    break
            file.flush()
            os.fsync(file.fileno())
        if total is not None and offset < total:
            raise DownloadError(f"it broke off after {offset:,} of {total:,} bytes")
    except BaseException:
        if not (origin["validator"] or expected.sha256):
            _remove(part)
        raise
    if offset > expected.max_size:
        _remove(part)
        raise DownloadError(_too_large(expected))


@contextlib.contextmanager
def _progress_bar(
    console: Console | None, total: int | None, offset: int
) -> Iterator[Callable[[bytes], bytes]]:
    """Shows a progress bar on a terminal; yields a function that counts a chunk."""
    columns = (
        TextColumn("  "),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    is_off = console is None or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=is_off) as bar:
        task = bar.add_task("", total=total, completed=offset)

        def count(chunk):
            bar.advance(task, len(chunk))
            return chunk

        yield count
