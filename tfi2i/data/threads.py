"""Work on many images, on all cores."""

from __future__ import annotations

import collections
import concurrent.futures
import os
from collections.abc import Callable

from rich.console import Console
from rich.progress import track


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
    console = Console(stderr=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        done = track(
            pool.map(work, range(count)),
            description=description,
            total=count,
            console=console,
            transient=True,
            disable=not (progress and console.is_terminal),
        )
        collections.deque(done, maxlen=0)
