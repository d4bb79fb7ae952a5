"""One process at a time trains a run."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfi2i.files import is_at, make_folder

try:
    import fcntl
except ImportError:
    # Windows has no such locks: there, what a killed process left must be deleted.
    fcntl = None

LOCK = "train.lock"
_FIELDS = {"host": str, "pid": int, "since": str, "boot": str, "machine": str}


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
    """Keeps a run's folder for this process.

    The operating system holds the lock and drops it when the process ends, however it
    ends. The file `train.lock` also says who holds it: where processes of another
    machine are on the same disk, and were killed, no lock shows whether they live.

    Args:
        run: the run's folder, made where missing.

    Raises:
        ValueError: another process trains the run, or may do so.
        OSError: the folder cannot be made or written.
    """
    make_folder(run)
    path = run / LOCK
    descriptor = _acquire(path)
    try:
        yield
    finally:
        _release(descriptor, path)


def _release(descriptor, path):
    # Where there are locks, while it is locked: afterwards it may be another process'.
    # Elsewhere a file that is open cannot be removed.
    if fcntl is None:
        os.close(descriptor)
    with contextlib.suppress(OSError):
        path.unlink()
    if fcntl is not None:
        os.close(descriptor)


def _acquire(path):
    """An open descriptor of the file, which says that it is ours."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            is_checked = _lock(descriptor, path)
            # Whoever held it may have removed it since it was opened.
            if is_at(descriptor, path):
                _refuse_uncertain(_holder(descriptor), path, is_checked)
                os.ftruncate(descriptor, 0)
                os.lseek(descriptor, 0, os.SEEK_SET)
                os.write(descriptor, json.dumps(_ourselves()).encode())
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor, path):
    """Locks the file; returns whether this disk has locks at all."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _process(_holder(descriptor))
        raise ValueError(
            f"'{path.parent}' is being trained by {holder}: wait until it ends, stop "
            "it, or choose another run."
        ) from None
    except OSError:
        # Some network file systems have none.
        return False
    return True


def _refuse_uncertain(holder, path, is_checked):
    """Refuses where the process that wrote the file may live, though no lock says so.

    On the same kernel, containers included, a lock that we got proves that it is dead.
    """
    if not holder or (is_checked and _is_from_here(holder)):
        return
    raise ValueError(
        f"'{path.parent}' was being trained by {_process(holder)}, and it cannot be "
        f"checked from {socket.gethostname()} whether it still is: if not, delete "
        f"'{path}' and try again."
    )


def _is_from_here(holder):
    """Whether a process runs, or ran, on this machine."""
    ours = _ourselves()
    if ours["boot"] and holder["boot"] == ours["boot"]:
        return True
    # Machines may share a name, and containers have no number of their machine.
    is_named = bool(ours["machine"]) or not ours["boot"]
    return is_named and all(holder[key] == ours[key] for key in ("host", "machine"))


def _holder(descriptor) -> dict[str, Any]:
    """What the file says of the process that holds it; {} where it says nothing."""
    damaged = (OSError, ValueError, TypeError, LookupError, RecursionError)
    with contextlib.suppress(*damaged):
        os.lseek(descriptor, 0, os.SEEK_SET)
        said = json.loads(os.read(descriptor, 4096))
        if all(isinstance(said[name], kind) for name, kind in _FIELDS.items()):
            return said
    return {}


def _process(holder):
    if not holder:
        return "another process"
    return "process {pid} on {host} (since {since})".format(**holder)


def _ourselves():
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "boot": _line("/proc/sys/kernel/random/boot_id"),
        "machine": _line("/etc/machine-id"),
    }


def _line(path):
    """The first line of a small file of the system, "" where there is none."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return Path(path).read_text(encoding="ascii").partition("\n")[0]
    return ""
