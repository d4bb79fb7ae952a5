"""Files that are written whole or not at all, and a quiet stderr."""

import contextlib
import errno
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

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
    """Gives a temporary name beside `path`, which takes its place at the end.

    Whoever reads `path` meanwhile finds the old file; after a failure nothing new
    is left.

    Args:
        path: the file to write; its folder is made where missing.

    Yields:
        The temporary path, with the same suffix.

    Raises:
        OSError: naming `path`, where the disk is full or cannot be written.
    """
    partial = path.with_name(f".partial-{path.name}")
    try:
        make_folder(path.parent)
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
        _sync_folder(path.parent)
    except OSError as error:
        if error.filename is None:
            reason = error.strerror or str(error)
            raise OSError(error.errno, f"Cannot write: {reason}", str(path)) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


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
