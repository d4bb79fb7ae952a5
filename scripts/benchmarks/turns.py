"""Sides that take turns, each in a process of its own that stays alive."""

import concurrent.futures
import dataclasses
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tfi2i.files import stderr_aside

QUIET = 0.2
FAILED = "does not work here: "


def _unknown():
    return None


@dataclasses.dataclass(frozen=True)
class Side:
    """What a process measures.

    Attributes:
        work: does the work once, and has waited for the device when it returns.
        images: of one work, by which its seconds are divided.
        imported: resident bytes after the import of its libraries; None leaves memory
            unmeasured.
        gpu_memory: tells the peak of a GPU's memory in bytes; None without a GPU.
        facts: numbers to report beside the seconds.
    """

    work: Callable[[], Any]
    images: int = 1
    imported: int | None = None
    gpu_memory: Callable[[], int | None] = _unknown
    facts: dict[str, float] = dataclasses.field(default_factory=dict)


def measure(sides, rounds, steps=1):
    """Lets every side do its work, turn about.

    Args:
        sides: by name, a function and its arguments. In its process the function gets
            them, loads its library, and returns a `Side`.
        rounds: turns of each side; the order is reversed every second time.
        steps: of work in a turn, each timed by itself.

    Returns:
        For each side `{"seconds": [...], "turns": [(seconds of a turn, seconds of
        processors that others used in it)], "memory": bytes or None, "first": seconds
        of the first work in the process, which is not among the others}` and its
        facts, or `{"failed": reason}`.
    """
    processes = []
    try:
        for name, (function, *args) in sides.items():
            processes.append(_Process(name, function, args))
            # One after the other, so that none is slow because another one compiles.
            processes[-1].ask("facts")
        for index in range(rounds):
            for process in processes if index % 2 == 0 else reversed(processes):
                process.ask(steps)
        for process in processes:
            process.ask("memory")
    finally:
        for process in processes:
            process.end()
    return {process.name: process.found for process in processes}


def in_a_process(function, *args):
    """What a function returns in a process of its own, which ends with it."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_quietly, function, args).result()


def _quietly(function, args):
    # TensorFlow tells of itself before it knows that nobody wants to hear.
    with stderr_aside():
        return function(*args)


class _Process:
    """A side's process, and what it has answered."""

    def __init__(self, name, function, args):
        self.name = name
        self.found = {"seconds": [], "turns": []}
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, function, args))
        self._process.start()
        theirs.close()

    def ask(self, question):
        """Adds the answer to what was found; a side that has failed stays so."""
        if "failed" in self.found:
            return
        try:
            self._pipe.send(question)
            answer = self._pipe.recv()
        except (EOFError, OSError):
            reason = "its process ended without a word; memory may be too small"
            answer = {"failed": FAILED + reason}
        if "failed" in answer:
            self.found = answer
        else:
            lists = {n: self.found[n] + answer.get(n, []) for n in ("seconds", "turns")}
            self.found.update(answer, **lists)
        shown = ", ".join(f"{value:.3f} s" for value in answer.get("seconds", []))
        print(f"{self.name}: {answer.get('failed') or shown or 'ok'}", file=sys.stderr)

    def end(self):
        """Lets the process end."""
        self._pipe.close()
        self._process.join()


def _serve(pipe, function, args):
    try:
        side = _quietly(function, args)
        # Twice, since some libraries compile or allocate only then.
        began = time.perf_counter()
        side.work()
        first = (time.perf_counter() - began) / side.images
        side.work()
        while True:
            pipe.send(_answer(side, pipe.recv(), first))
    except EOFError:
        pass
    except Exception as error:  # noqa: BLE001 (whatever a library cannot do here)
        words = str(error).strip().splitlines() or [type(error).__name__]
        pipe.send({"failed": FAILED + words[0]})


def _answer(side, question, first):
    if question == "facts":
        return {**side.facts, "first": first}
    if question == "memory":
        return {"memory": side.gpu_memory() or _peak(side.imported)}
    seconds = []
    began, others = time.perf_counter(), _others()
    for _ in range(question):
        start = time.perf_counter()
        side.work()
        seconds.append((time.perf_counter() - start) / side.images)
    turn = time.perf_counter() - began, max(0.0, _others() - others)
    return {"seconds": seconds, "turns": [turn]}


def _others():
    """Seconds of all processors that other processes, or other guests, have used."""
    times = psutil.cpu_times()
    used = times.user + times.system + getattr(times, "nice", 0.0)
    return used + getattr(times, "steal", 0.0) - time.process_time()


def remark(*found):
    """A warning where other programs ran beside what was measured, or None.

    Args:
        *found: from `measure`.
    """
    shares = {
        name: sum(used for _, used in side["turns"]) / sum(s for s, _ in side["turns"])
        for sides in found
        for name, side in sides.items()
        if side.get("turns")
    }
    if not shares or max(shares.values()) <= QUIET:
        return None
    name = max(shares, key=shares.get)
    return (
        f"NOT A QUIET MACHINE: other programs used {shares[name]:.1f} processors in "
        f"the turns of {name}. PyTorch's threads wait for each other and lose far more "
        "by that than ours: do not compare, measure again"
    )


def resident():
    """Bytes of memory that this process has now; None where that is not told."""
    return _status("VmRSS")


def _peak(imported):
    most = _status("VmHWM")
    return None if most is None or imported is None else most - imported


def _status(name):
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024


def median(side):
    """Median seconds of a side, None where it failed."""
    return statistics.median(side["seconds"]) if "seconds" in side else None


def compared(found, ours, theirs="PyTorch"):
    """Our median over the best of theirs.

    Args:
        found: from `measure`.
        ours: name of our side.
        theirs: how the names of the other sides begin; the rest is only shown.

    Returns:
        `{"best": name, "ratio": ours / best, "memory_ratio": ours / best}`; None for
        what could not be measured.
    """
    others = {
        name: median(side)
        for name, side in found.items()
        if name.startswith(theirs) and median(side) is not None
    }
    if not others or median(found[ours]) is None:
        return {"best": None, "ratio": None, "memory_ratio": None}
    best = min(others, key=others.get)
    memories = [found[name].get("memory") for name in (ours, best)]
    return {
        "best": best,
        "ratio": median(found[ours]) / others[best],
        "memory_ratio": memories[0] / memories[1] if all(memories) else None,
    }
