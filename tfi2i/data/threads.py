"""Work on many images, on all cores."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import track

# What libjpeg and libtiff write of files that are damaged.
_NOTE = re.compile(
    rb"(Corrupt|Premature end of|Improper call to|Not a|Empty|Unsupported) JPEG|Bogus "
    rb"|(Quantization|Huffman|Arithmetic) table |Unsupported marker|Unknown Adobe color"
    rb"|Invalid (SOS|component|JPEG|progressive|scan)|Inconsistent progression"
    rb"|tempfile\.tif: |JPEGLib: |JPEGSetup\w+: |\w+Decode\w*: |_?TIFF\w+: "
)

_aside = threading.Lock()


def in_threads(
    work: Callable[[int], None], count: int, description: str, progress: bool
) -> None:
    """Call `work` with 0 to `count - 1`, on all cores, showing how far it is.

    Args:
        work: what releases the interpreter lock for most of its time.
        count: of calls.
        description: what people see.
        progress: show a bar on stderr, if that is a terminal.
    """
    with (
        without_notes() as stderr,
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        console = Console(stderr=True, file=stderr)
        done = track(
            pool.map(work, range(count)),
            description=description,
            total=count,
            console=console,
            transient=True,
            disable=not (progress and console.is_terminal),
        )
        collections.deque(done, maxlen=0)


@contextlib.contextmanager
def without_notes() -> Iterator[TextIO | None]:
    """Leave out what libraries write to stderr of damaged files, without their names.

    Whatever else is written to stderr meanwhile is seen at the end.

    Yields:
        A stream for what shall be seen at once; None where `sys.stderr` is one.
    """
    with contextlib.ExitStack() as stack:
        stream = None
        if _aside.acquire(blocking=False):
            stack.callback(_aside.release)
            # The messages are not worth a failure, as without a folder for files.
            with contextlib.suppress(OSError):
                stream = _put_aside(stack)
        yield stream


def _put_aside(stack):
    """Let stderr be a file until the stack ends."""
    notes = stack.enter_context(tempfile.TemporaryFile())
    _flush()
    stderr = os.dup(2)
    stack.callback(os.close, stderr)
    stack.callback(_show_others, notes)
    stack.callback(os.dup2, stderr, 2)
    stack.callback(_flush)
    os.dup2(notes.fileno(), 2)
    try:
        is_shared = sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):
        is_shared = False
    if not is_shared:
        # In notebooks and the like, what Python writes goes elsewhere.
        return None
    shown = os.fdopen(os.dup(stderr), "w", encoding=sys.stderr.encoding)
    return stack.enter_context(shown)


def _show_others(notes):
    notes.seek(0)
    for line in notes:
        if not _NOTE.match(line):
            os.write(2, line)


def _flush():
    if sys.stderr is not None:
        sys.stderr.flush()
