"""Decides whether decoded images are kept in memory, on the disk, or not at all."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Literal

import psutil

log = logging.getLogger(__name__)

Cache = Literal["auto", "memory", "disk", "off"]
CACHES = ("auto", "memory", "disk", "off")

# The rest is for the networks, and for other programs.
_SHARE = 0.5

# Files of a control group, version 2 and 1: its limit, its use, its statistics, and
# there the name of the page cache, which the system drops when memory runs short.
_CONTROL_GROUPS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)
_IN_MEMORY = ("tmpfs", "ramfs")


def choose(cache: Cache, needed: int) -> Literal["memory", "disk", "off"]:
    """Decides where images are kept, and logs a warning where that is not memory.

    Args:
        cache: `auto` takes memory if half of the free memory is enough; else a file in
            the temporary folder, if half of the free disk is enough and the folder
            does not lie in memory itself; else nothing.
        needed: bytes.

    Raises:
        ValueError: `cache` is none of `CACHES`.
    """
    if cache not in CACHES:
        raise ValueError(
            f"--data.cache is '{cache}', expected {', '.join(CACHES[:-1])} or "
            f"{CACHES[-1]}"
        )
    if cache != "auto":
        return cache
    memory = int(available() * _SHARE)
    if needed <= memory:
        return "memory"
    folder = tempfile.gettempdir()
    disk = shutil.disk_usage(folder).free
    why = (
        f"decoded images take {_gigabytes(needed)}, more than half of the free memory "
        f"({_gigabytes(memory)})"
    )
    remedy = (
        "decoded anew in every epoch; name another disk with the environment variable "
        "TMPDIR, or choose a smaller --data.load-size"
    )
    if lies_in_memory(Path(folder)):
        log.warning("%s, and %s lies in memory, too: %s", why, folder, remedy)
        return "off"
    if needed <= disk * _SHARE:
        log.warning("%s: kept in a file in %s, which is gone at the end", why, folder)
        return "disk"
    log.warning(
        "%s and of the free disk at %s (%s): %s",
        why,
        folder,
        _gigabytes(disk),
        remedy,
    )
    return "off"


def available(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Measures the bytes of memory that this process can still take.

    A container's limit counts where it is lower than the machine's memory. The page
    cache counts as free.

    Args:
        groups: mount point of the control groups.
    """
    found = [psutil.virtual_memory().available]
    for most, used, statistics, dropped in _CONTROL_GROUPS:
        # The limit may be "max", which is no number.
        with contextlib.suppress(OSError, ValueError):
            limit = int((groups / most).read_text())
            taken = int((groups / used).read_text())
            taken -= _read_statistic(groups / statistics, dropped)
            found.append(max(0, limit - taken))
    return min(found)


def check_room(needed: int) -> None:
    """Refuses what the temporary folder has no room for.

    Args:
        needed: bytes.

    Raises:
        OSError: one line that says what to do.
    """
    if needed > shutil.disk_usage(tempfile.gettempdir()).free:
        raise no_room(needed, os.strerror(errno.ENOSPC))


def no_room(needed: int, why: str | None) -> OSError:
    """The error for images that do not fit on the disk."""
    folder = tempfile.gettempdir()
    free = _gigabytes(shutil.disk_usage(folder).free)
    return OSError(
        f"decoded images need {_gigabytes(needed)} in '{folder}', where {free} are "
        f"free ({why}): choose --data.cache off or a smaller --data.load-size, or name "
        "another disk with the environment variable TMPDIR"
    )


def lies_in_memory(folder: Path) -> bool:
    """Whether a folder is known to lie in memory and not on a disk."""
    folder = folder.resolve()
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, RuntimeError):
        return False
    # Of several mounts at one point, the last hides the others.
    kinds = {Path(mount.mountpoint): mount.fstype for mount in mounts}
    mounted = (path for path in (folder, *folder.parents) if path in kinds)
    return kinds.get(next(mounted, None)) in _IN_MEMORY


def _read_statistic(path: Path, name: str) -> int:
    """Reads a number from a file of lines "NAME NUMBER"; 0 where it is missing."""
    with contextlib.suppress(OSError, ValueError):
        lines = path.read_text().splitlines()
        return int(dict(line.split() for line in lines).get(name, 0))
    return 0


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
