"""Sides that take turns, each in a process of its own that stays alive."""

import multiprocessing
import statistics
import sys
import time
from pathlib import Path


def measure(sides, rounds):
    """Lets every side do its work, turn about.

    Args:
        sides: by name, a function and its arguments. In its process the function gets
            them, loads its library, and returns what does the work once, and what tells
            of a GPU's memory (bytes at the peak, None on a CPU).
        rounds: turns of each side; the order is reversed every second time.

    Returns:
        For each side `{"seconds": [...], "memory": bytes or None}`, or
        `{"failed": reason}`.
    """
    context = multiprocessing.get_context("spawn")
    found, alive = {}, {}
    for name, (function, *args) in sides.items():
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, function, args))
        process.start()
        theirs.close()
        # One after the other, so that none is slow because another one compiles.
        reason = _answer(ours)
        found[name] = {"seconds": []} if reason is None else {"failed": reason}
        print(f"{name}: {reason or 'ready'}", file=sys.stderr)
        if reason is None:
            alive[name] = process, ours
    for index in range(rounds):
        for name in list(alive) if index % 2 == 0 else list(reversed(alive)):
            alive[name][1].send("work")
            found[name]["seconds"].append(_answer(alive[name][1]))
            last = found[name]["seconds"][-1]
            print(f"round {index + 1}, {name}: {last:.3f} s", file=sys.stderr)
    for name, (process, pipe) in alive.items():
        pipe.send("memory")
        found[name]["memory"] = _answer(pipe)
        pipe.send("end")
        process.join()
    return found


def _answer(pipe):
    try:
        return pipe.recv()
    except EOFError:
        return "its process ended without a word"


def _serve(pipe, function, args):
    try:
        work, gpu_memory, imported = function(*args)
        # Twice, since some libraries compile or allocate only then.
        work()
        work()
    except Exception as error:  # noqa: BLE001 (whatever a library cannot do here)
        words = str(error).strip().splitlines() or [type(error).__name__]
        pipe.send(f"does not work here: {words[0]}")
        return
    pipe.send(None)
    while (asked := pipe.recv()) != "end":
        if asked == "memory":
            pipe.send(gpu_memory() or _peak(imported))
            continue
        start = time.perf_counter()
        work()
        pipe.send(time.perf_counter() - start)


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
        `{"best": name, "ratio": ours / best}`; None for both where no other works.
    """
    others = {
        name: median(side)
        for name, side in found.items()
        if name.startswith(theirs) and median(side) is not None
    }
    if not others or median(found[ours]) is None:
        return {"best": None, "ratio": None}
    best = min(others, key=others.get)
    return {"best": best, "ratio": median(found[ours]) / others[best]}
