"""Files and folders that are written whole or not at all, and a quiet stderr."""

import contextlib
import errno
import functools
import glob
import os
import re
import secrets
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:
    # Windows has no such locks; there, what killed processes leave stays.
    fcntl = None  # type: ignore[assignment]

_PARTIAL = re.compile(r"\.partial-[0-9a-f]{12}(\.[^.]*)?")
# Longer ones are no suffix that anybody asks for.
_LONGEST_SUFFIX = 12
_stderr = threading.RLock()


def make_folder(path: Path) -> None:
    """Makes a folder, and those above it, where missing.

    Raises:
        OSError: naming what is in the way, or cannot be written.
    """
    for above in (path, *path.parents):
        if above.exists():
            if not above.is_dir():
                raise NotADirectoryError(
                    errno.ENOTDIR, "This is a file; expected a folder", str(above)
                )
            break
    path.mkdir(parents=True, exist_ok=True)


def check_exist(*paths: str | Path) -> None:
    """Refuses what is not there, before anything is loaded to read it.

    Args:
        paths: files, folders, or globs, which may match nothing.

    Raises:
        FileNotFoundError: naming the first that is missing.
    """
    for path in paths:
        expanded = os.path.expanduser(path)
        if not glob.has_magic(expanded) and not os.path.lexists(expanded):
            raise FileNotFoundError(f"'{path}' does not exist.")


def check_is_folder(folder: Path) -> None:
    """Refuses what is no folder of images.

    Raises:
        OSError: it does not exist, or is a file, or a link that leads nowhere.
    """
    if folder.is_symlink() and not folder.exists():
        raise FileNotFoundError(
            f"'{folder}' is a link that leads nowhere, or round in a circle: expected "
            "a folder"
        )
    if not folder.exists():
        raise FileNotFoundError(f"'{folder}' does not exist: expected a folder")
    if not folder.is_dir():
        raise NotADirectoryError(f"'{folder}' is a file: expected a folder of images")


def check_can_make(folder: Path, remedy: str) -> None:
    """Refuses where a folder cannot be made.

    Args:
        folder: that may be there already.
        remedy: what the user can do, a sentence.

    Raises:
        OSError: the nearest folder above is none, or may not be written to.
    """
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise OSError(
            f"Cannot make '{folder}': '{above}' is not a folder that you may write to. "
            f"{remedy}"
        )


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Gives a temporary file beside `path`, which takes its place at the end.

    Whoever reads `path` meanwhile finds the old file; after a failure nothing new
    is left. Every call has a file of its own, so of several that write the same path
    the last one wins. What killed processes have left in the folder is removed.

    Args:
        path: the file to write; its folder is made where missing.

    Yields:
        The temporary path, hidden, of an empty file with the same suffix.

    Raises:
        OSError: naming `path`, where the disk is full or cannot be written.
    """
    partial = None
    try:
        make_folder(path.parent)
        _remove_abandoned(os.path.abspath(path.parent))
        partial, descriptor = _reserve(path)
        try:
            yield partial
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(partial, path)
        finally:
            if descriptor is not None:
                os.close(descriptor)
        _sync_folder(path.parent)
    except OSError as error:
        # The temporary name says nothing to the user.
        if error.filename is None or _PARTIAL.fullmatch(Path(error.filename).name):
            reason = error.strerror or str(error)
            raise OSError(error.errno, f"Cannot write: {reason}", str(path)) from error
        raise
    finally:
        if partial is not None:
            with contextlib.suppress(OSError):
                partial.unlink()


@contextlib.contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Gives a temporary folder beside `path`, to be filled and renamed to it.

    Every call has a folder of its own. What is not renamed is removed at the end, and
    what killed processes have left beside it.

    Args:
        path: the folder to make; the one above it is made where missing.

    Yields:
        The temporary path, hidden, of an empty folder.

    Raises:
        OSError: it cannot be made.
    """
    make_folder(path.parent)
    _remove_abandoned(os.path.abspath(path.parent))
    partial, descriptor = _reserve(path, is_folder=True)
    try:
        yield partial
    finally:
        if descriptor is not None:
            os.close(descriptor)
        shutil.rmtree(partial, ignore_errors=True)


def _reserve(path: Path, is_folder: bool = False) -> tuple[Path, int | None]:
    """Make an empty file or folder beside `path`, locked while its writer lives.

    Returns:
        Its path, and what to close at the end; None where there are no locks.
    """
    suffix = path.suffix
    if is_folder or len(os.fsencode(suffix)) > _LONGEST_SUFFIX:
        suffix = ""
    while True:
        partial = path.with_name(f".partial-{secrets.token_hex(6)}{suffix}")
        if is_folder:
            partial.mkdir()
        else:
            os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
        # Windows renames nothing that is open.
        if fcntl is None:
            return partial, None
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(partial, os.O_RDONLY if is_folder else os.O_RDWR)
            # Some network file systems have no locks; nothing is removed there.
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Another process may have removed it, as abandoned, before it was locked.
            if partial.exists():
                return partial, descriptor
            os.close(descriptor)


# Once is enough: what this process makes, it removes.
@functools.lru_cache(maxsize=1024)
def _remove_abandoned(folder: str) -> None:
    """Remove temporary files and folders of killed processes, as their locks tell."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError):
        for name in filter(_PARTIAL.fullmatch, os.listdir(folder)):
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.path.isdir(path):
                        shutil.rmtree(path, ignore_errors=True)
                    else:
                        os.unlink(path)
                finally:
                    os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Makes a rename survive a power cut, where the system lets folders be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def stderr_aside() -> Iterator[None]:
    """Keeps what native libraries write to stderr from the user, unless they fail.

    The process has one stderr, so threads go through this one after the other.

    Raises:
        BaseException: of the body, after showing what was kept; but not for ValueError
            and OSError, whose one line says everything.
    """
    with _stderr:
        sys.stderr.flush()
        stderr = os.dup(2)
        try:
            with tempfile.TemporaryFile() as notes:
                os.dup2(notes.fileno(), 2)
                try:
                    yield
                except (ValueError, OSError):
                    raise
                except BaseException:
                    notes.seek(0)
                    os.write(stderr, notes.read())
                    raise
                finally:
                    os.dup2(stderr, 2)
        finally:
            os.close(stderr)
