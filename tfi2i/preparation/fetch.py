"""`tfi2i data get`: a public set from its server to a folder that trains."""

import contextlib
import errno
import os
import shutil
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from tfi2i.files import make_folder
from tfi2i.preparation import sources
from tfi2i.preparation.archives import GZIP_START, ZIP_START, BadArchive
from tfi2i.preparation.download import (
    Patience,
    Unfetched,
    Wanted,
    download,
    leftover,
)
from tfi2i.preparation.sources import Source
from tfi2i.preparation.staging import check_is_new
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
    patience: Patience | None = None,
) -> int:
    """Fetches a public set and unpacks it: whole or not at all.

    Args:
        name: one of `sources.SOURCES`.
        directory: that does not exist, or is empty. It gets the folders of the
            archive: `train` and `val`, or `trainA`, `trainB`, `testA`, `testB`.
        mirror: address to use in place of the authors' server, before
            `/pix2pix/datasets` and `/cyclegan/datasets`.
        console: where size, terms and progress are shown; None shows nothing.
        patience: with servers; None is 30 seconds of silence, or less than 64 KiB in
            a minute.

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
    return fetch(source, addresses, Path(directory), console, patience)


def fetch(
    source: Source,
    addresses: Sequence[str],
    directory: Path,
    console: Console | None = None,
    patience: Patience | None = None,
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
        patience: as of `get`.
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
    fetching = _Fetching(source, archive, folder, patience or Patience(), limits)
    with _locked(folder):
        # Another process may have filled it meanwhile.
        check_is_new(directory)
        _check_space(archive, source.size or 0)
        number = fetching.run(addresses, console, show)
    show(f"{number:,} files in {directory}.")
    return number


class _Fetching:
    """One set on its way."""

    def __init__(self, source, archive, folder, patience, limits):
        self._source = source
        self._archive = archive
        self._folder = folder
        self._patience = patience
        self._limits = limits
        start = GZIP_START if source.suffix == ".tar.gz" else ZIP_START
        self._wanted = Wanted(
            source.sha256,
            source.size if source.sha256 else None,
            _MORE * (source.size or _UNKNOWN),
            # The first piece may be short.
            lambda data: data.startswith(start[: len(data)]),
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
                    self._fetch(address, console, show)
                show("Unpacking")
                number = unpack(self._archive, self._folder, self._limits)
            except BadArchive as error:
                self._archive.unlink(missing_ok=True)
                reason = str(error.__cause__ or error)
            except Unfetched as error:
                reason = str(error)
            else:
                self._archive.unlink(missing_ok=True)
                return number
            show(f"  gave nothing: {reason}")
            reasons.append(f"{address}: {reason}")
        left = leftover(self._archive)
        again = "the same command goes on" if left else "try again later"
        kept = f" ({sources.megabytes(left)} are kept)" if left else ""
        raise OSError(
            f"Cannot fetch {self._source.name!r} from {'; '.join(reasons)}. What to "
            f"do: {again}{kept}; --mirror names another server; or fetch it with a "
            "browser and unpack it."
        )

    def _fetch(self, address, console, show):
        with _progress(console) as progress:
            task = progress.add_task("", total=None)

            def started(total, there):
                if total is not None:
                    _check_space(self._archive, total)
                known = "unknown" if total is None else sources.megabytes(total)
                go_on = f", {sources.megabytes(there)} are here" if there else ""
                show(f"  {known} says the server{go_on}")
                progress.update(task, total=total, completed=there)

            def came(size):
                progress.advance(task, size)

            download(
                address, self._archive, self._wanted, self._patience, started, came
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
    there = archive.stat().st_size if archive.is_file() else leftover(archive)
    needed = 2 * size - min(there, size)
    free = shutil.disk_usage(archive.parent).free
    if needed > free:
        raise OSError(
            errno.ENOSPC,
            f"{sources.megabytes(free)} are free, and {sources.megabytes(needed)} are "
            "needed for the archive and its images: free some, or name another folder",
            str(archive.parent),
        )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keeps a second process from filling the same folder, where that can be.

    The system takes the lock from a process that dies; its file may stay, and means
    nothing.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    path = folder.with_name(f".{folder.name}.lock")
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(path.open("ab"))
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise OSError(
                    f"Another process is fetching to '{folder}' ('{path}' is locked): "
                    "wait for it, or name another folder."
                ) from error
            except OSError:
                # Some file systems know no locks.
                break
            if _is_at(file, path):
                break
            # Whoever had it has removed it since: a lock that nobody else would see.
            file = stack.enter_context(path.open("ab"))
        try:
            yield
        finally:
            # Before it is unlocked, so that only its holder removes it.
            path.unlink(missing_ok=True)


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _teller(console):
    if console is None:
        return lambda line: None
    return lambda line: console.print(
        line, highlight=False, markup=False, soft_wrap=True
    )


def _progress(console):
    return Progress(
        TextColumn("  "),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=console is None or not console.is_terminal,
    )
