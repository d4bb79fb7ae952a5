"""Calls a function for many images, on all cores, with a quiet stderr."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, TextIO, TypeVar

from rich.console import Console
from rich.progress import track

from tfi2i.files import flush_stderr, redirected_stderr

# What libjpeg and libtiff write about damaged files.
_NOTE = re.compile(
    rb"(Corrupt|Premature end of|Improper call to|Not a|Empty|Unsupported) JPEG|Bogus "
    rb"|(Quantization|Huffman|Arithmetic) table |Unsupported marker|Unknown Adobe color"
    rb"|Invalid (SOS|component|JPEG|progressive|scan)|Inconsistent progression"
    rb"|tempfile\.tif: |JPEGLib: |JPEGSetup\w+: |\w+Decode\w*: |_?TIFF\w+: "
)

_redirected = threading.Lock()

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    description: str,
    progress: bool = True,
) -> list[Result]:
    """Calls `work` with every item, on all cores, and shows the progress.

    Args:
        work: releases the interpreter lock for most of its time.
        items: its arguments.
        description: label of the bar.
        progress: show a bar on stderr, if that is a terminal.

    Returns:
        The results, in the order of the items. The first failure ends the work.
    """
    with (
        without_decoder_messages() as stderr,
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        console = Console(stderr=True, file=stderr)
        done = track(
            pool.map(work, items),
            description=description,
            total=len(items),
            console=console,
            transient=True,
            disable=not (progress and console.is_terminal),
        )
        return list(done)


@contextlib.contextmanager
def without_decoder_messages() -> Iterator[TextIO | None]:
    """Hides what libraries write to stderr about damaged files, without their names.

    Everything else that is written to stderr meanwhile appears at the end.

    Yields:
        A stream that is not redirected; None where `sys.stderr` is not.
    """
    with contextlib.ExitStack() as stack:
        stream = None
        if _redirected.acquire(blocking=False):
            stack.callback(_redirected.release)
            # Without a temporary folder, the messages appear; that is no failure.
            with contextlib.suppress(OSError):
                stream = _redirect_stderr(stack)
        yield stream


def _redirect_stderr(stack: contextlib.ExitStack) -> TextIO | None:
    """Redirects stderr to a file until the stack ends."""
    notes, stderr = stack.enter_context(redirected_stderr())
    stack.callback(_show_others, notes, stderr)
    try:
        is_shared = sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):
        is_shared = False
    if not is_shared:
        # In notebooks, `sys.stderr` does not write to the file descriptor.
        return None
    shown = os.fdopen(os.dup(stderr), "w", encoding=sys.stderr.encoding)
    return stack.enter_context(shown)


def _show_others(notes: BinaryIO, stderr: int) -> None:
    flush_stderr()
    notes.seek(0)
    for line in notes:
        if not _NOTE.match(line):
            os.write(stderr, line)
