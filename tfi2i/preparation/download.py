"""Downloads that go on where they stopped, and give up on servers that do not serve.

pooch starts a broken download anew, and requests hands out whole chunks only, which a
server that sends a byte now and then never fills; `urllib` gives what has come.
"""

import contextlib
import dataclasses
import hashlib
import http.client
import itertools
import json
import os
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tfi2i._version import __version__

_CHUNK = 2**18
_RANGE = re.compile(r"bytes (\d+)-\d*/(\d+|\*)")
_UNSATISFIED = re.compile(r"bytes \*/(\d+)")


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long a server is waited for.

    Attributes:
        silence: seconds without a byte, or until an answer has come.
        window: seconds in which at least `least` bytes have to come.
        least: bytes of a window.
    """

    silence: float = 30.0
    window: float = 60.0
    least: int = 65536


class Unfetched(OSError):
    """Why an address did not give its file, in a few words."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is known of a file before it comes.

    Attributes:
        sha256: its checksum, or None.
        size: its bytes, known where its checksum is, or None.
        most: bytes that it may have.
        looks_right: whether its first bytes can be those of such a file.
    """

    sha256: str | None
    size: int | None
    most: int
    looks_right: Callable[[bytes], bool]


def download(
    address: str,
    path: Path,
    wanted: Wanted,
    patience: Patience,
    started: Callable[[int | None, int], None],
    came: Callable[[int], None],
) -> None:
    """Fetches a file, or the rest of it.

    What has come lies in `path` with `.part` behind its name, and beside it, in
    `.part.json`, from where. It is gone on with where the server still has the same
    file, or where a checksum will tell.

    Args:
        address: with http or https.
        path: of the whole file, at the end.
        wanted: what is known of it.
        patience: with the server.
        started: called with the bytes of the whole file, None where the server does
            not say, and the bytes that are there already.
        came: called with the number of bytes that came.

    Raises:
        Unfetched: the server did not give it. What came is kept to go on with, unless
            it is not the file.
        OSError: it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    notes = _notes(part)
    offset, validator = _begun(part, notes, address, wanted)
    answer = _answer(address, offset, validator, patience)
    with contextlib.closing(answer):
        if offset and answer.status == 200:
            offset = 0
        total = _total(answer, offset)
        if answer.status == 416 and total != offset:
            _forget(part, notes)
            raise Unfetched("it has another file than before: try again")
        if answer.headers.get_content_type() == "text/html":
            raise Unfetched("it sent a web page")
        _check_size(total, wanted)
        started(total, offset)
        if answer.status != 416:
            _keep(answer, address, offset, part, wanted, patience, came)
    size = part.stat().st_size
    if total is not None and size < total:
        raise Unfetched(f"it broke off after {size:,} of {total:,} bytes")
    if wanted.sha256 is not None and _sha256(part) != wanted.sha256:
        _forget(part, notes)
        raise Unfetched("its file has another checksum than is documented")
    os.replace(part, path)
    _forget(notes)


def _keep(answer, address, offset, part, wanted, patience, came) -> None:
    """Writes what comes."""
    pieces = _pieces(answer, patience)
    first = next(pieces, b"")
    if not offset and not (first and wanted.looks_right(first)):
        kind = answer.headers.get_content_type()
        raise Unfetched(f"it sent something else ({kind})" if first else "it is empty")
    # Only now, so that a bad answer does not cost what is here already.
    _notes(part).write_text(json.dumps(_origin(address, answer)))
    with part.open("ab" if offset else "wb") as file:
        for piece in itertools.chain([first], pieces):
            file.write(piece)
            offset += len(piece)
            came(len(piece))
            if offset > wanted.most:
                break
    if offset > wanted.most:
        _forget(part, _notes(part))
        raise Unfetched(_too_much(wanted))


def leftover(path: Path) -> int:
    """The bytes of `path` that an earlier download left."""
    part = path.with_name(f"{path.name}.part")
    return part.stat().st_size if part.is_file() else 0


def _notes(part):
    return part.with_name(f"{part.name}.json")


def _forget(*paths):
    for path in paths:
        path.unlink(missing_ok=True)


