"""`tfi2i import`: makes a run of a file, a folder or a published generator."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from tfi2i.files import check_is_new
from tfi2i.interop import published_generators
from tfi2i.interop.imported_runs import (
    CHOOSE_ANOTHER,
    Imported,
    import_keras2,
    import_torch,
)
from tfi2i.interop.keras2 import is_keras2
from tfi2i.interop.pytorch import checkpoint


def import_source(options: Any, console: Console) -> Imported:
    """Imports a file, a folder, or a published generator.

    An existing file goes before a published generator of that name.

    Args:
        options: options of the command.
        console: shows size and terms before a download.

    Raises:
        OSError: it cannot be read, downloaded or written.
        ValueError: it is not a supported generator, or an option does not apply.
    """
    check_is_new(options.run, remedy=CHOOSE_ANOTHER)
    source = Path(options.source)
    common = {"direction": options.direction, "key": options.key}
    torch = {"dropout": options.dropout, "statistics": options.statistics}
    if is_keras2(source):
        _refuse_unused({**torch, "mirror": options.mirror}, f"'{source}'")
        return import_keras2(
            source, options.run, architecture=options.architecture, **common
        )
    _refuse_unused({"architecture": options.architecture}, f"'{source}'")
    # A folder is no checkpoint, and a data set may have a published generator's name.
    item = None if source.is_file() else published_generators.find(options.source)
    if item is None:
        _refuse_folder(source)
        _refuse_unused({"mirror": options.mirror}, f"'{source}'")
        if not source.exists():
            raise FileNotFoundError(
                f"'{source}' does not exist, and is no published generator "
                f"(tfi2i import --list).{published_generators.nearest(options.source)}"
            )
        return import_torch(source, options.run, **common, **torch)
    path = _download(item, options.mirror or published_generators.HOST, console)
    try:
        return import_torch(path, options.run, **common, **torch)
    except ValueError:
        _remove_unreadable(
            path, item.address(options.mirror or published_generators.HOST)
        )
        raise


def account(imported: Imported) -> Iterator[str]:
    """Yields a line for each tensor of the source: what became of it."""
    rows = [(t, "x".join(map(str, shape)), w) for t, w, shape in imported.used]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:2]
    for row in rows:
        yield "{:{}}  {:{}}  {}".format(row[0], widths[0], row[1], widths[1], row[2])
    for name, why in imported.dropped:
        yield f"{name}  not needed: it {why}"
    yield from (f"note: {note}" for note in imported.notes)
    yield f"{imported.run}: {imported.outline}"


def _refuse_folder(source):
    if source.is_dir():
        files = sorted(path.name for path in source.glob("*_net_*.pth"))
        remedy = f"name one of {', '.join(files)}" if files else "name a file"
        raise ValueError(
            f"'{source}' is a folder, and none that Keras 2 wrote: {remedy}, or begin "
            "a recipe with it by tfi2i train --init-from."
        )


def _remove_unreadable(path, address):
    """Removes a download that is not a checkpoint, and says what it was."""
    try:
        checkpoint.read(path)
    except ValueError as error:
        path.unlink(missing_ok=True)
        why = str(error).partition("': ")[2] or str(error)
        raise ValueError(f"{address} gave no checkpoint: {why}") from error


def _download(item, host, console):
    def started(total, present):
        size = "of unknown size" if total is None else f"{total / 1e6:.1f} MB"
        there = f", {present / 1e6:.1f} MB are here" if present else ""
        console.print(
            f"{item.address(host)}, {size}{there}. {published_generators.TERMS}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    return published_generators.fetch(
        item, published_generators.cache(), host, console, started
    )


def _refuse_unused(given, what):
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"--{name} is {value!r}, but does not apply to {what}; leave it out."
            )
