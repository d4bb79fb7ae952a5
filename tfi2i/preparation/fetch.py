"""`tfi2i data get`: a public set from its server to a folder that trains."""

import errno
import shutil
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from tfi2i.downloads import (
    DownloadError,
    Expected,
    Timeouts,
    bytes_present,
    download,
)
from tfi2i.files import check_is_new, locked, make_folder
from tfi2i.preparation import sources
from tfi2i.preparation.archives import GZIP_START, ZIP_START, BadArchive
from tfi2i.preparation.sources import Source
from tfi2i.preparation.unpack import Limits, unpack

# A server that sends ever more is stopped before the disk is full.
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
    """Fetches a public set and unpacks it: whole or not at all.

    Args:
        name: one of `sources.SOURCES`.
        directory: that does not exist, or is empty. It gets the folders of the
            archive: `train` and `val`, or `trainA`, `trainB`, `testA`, `testB`.
        mirror: address to use in place of the authors' server, before
            `/pix2pix/datasets` and `/cyclegan/datasets`.
        console: where size, terms and progress are shown; None shows nothing.
        timeouts: None is 30 seconds of silence, or less than 64 KiB in a minute.

    Returns:
        The number of files.

    Raises:
        ValueError: there is no such set, or `mirror` is no address.
        FileExistsError: `directory` holds something.
        OSError: no server gave it, with the reason of each; or it cannot be written.
    """
    source = sources.find(name)
    _check_mirror(mirror)
    addresses = source.addresses(mirror)
    return fetch(source, addresses, Path(directory), console, timeouts)


def fetch(
    source: Source,
    addresses: Sequence[str],
    directory: Path,
    console: Console | None = None,
    timeouts: Timeouts | None = None,
    limits: Limits | None = None,
) -> int:
    """Fetches a set from the first address that gives it.

    Until it is unpacked, the archive lies beside `directory`, as a file whose name
    begins with a dot; what has come of it stays there after a failure or Ctrl-C, so
    that the same call goes on. It is removed at the end.

    Args:
        source: what is known of it.
        addresses: of its archive, in the order in which to try.
        directory: as of `get`.
        console: as of `get`.
        timeouts: as of `get`.
        limits: of what is unpacked; None takes those of `Limits`.

    Returns:
        The number of files.

    Raises:
        OSError: as of `get`.
    """
    check_is_new(directory)
    show = _teller(console)
    for line in _account(source):
        show(line)
    # Where the images will be, whose disk is the one that has to hold them.
    folder = directory.resolve()
    make_folder(folder.parent)
    # Named for the set, too, so that another one does not go on with this one.
    file = f"{source.kind}-{source.file}{source.suffix}"
    archive = folder.with_name(f".{folder.name}-{file}")
    fetching = _Fetching(source, archive, folder, timeouts, limits)
    with locked(folder, "wait for it, or name another folder"):
        # Another process may have filled it meanwhile.
        check_is_new(directory)
        _check_space(archive, source.size or 0)
        number = fetching.run(addresses, console, show)
    show(f"{number:,} files in {directory}.")
    return number


class _Fetching:
    """One set on its way."""

    def __init__(self, source, archive, folder, timeouts, limits):
        self._source = source
        self._archive = archive
        self._folder = folder
        self._timeouts = timeouts
        self._limits = limits
        self._expected = Expected(
            source.sha256,
            source.size,
            _MORE * (source.size or _UNKNOWN),
            (GZIP_START if source.suffix == ".tar.gz" else ZIP_START,),
        )

    def run(self, addresses, console, show) -> int:
        """Tries one address after the other."""
        reasons = []
        for address in addresses:
            show(f"From {address}")
            try:
                if self._archive.is_file():
                    show("  its archive is here already")
                else:
                    self._download(address, console, show)
                show("Unpacking")
                number = unpack(self._archive, self._folder, self._limits)
            except BadArchive as error:
                self._archive.unlink(missing_ok=True)
                reason = str(error.__cause__ or error)
            except DownloadError as error:
                reason = str(error)
            else:
                self._archive.unlink(missing_ok=True)
                return number
            show(f"  gave nothing: {reason}")
            reasons.append(f"{address}: {reason}")
        left = bytes_present(self._archive)
        again = "the same command goes on" if left else "try again later"
        kept = f" ({sources.megabytes(left)} are kept)" if left else ""
        raise OSError(
            f"Cannot fetch {self._source.name!r} from {'; '.join(reasons)}. What to "
            f"do: {again}{kept}; --mirror names another server; or fetch it with a "
            "browser and unpack it."
        )

    def _download(self, address, console, show):
        def started(total, present):
            if total is not None:
                _check_space(self._archive, total)
            known = "unknown" if total is None else sources.megabytes(total)
            there = f", {sources.megabytes(present)} are here" if present else ""
            show(f"  {known} says the server{there}")

        download(
            address,
            self._archive,
            self._expected,
            timeouts=self._timeouts,
            console=console,
            started=started,
        )


def _account(source: Source) -> Iterator[str]:
    """What one should know before it is fetched."""
    yield f"{source.name}: {source.about}; {sources.shown_size(source)}."
    yield f"Terms: {source.terms} Cite {source.citation}."
    checksum = "known" if source.sha256 else "none known"
    yield f"Addresses last verified: {source.verified}; checksum: {checksum}."
    if source.recipe:
        yield f"Train: tfi2i train {source.recipe} --data.dir DIR"


def _check_mirror(mirror):
    if mirror is None:
        return
    parts = urllib.parse.urlsplit(mirror)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(
            f"--mirror is {mirror!r}; expected an address such as https://host/folder."
        )


def _check_space(archive: Path, size: int) -> None:
    """Refuses where the archive and its images, which hardly shrink, do not fit."""
    there = archive.stat().st_size if archive.is_file() else bytes_present(archive)
    needed = 2 * size - min(there, size)
    free = shutil.disk_usage(archive.parent).free
    if needed > free:
        raise OSError(
            errno.ENOSPC,
            f"{sources.megabytes(free)} are free, and {sources.megabytes(needed)} are "
            "needed for the archive and its images: free some, or name another folder",
            str(archive.parent),
        )


def _teller(console):
    if console is None:
        return lambda line: None
    return lambda line: console.print(
        line, highlight=False, markup=False, soft_wrap=True
    )
