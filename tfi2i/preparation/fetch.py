"""`tfi2i data get`: a public set from its server to a folder that trains."""

import errno
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from tfi2i.downloads import (
    DownloadError,
    Expected,
    Timeouts,
    bytes_present,
    check_mirror,
    download,
)
from tfi2i.files import check_is_new, locked, make_folder
from tfi2i.preparation import public_sets
from tfi2i.preparation.archive_members import GZIP_START, ZIP_START, BadArchive
from tfi2i.preparation.public_sets import Source
from tfi2i.preparation.unpack import unpack

# A server that sends this many times more than is documented is stopped.
_MORE = 4
_UNKNOWN = 2**31


def get(
    name: str,
    directory: str | Path,
    *,
    mirror: str | None = None,
    console: Console | None = None,
    timeouts: Timeouts | None = None,
) -> int:
    """Downloads a public set and unpacks it: whole or not at all.

    Args:
        name: one of `public_sets.SOURCES`.
        directory: that does not exist, or is empty. It gets the folders of the
            archive: `train` and `val`, or `trainA`, `trainB`, `testA`, `testB`.
        mirror: address to use in place of the authors' server, before
            `/pix2pix/datasets` and `/cyclegan/datasets`.
        console: where size, terms and progress are shown; None shows nothing.
        timeouts: None takes those of `Timeouts`.

    Returns:
        The number of files.

    Raises:
        ValueError: there is no such set, or `mirror` is no address.
        FileExistsError: `directory` holds something.
        OSError: no server gave it, with the reason of each; or it cannot be written.
    """
    source = public_sets.find(name)
    if mirror is not None:
        check_mirror(mirror)
    addresses = source.addresses(mirror)
    return fetch(source, addresses, Path(directory), console, timeouts)


def fetch(
    source: Source,
    addresses: Sequence[str],
    directory: Path,
    console: Console | None = None,
    timeouts: Timeouts | None = None,
) -> int:
    """Downloads a set from the first address that gives it, and unpacks it.

    Until it is unpacked, the archive lies beside `directory`, as a file whose name
    begins with a dot. After a failure or Ctrl-C the same call resumes the download.

    Args:
        source: what is known of it.
        addresses: of its archive, in the order in which to try.
        directory: as of `get`.
        console: as of `get`.
        timeouts: as of `get`.

    Returns:
        The number of files.

    Raises:
        OSError: as of `get`.
    """
    check_is_new(directory)
    show = _printer(console)
    for line in _description(source):
        show(line)
    # Beside the images, because their disk has to hold both.
    folder = directory.resolve()
    make_folder(folder.parent)
    # Named for the set, so that another set does not resume this one's download.
    file = f"{source.kind}-{source.file}{source.suffix}"
    archive = folder.with_name(f".{folder.name}-{file}")

    def attempt(address):
        if archive.is_file():
            show("  its archive is here already")
        else:
            _download(source, address, archive, timeouts, console, show)
        show("Unpacking")
        return unpack(archive, folder)

    with locked(folder, "wait for it, or name another folder"):
        # Another process may have filled it meanwhile.
        check_is_new(directory)
        _check_space(archive, source.size or 0)
        number = _first_success(attempt, source, addresses, archive, show)
    show(f"{number:,} files in {directory}.")
    return number


def _first_success(attempt, source, addresses, archive, show) -> int:
    """Tries one address after the other."""
    reasons = []
    for address in addresses:
        show(f"From {address}")
        try:
            number = attempt(address)
        except BadArchive as error:
            archive.unlink(missing_ok=True)
            reason = str(error.__cause__ or error)
        except DownloadError as error:
            reason = str(error)
        else:
            archive.unlink(missing_ok=True)
            return number
        show(f"  gave nothing: {reason}")
        reasons.append(f"{address}: {reason}")
    kept = bytes_present(archive)
    again = "try again later"
    if kept:
        again = f"the same command goes on ({public_sets.megabytes(kept)} are kept)"
    raise OSError(
        f"Cannot fetch {source.name!r} from {'; '.join(reasons)}. What to do: {again}; "
        "--mirror names another server; or fetch it with a browser and unpack it."
    )


def _download(source, address, archive, timeouts, console, show) -> None:
    def started(total, present):
        if total is not None:
            _check_space(archive, total)
        size = "unknown" if total is None else public_sets.megabytes(total)
        there = f", {public_sets.megabytes(present)} are here" if present else ""
        show(f"  {size} says the server{there}")

    expected = Expected(
        sha256=source.sha256,
        size=source.size,
        max_size=_MORE * (source.size or _UNKNOWN),
        signatures=(GZIP_START if source.suffix == ".tar.gz" else ZIP_START,),
    )
    download(
        address, archive, expected, timeouts=timeouts, console=console, started=started
    )


def _description(source: Source) -> Iterator[str]:
    """What a user should know before the download."""
    yield f"{source.name}: {source.about}; {public_sets.shown_size(source)}."
    yield f"Terms: {source.terms} Cite {source.citation}."
    checksum = "known" if source.sha256 else "none known"
    yield f"Addresses last verified: {source.verified}; checksum: {checksum}."
    if source.recipe:
        yield f"Train: tfi2i train {source.recipe} --data.dir DIR"


def _check_space(archive: Path, size: int) -> None:
    """Refuses where the archive and its images, of about its size, do not fit."""
    present = archive.stat().st_size if archive.is_file() else bytes_present(archive)
    needed = 2 * size - min(present, size)
    free = shutil.disk_usage(archive.parent).free
    if needed > free:
        raise OSError(
            errno.ENOSPC,
            f"{public_sets.megabytes(free)} are free, and "
            f"{public_sets.megabytes(needed)} are needed for the archive and its "
            "images: free some, or name another folder",
            str(archive.parent),
        )


def _printer(console):
    if console is None:
        return lambda line: None
    return lambda line: console.print(
        line, highlight=False, markup=False, soft_wrap=True
    )
