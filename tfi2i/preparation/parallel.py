"""Work on many images at once."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from tfi2i.data.threads import without_notes

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    description: str,
    progress: bool = True,
) -> list[Result]:
    """Call `work` with every item, on all cores.

    Args:
        work: what releases the interpreter lock while it is busy, as decoding does.
        items: what it takes.
        description: what a progress bar says, on stderr and only on a terminal.
        progress: whether there may be one.

    Returns:
        The results, in the order of the items. The first failure ends the work.
    """
    with (
        without_notes() as stderr,
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        console = Console(stderr=True, file=stderr)
        futures = [pool.submit(work, item) for item in items]
        shown = track(
            futures,
            description=description,
            console=console,
            transient=True,
            disable=not (progress and console.is_terminal),
        )
        try:
            return [future.result() for future in shown]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
