"""Progress of an export."""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

log = logging.getLogger(__name__)


@contextlib.contextmanager
def steps(total: int) -> Iterator[Callable[[str], None]]:
    """Shows a bar if stderr is a terminal, else logs a line for each step.

    Args:
        total: number of steps.

    Yields:
        A function to call with the name of each step as it begins.
    """
    if not sys.stderr.isatty():
        with _without_new_handlers():
            yield log.info
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    # A copy, because `stderr_aside` replaces stderr to hide native libraries' notes.
    with open(os.dup(sys.stderr.fileno()), "w", encoding="utf-8") as terminal:
        console = Console(file=terminal)
        with (
            _without_new_handlers(),
            Progress(*columns, console=console, transient=True) as bar,
        ):
            task = bar.add_task("", total=total)
            begun = iter(range(total + 1))

            def begin(step):
                bar.update(task, completed=next(begun), description=step)

            yield begin


@contextlib.contextmanager
def _without_new_handlers():
    """Keeps absl, TensorFlow's logging, from adding a handler to the root logger.

    It does so if there is none, and all loggers would then write to stderr.
    """
    handler = logging.NullHandler()
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)
