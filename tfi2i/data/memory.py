"""How much memory and disk there is for decoded images, and which of them is taken."""

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

# Limit, use, and what of it are files' contents that the system would drop; of both
# versions.
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
    """Decide where images are kept, and say so where that is not memory.

    Args:
        cache: `auto` takes half of the memory that is free, or else a file in the
            folder for temporary files, unless that lies in memory itself, or else
            nothing.
        needed: bytes.

    Raises:
        ValueError: no such choice.
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
    """Bytes of memory that this process could still take.

    What a container may take counts, where that is less than what the machine has;
    files that it read and that are kept only in case they are read again do not.

    Args:
        groups: where the system tells of control groups.
    """
    found = [psutil.virtual_memory().available]
    for most, used, statistics, dropped in _CONTROL_GROUPS:
        # "max" is no number: there is no limit.
        with contextlib.suppress(OSError, ValueError):
            limit = int((groups / most).read_text())
            taken = int((groups / used).read_text())
            taken -= _statistic(groups / statistics, dropped)
            found.append(max(0, limit - taken))
    return min(found)


def check_room(needed: int) -> None:
    """Refuse what the folder for temporary files has no room for.

    Args:
        needed: bytes.

    Raises:
        OSError: one line that says what to do.
    """
    if needed > shutil.disk_usage(tempfile.gettempdir()).free:
        raise no_room(needed, os.strerror(errno.ENOSPC))


def no_room(needed: int, why: str | None) -> OSError:
    """What to raise where decoded images do not fit on the disk."""
    folder = tempfile.gettempdir()
    free = _gigabytes(shutil.disk_usage(folder).free)
    return OSError(
        f"decoded images need {_gigabytes(needed)} in '{folder}', where {free} are "
        f"free ({why}): choose --data.cache off or a smaller --data.load-size, or name "
        "another disk with the environment variable TMPDIR"
    )


def lies_in_memory(folder: Path) -> bool:
    """Whether files of a folder take memory and no disk; not where nobody knows."""
    folder = folder.resolve()
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, RuntimeError):
        return False
    # Of several at one place, the last hides the others.
    kinds = {Path(mount.mountpoint): mount.fstype for mount in mounts}
    places = (place for place in (folder, *folder.parents) if place in kinds)
    return kinds.get(next(places, None)) in _IN_MEMORY


def _statistic(path: Path, name: str) -> int:
    """A number of a file that has a name and a number a line; 0 where it has none."""
    with contextlib.suppress(OSError, ValueError):
        lines = path.read_text().splitlines()
        return int(dict(line.split() for line in lines).get(name, 0))
    return 0


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
