"""Work on many images at once, with its results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tfi2i.data.threads import in_threads

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    work: Callable[[Item], Result], items: Sequence[Item], description: str
) -> list[Result]:
    """Calls `work` with every item, on all cores.

    Args:
        work: what releases the interpreter lock while it is busy, as decoding does.
        items: its arguments.
        description: of the progress bar, which is shown on a terminal only.

    Returns:
        The results, in the order of the items. The first failure ends the work.
    """
    results: list[Any] = [None] * len(items)

    def call(index: int) -> None:
        results[index] = work(items[index])

    in_threads(call, len(items), description, progress=True)
    return results
