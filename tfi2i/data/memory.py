"""How much memory and disk there is for decoded images, and which of them is taken."""

from __future__ import annotations

import contextlib
import logging
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

_CONTROL_GROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def choose(cache: Cache, needed: int) -> Literal["memory", "disk", "off"]:
    """Decide where images are kept, and say so where that is not memory.

    Args:
        cache: `auto` takes half of the memory that is free, or else a file in the
            folder for temporary files, or else nothing.
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
    if needed <= disk * _SHARE:
        log.warning("%s: kept in a file in %s, which is gone at the end", why, folder)
        return "disk"
    log.warning(
        "%s and of the free disk at %s (%s): decoded anew in every epoch; name another "
        "disk with the environment variable TMPDIR, or choose a smaller "
        "--data.load-size",
        why,
        folder,
        _gigabytes(disk),
    )
    return "off"


def available() -> int:
    """Bytes of memory that this process could still take.

    What a container may take counts, where that is less than what the machine has.
    """
    found = [psutil.virtual_memory().available]
    for most, used in _CONTROL_GROUPS:
        # "max" is no number: there is no limit.
        with contextlib.suppress(OSError, ValueError):
            root = Path("/sys/fs/cgroup")
            limit = int((root / most).read_text())
            found.append(max(0, limit - int((root / used).read_text())))
    return min(found)


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