def _begun(part, notes, address, wanted) -> tuple[int, str | None]:
    """How much is there already, and what tells that it is of the same file."""
    try:
        origin = json.loads(notes.read_text())
        size = part.stat().st_size
        is_same = origin["address"] == address
        validator = origin["validator"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0, None
    if is_same and (validator or wanted.sha256):
        return size, validator
    return (size, None) if wanted.sha256 else (0, None)


def _origin(address, answer) -> dict[str, Any]:
    tag = answer.headers.get("ETag", "")
    if not tag or tag.startswith("W/"):
        tag = answer.headers.get("Last-Modified")
    return {"address": address, "validator": tag}


def _answer(address, offset, validator, patience):
    """Asks for a file, or the rest of it."""
    headers = {"User-Agent": f"tfi2i/{__version__}", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if validator:
            headers["If-Range"] = validator
    request = urllib.request.Request(address, headers=headers)
    with _explained(patience):
        return _in_time(lambda: _opened(request, patience), patience)


def _opened(request, patience):
    try:
        answer = urllib.request.urlopen(request, timeout=patience.silence)
    except urllib.error.HTTPError as error:
        # The whole file may be there already.
        if error.code == 416 and request.has_header("Range"):
            return error
        error.close()
        raise
    if answer.status not in (200, 206):
        answer.close()
        raise Unfetched(f"the server answers {answer.status}")
    return answer


def _in_time(ask, patience):
    """Waits for an answer, whose lines a server may send a letter at a time."""
    given: dict[str, Any] = {}
    over = threading.Event()
    lock = threading.Lock()

    def wait():
        try:
            answer = ask()
        except BaseException as error:
            given["error"] = error
        else:
            with lock:
                if given.get("late"):
                    answer.close()
                else:
                    given["answer"] = answer
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    over.wait(patience.silence)
    with lock:
        if "answer" in given:
            return given["answer"]
        given["late"] = True
    raise given.get("error") or TimeoutError()


@contextlib.contextmanager
def _explained(patience) -> Iterator[None]:
    """Says in a few words what the network says in many ways."""
    try:
        yield
    except Unfetched:
        raise
    except urllib.error.HTTPError as error:
        if 300 <= error.code < 400:
            why = "it leads on to nowhere"
        else:
            why = f"the server answers {error.code}"
        raise Unfetched(why) from error
    except urllib.error.URLError as error:
        why = error.reason
        if isinstance(why, TimeoutError):
            raise Unfetched(_silent(patience)) from error
        text = (why.strerror if isinstance(why, OSError) else None) or str(why)
        raise Unfetched(" ".join(text.split())) from error
    except TimeoutError as error:
        raise Unfetched(_silent(patience)) from error
    except (http.client.HTTPException, OSError, ValueError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise Unfetched(f"it broke off ({text})") from error


def _silent(patience):
    return f"it was silent for {patience.silence:g} s"


def _total(answer, offset) -> int | None:
    """The bytes of the whole file, where the server says."""
    place = answer.headers.get("Content-Range", "")
    if answer.status == 416:
        found = _UNSATISFIED.fullmatch(place.strip())
        return int(found[1]) if found else None
    if answer.status == 206:
        found = _RANGE.fullmatch(place.strip())
        if found is None or int(found[1]) != offset:
            raise Unfetched("it sent another part than was asked for")
        return None if found[2] == "*" else int(found[2])
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _check_size(size, wanted):
    if wanted.sha256 is not None and size not in (None, wanted.size):
        raise Unfetched(f"it has another file, of {size:,} bytes")
    if size is not None and size > wanted.most:
        raise Unfetched(_too_much(wanted))


def _too_much(wanted):
    return f"it has more than {wanted.most:,} bytes, far too many"


def _pieces(answer, patience: Patience) -> Iterator[bytes]:
    """What comes, as it comes, for as long as enough does."""
    start, since = time.monotonic(), 0
    while True:
        with _explained(patience):
            data = answer.read1(_CHUNK)
        if not data:
            return
        yield data
        since += len(data)
        now = time.monotonic()
        if now - start > patience.window:
            if since < patience.least:
                raise Unfetched(
                    f"it sent only {since:,} bytes in {patience.window:g} s"
                )
            start, since = now, 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
