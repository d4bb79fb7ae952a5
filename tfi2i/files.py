"""Files and folders that are written whole or not at all, locks, a quiet stderr."""

import contextlib
import errno
import functools
import glob
import hashlib
import os
import re
import secrets
import shutil
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:
    # Windows has no such locks; there, what killed processes leave stays.
    fcntl = None  # type: ignore[assignment]

_PARTIAL = re.compile(r"\.partial-[0-9a-f]{12}(\.[^.]*)?")
# Bytes of a suffix that temporary files keep; longer ones do not tell a format.
_MAX_SUFFIX = 12
_stderr = threading.RLock()


def make_folder(path: Path) -> None:
    """Makes a folder and its parents where missing.

    Raises:
        OSError: a file is in the way, or a folder cannot be written.
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
    """Refuses missing paths, before TensorFlow is loaded to read them.

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
    """Refuses a path that is no folder.

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


def check_is_new(
    folder: Path,
    *sources: Path,
    remedy: str = "name a new folder",
    allowed: Collection[str] = (),
) -> None:
    """Refuses to write into a folder that holds something, or that is read.

    Args:
        folder: the one to make; it may exist and be empty.
        sources: folders that are read to make it.
        remedy: what the user can do otherwise, a clause.
        allowed: names of files that may be in the folder.

    Raises:
        FileExistsError: it is not empty, or is a file.
        OSError: it cannot be made.
        ValueError: it lies in one of `sources`.
    """
    if folder.is_symlink() and not folder.exists():
        raise FileExistsError(f"'{folder}' is a link that leads nowhere: remove it")
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"'{folder}' is a file, expected a new folder: {remedy}")
    if folder.is_dir() and set(os.listdir(folder)) - set(allowed):
        raise FileExistsError(f"'{folder}' exists and is not empty: {remedy}")
    place = folder.resolve()
    for source in sources:
        if place.is_relative_to(source.resolve()):
            raise ValueError(
                f"'{folder}' lies in '{source}', whose images are read; name a folder "
                "elsewhere"
            )
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise OSError(
            f"Cannot make '{folder}': '{above}' is not a folder that you may write to. "
            f"{remedy[0].upper()}{remedy[1:]}."
        )


def sha256(path: Path) -> str:
    """The checksum of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Names `path` in errors of writing that name no file, or a temporary one.

    Raises:
        OSError: raised inside, in one line that names `path`.
    """
    try:
        yield
    except OSError as error:
        # Of a copy, the second is what was written.
        named = [str(name) for name in (error.filename, error.filename2) if name]
        parts = [part for name in named for part in Path(name).parts]
        if named and not any(map(_PARTIAL.fullmatch, parts)):
            raise
        reason = error.strerror or str(error)
        if error.errno is None:
            raise OSError(f"Cannot write '{path}': {reason}") from error
        raise OSError(error.errno, f"Cannot write: {reason}", str(path)) from error


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yields a temporary file beside `path` that replaces it at the end.

    Readers of `path` find the old file until then, and after a failure. Each call has
    a file of its own, so that the last of several writers wins. Temporary files of
    killed processes in the folder are removed.

    Args:
        path: the file to write; its folder is made where missing.

    Yields:
        The path of an empty, hidden file with the same suffix.

    Raises:
        OSError: naming `path`, where the disk is full or cannot be written.
    """
    with naming(path):
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
            with contextlib.suppress(OSError):
                partial.unlink()
        _sync_folder(path.parent)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder beside `path` that is renamed to it at the end.

    After a failure nothing of it is left.

    Args:
        path: a folder that `check_is_new` accepts.

    Yields:
        The path of an empty, hidden folder.

    Raises:
        OSError: naming `path`, where the disk is full or cannot be written; or the
            folder is not empty any more.
    """
    # A link to an empty folder stays a link.
    place = path.resolve()
    with naming(path), temporary_folder(place) as partial:
        yield partial
        if place == Path.cwd():
            # The folder that a shell is in has to stay.
            for entry in partial.iterdir():
                os.replace(entry, place / entry.name)
            return
        if place.is_dir():
            place.rmdir()
        os.replace(partial, place)


@contextlib.contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder beside `path`, for the caller to rename.

    Each call has a folder of its own. What is not renamed is removed at the end, and
    so are temporary folders of killed processes.

    Args:
        path: a folder; its parent is made where missing.

    Yields:
        The path of an empty, hidden folder.

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
    """Makes an empty file or folder beside `path`, locked while its writer lives.

    Returns:
        Its path, and a descriptor to close at the end; None where there are no locks.
    """
    suffix = path.suffix
    if is_folder or len(os.fsencode(suffix)) > _MAX_SUFFIX:
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


# Once for each folder: this process removes its own.
@functools.lru_cache(maxsize=1024)
def _remove_abandoned(folder: str) -> None:
    """Removes temporary files and folders that no living process has locked."""
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
    """Makes a rename survive a power cut, where the system can sync folders."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path, remedy: str = "wait for it") -> Iterator[None]:
    """Keeps other processes from fetching to the same place, where locks exist.

    The lock lies beside `path`, as `.NAME.lock`. The system releases it when a process
    dies; the file may stay and means nothing.

    Args:
        path: a file or folder.
        remedy: what to do while another process has it.

    Raises:
        OSError: another process has it, or the lock cannot be written.
    """
    if fcntl is None:
        yield
        return
    lock = path.with_name(f".{path.name}.lock")
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(lock.open("ab"))
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise OSError(
                    f"Another process is fetching to '{path}' ('{lock}' is locked): "
                    f"{remedy}."
                ) from error
            except OSError:
                # Some file systems know no locks.
                break
            if is_at(file.fileno(), lock):
                break
            # Its holder has removed it meanwhile: a lock that nobody else would see.
            file = stack.enter_context(lock.open("ab"))
        try:
            yield
        finally:
            # Before it is unlocked, so that only its holder removes it.
            lock.unlink(missing_ok=True)


def is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def redirected_stderr() -> Iterator[tuple[BinaryIO, int]]:
    """Redirects stderr to a temporary file, also for native libraries.

    Yields:
        The file, and a descriptor of the real stderr.
    """
    flush_stderr()
    with contextlib.ExitStack() as stack:
        stderr = os.dup(2)
        stack.callback(os.close, stderr)
        notes = stack.enter_context(tempfile.TemporaryFile())
        stack.callback(os.dup2, stderr, 2)
        os.dup2(notes.fileno(), 2)
        yield notes, stderr


def flush_stderr() -> None:
    """Writes what Python has buffered for stderr, if there is one."""
    if sys.stderr is not None:
        sys.stderr.flush()


@contextlib.contextmanager
def stderr_aside() -> Iterator[None]:
    """Hides what native libraries write to stderr, unless the body fails.

    The process has one stderr, so threads enter one after the other.

    Raises:
        BaseException: of the body, after showing what was hidden, except before a
            ValueError or OSError, whose one line says everything.
    """
    with _stderr, redirected_stderr() as (notes, stderr):
        try:
            yield
        except (ValueError, OSError):
            raise
        except BaseException:
            notes.seek(0)
            os.write(stderr, notes.read())
            raise
