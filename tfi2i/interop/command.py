"""`tfi2i import`: from whatever was named to a run, and what became of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from tfi2i.interop import zoo
from tfi2i.interop.imported import (
    Imported,
    check_is_new,
    import_keras2,
    import_torch,
    is_keras2,
)


def import_source(options: Any, console: Console) -> Imported:
    """Imports a file, a folder, or a published generator.

    What lies under a name goes before what is published under it.

    Args:
        options: the command's.
        console: where size and terms are shown before anything is fetched.

    Raises:
        OSError: it cannot be read, fetched or written.
        ValueError: it is no generator that is known here, or an option does not
            apply.
    """
    check_is_new(options.run)
    source = Path(options.source)
    common = {"direction": options.direction, "key": options.key}
    torch = {"dropout": options.dropout, "statistics": options.statistics}
    if is_keras2(source):
        _refuse_unused({**torch, "mirror": options.mirror}, f"'{source}'")
        return import_keras2(
            source, options.run, architecture=options.architecture, **common
        )
    _refuse_unused({"architecture": options.architecture}, f"'{source}'")
    item = None if source.exists() else zoo.find(options.source)
    if item is None:
        _refuse_unused({"mirror": options.mirror}, f"'{source}'")
        if not source.exists():
            raise FileNotFoundError(
                f"'{source}' does not exist, and is no published generator "
                f"(tfi2i import --list).{zoo.nearest(options.source)}"
            )
        return import_torch(source, options.run, **common, **torch)
    path = _fetched(item, options.mirror or zoo.HOST, console)
    try:
        return import_torch(path, options.run, **common, **torch)
    except ValueError:
        # Fetched again next time, in case the server sent something else.
        path.unlink(missing_ok=True)
        raise


def account(imported: Imported) -> Iterator[str]:
    """Every tensor of the source and what became of it, a line each."""
    rows = [(t, "x".join(map(str, shape)), w) for t, w, shape in imported.used]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:2]
    for row in rows:
        yield "{:{}}  {:{}}  {}".format(row[0], widths[0], row[1], widths[1], row[2])
    for name, why in imported.dropped:
        yield f"{name}  not needed: it {why}"
    yield from (f"note: {note}" for note in imported.notes)
    yield f"{imported.run}: {imported.outline}"


def _fetched(item, host, console):
    folder = zoo.cache()
    size = zoo.size(item, host)
    megabytes = "of unknown size" if size is None else f"{size / 1e6:.1f} MB"
    console.print(
        f"{item.address(host)}, {megabytes}. {zoo.TERMS}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return zoo.fetch(item, folder, host)


def _refuse_unused(given, what):
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"--{name} is {value!r}, but does not apply to {what}; leave it out."
            )
