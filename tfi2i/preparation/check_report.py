"""Prints the result of `tfi2i data check`, or gives it as JSON types."""

from __future__ import annotations

import collections
import os
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfi2i.data.headers import shortened
from tfi2i.data.memory import available
from tfi2i.data.pixels import PixelType
from tfi2i.preparation import formatting
from tfi2i.preparation.check import CheckResult
from tfi2i.preparation.plan import Plan
from tfi2i.preparation.problems import DomainImage

FORMAT = 1
"""Version of the JSON. Keys may be added to it, but none change or go."""

# Seconds of training beyond which a GPU is advised: three days.
_LONG = 3 * 86400

_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_KEPT = {
    "memory": " in memory",
    "disk": " on disk",
    "off": ", too much to be kept: they are decoded anew in every epoch",
}
_COLUMNS = "split", "", "images", "size", "channels", "bits", "values", "format"
_BITS = {"uint8": "8", "uint16": "16", "float32": "float"}


def to_dict(checked: CheckResult) -> dict[str, Any]:
    """The result as JSON types.

    Returns:
        - `format`: 1.
        - `ok`: whether training would not fail; `verdict`, a sentence; `command`,
          what to do next, or `""`.
        - `directory`; `layout`: `folders`, `side_by_side`, `targets` (single images)
          or null; `reason`, a sentence; `paired`: true, false or null.
        - `splits`: by name (`train`, `val`, `test` or `unsplit`), then by domain (`A`,
          `B`): `files`, a count; `readable` and `decoded`, how many of them are;
          `width`, `height` and `aspect` (width by height), each `[min, median, max]`;
          `channels`, `depth` and `format`, each a count by value; `values`, `[least,
          greatest]`. What is not known is null.
        - `problems`: a list, the worst first, of `kind`, `level` (`error`, `warning`,
          `note`), `text`, `names` and `exclude` (paths to leave out).
        - `excluded`: images on the list; `added`: those of them that were not on it.
        - `training`, null where training was not tried: `recipe`, `failure` (`""` for
          none), `notes`, `epochs`, `batch_size`, `preprocess`, `load_size` (null for
          none) and `crop_size`, each `[height, width]`, `flip`, and where it would
          not fail `steps_per_epoch`, `examples_left_out` in each epoch and `pixels`,
          by domain: `channels`, `dtype`, `low`, `high`.
        - `estimate`, null where training would fail: `cache_bytes` (exact) and
          `cache` (`memory`, `disk` or `off`, where they would be kept),
          `parameters`, and about: `memory_bytes` (without the cache),
          `step_operations`, `step_seconds`, `epoch_seconds`, `run_seconds`; `device`.
    """
    root = checked.directory
    return {
        "format": FORMAT,
        "ok": checked.ok,
        "verdict": checked.verdict,
        "command": checked.command,
        "directory": str(root),
        "layout": checked.layout,
        "reason": checked.reason,
        "paired": checked.is_paired,
        "splits": {
            split: {domain: _domain(checked, split, domain) for domain in counts}
            for split, counts in checked.counts.items()
        },
        "problems": [
            {
                "kind": problem.kind,
                "level": problem.level,
                "text": problem.text,
                "names": list(problem.names),
                "exclude": [str(path) for path in problem.exclude],
            }
            for problem in checked.problems
        ],
        "excluded": [str(path) for path in checked.excluded],
        "added": [str(path) for path in checked.added],
        "training": None if checked.plan is None else _training(checked.plan),
        "estimate": _estimate(checked),
    }


def _domain(checked: CheckResult, split: str, domain: str) -> dict[str, Any]:
    mine = _images_of(checked, split, domain)
    decoded = [picture.pixels for picture in mine if picture.pixels]
    values = None
    if decoded:
        values = [min(p.low for p in decoded), max(p.high for p in decoded)]
    return {
        "files": checked.counts[split][domain],
        "readable": len(mine),
        "decoded": len(decoded),
        "width": _min_median_max([picture.width for picture in mine]),
        "height": _min_median_max([picture.height for picture in mine]),
        "aspect": _min_median_max([picture.aspect for picture in mine]),
        "channels": _count_values(str(picture.header.channels) for picture in mine),
        "depth": _count_values(picture.header.dtype for picture in mine),
        "format": _count_values(picture.header.format for picture in mine),
        "values": values,
    }


def _training(plan: Plan) -> dict[str, Any]:
    config, data = plan.config, plan.config.data
    found = {
        "recipe": config.recipe,
        "failure": plan.failure,
        "notes": list(plan.notes),
        "epochs": config.epochs,
        "batch_size": data.batch_size,
        "preprocess": data.preprocess,
        "load_size": list(data.load_shape) if data.is_resized else None,
        "crop_size": list(data.crop_shape),
        "flip": data.flip,
    }
    if not plan.failure:
        found["steps_per_epoch"] = plan.steps
        found["examples_left_out"] = _left_out(plan)
        found["pixels"] = {
            side: {
                name: getattr(pixels, name)
                for name in ("channels", "dtype", "low", "high")
            }
            for side, pixels in _pixels(plan).items()
        }
    return found


def _estimate(checked: CheckResult) -> dict[str, Any] | None:
    cost, plan = checked.cost, checked.plan
    if cost is None or plan is None:
        return None
    epoch = cost.step_seconds * plan.steps
    return {
        "cache_bytes": plan.cache,
        "cache": plan.kept,
        "parameters": cost.parameters,
        "memory_bytes": cost.memory,
        "step_operations": cost.step_operations,
        "step_seconds": cost.step_seconds,
        "epoch_seconds": epoch,
        "run_seconds": epoch * plan.config.epochs,
        "device": cost.device,
    }


def show(checked: CheckResult, console: Console, exclude: Path | None = None) -> None:
    """Prints the result.

    Args:
        checked: the result.
        console: where to print.
        exclude: the list that was asked for.
    """

    def line(text: str, style: str = "", level: str = "") -> None:
        # Names are not markup, and paths must stay whole to be copied.
        start = Text(f"{level}: ", _STYLES[level]) if level else Text()
        text = formatting.printable(text)
        console.print(start.append(text, style or "default"), soft_wrap=True)

    line(str(checked.directory), "bold")
    if checked.layout is not None:
        line(f"{checked.reason[0].upper()}{checked.reason[1:]}.")
        console.print(_table(checked))
    for problem in checked.problems:
        count = f" ({len(problem.names)})" if problem.names else ""
        level = problem.level
        if checked.is_left_out(problem):
            level, count = "note", f"{count}, left out"
        line(f"{problem.text}{count}", level=level)
        if problem.names:
            line(f"    {shortened(problem.names)}")
    for note in checked.plan.notes if checked.plan else ():
        line(note, level="note")
    if checked.ok and checked.plan is not None:
        console.print()
        for text in (*_treatment(checked), *_costs(checked)):
            line(text)
    console.print()
    if exclude is not None:
        line(_list_summary(checked, exclude))
    line(checked.verdict, "bold green" if checked.ok else "bold red")
    if checked.command:
        line(f"  {checked.command}")


def _list_summary(checked: CheckResult, exclude: Path) -> str:
    """Whether the list was written."""
    added, number = len(checked.added), len(checked.excluded)
    if not number:
        return f"Nothing to leave out: '{exclude}' was not written."
    if not added:
        return f"Nothing more to leave out: '{exclude}' names {number} images."
    if added == number:
        return f"'{exclude}' was written: {number} images to leave out."
    return f"{added} images were added to '{exclude}', which names {number} now."


def _table(checked: CheckResult) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in _COLUMNS:
        table.add_column(title, justify="right" if title == "images" else "left")
    for split, counts in checked.counts.items():
        for place, domain in enumerate(counts):
            found = _domain(checked, split, domain)
            values = found["values"]
            table.add_row(
                "" if place else split,
                domain,
                f"{found['files']:,}",
                _sizes(_images_of(checked, split, domain)),
                formatting.counts(found["channels"]),
                formatting.counts(
                    {_BITS[name]: n for name, n in found["depth"].items()}
                ),
                "" if values is None else " to ".join(map(formatting.number, values)),
                formatting.counts(found["format"]),
            )
    return table


def _sizes(pictures: Sequence[DomainImage]) -> str:
    """The smallest, the median and the largest size, by area."""
    by_area = sorted((p.width * p.height, p.width, p.height) for p in pictures)
    if not by_area:
        return ""
    chosen = [by_area[0], by_area[len(by_area) // 2], by_area[-1]]
    shown = list(dict.fromkeys(f"{width}x{height}" for _, width, height in chosen))
    return " / ".join(shown) if len(shown) != 2 else " to ".join(shown)


def _treatment(checked: CheckResult) -> Iterator[str]:
    """What training does with these images."""
    plan = checked.plan
    config, data = plan.config, plan.config.data
    train = [picture for picture in checked.pictures if picture.split == "train"]
    steps = []
    if data.preprocess == "resize_and_crop":
        load = formatting.shape(data.load_shape)
        steps.append(f"resizes images ({_sizes(train)}) to {load}")
    elif data.is_resized:
        steps.append(f"scales images to a width of {data.load_shape[1]}")
    if data.is_cropped:
        steps.append(f"cuts out {formatting.shape(data.crop_shape)} at random")
    if data.flip:
        steps.append("mirrors half of them")
    done = ", ".join(steps) or "takes images as they are"
    yield f"Training ({config.recipe}) {done}."
    read = {
        side: f"{formatting.pixel_type(pixels)}{_conversions(train, side, pixels)}"
        for side, pixels in _pixels(plan).items()
    }
    if read["A"] == read["B"]:
        yield f"A and B are read as {read['A']}."
    else:
        yield from (f"{side} is read as {how}." for side, how in read.items())
    ways = config.model.ways(data)
    if [way.name for way in ways] == [data.direction] and data.input == "files":
        other = {"a2b": "b2a", "b2a": "a2b"}[data.direction]
        learnt = f"{ways[0].target.upper()} from {ways[0].input.upper()}"
        yield f"It learns to make {learnt}; --data.direction {other} for the other way."
    steps, left = plan.steps, _left_out(plan)
    remainder = f"; each leaves {left} images out, other ones in turn" if left else ""
    yield (
        f"{config.epochs} epochs of {steps:,} steps with a batch of "
        f"{data.batch_size}{remainder}."
    )
    if data.val_share and "val" in plan.data:
        held, kept = len(plan.data["val"]), len(plan.data["train"])
        yield f"{held} of {held + kept} images are set aside for validation."
    other = next((name for name in plan.data if name != "train"), None)
    if other is None:
        yield "No val or test: samples are painted from training images."


def _costs(checked: CheckResult) -> Iterator[str]:
    found = _estimate(checked)
    free, size = available(), formatting.file_size
    yield (
        f"Decoded images take {size(found['cache_bytes'])}{_KEPT[checked.plan.kept]}; "
        f"training takes about {size(found['memory_bytes'])} of memory beside them, of "
        f"which {size(free)} are free."
    )
    if found["device"] == "CPU" and found["memory_bytes"] > free:
        yield "That is too much: try a smaller --data.crop-size or --data.batch-size."
    where = f"{os.cpu_count()} CPU cores as free as now"
    if found["device"] == "GPU":
        where = "this GPU, where the estimate was never tried"
    yield (
        f"An epoch takes about {formatting.duration(found['epoch_seconds'])}, all "
        f"{checked.plan.config.epochs} about "
        f"{formatting.duration(found['run_seconds'])}, on {where}."
    )
    if found["device"] == "CPU" and found["run_seconds"] > _LONG:
        yield "So much is work for a GPU, or for a smaller --data.crop-size."


def _conversions(train: Sequence[DomainImage], side: str, pixels: PixelType) -> str:
    """How files are converted whose pixels are of another type."""
    mine = [picture.header for picture in train if picture.domain == side]
    counts = {
        "grey ones get three equal channels": sum(
            header.opaque_channels == 1 < pixels.channels for header in mine
        ),
        "colours become grey": sum(
            header.opaque_channels == 3 > pixels.channels for header in mine
        ),
        "transparency is filled": sum(
            header.opaque_channels != header.channels for header in mine
        ),
        "turned upright as EXIF says": sum(h.orientation != 1 for h in mine),
        "16 bits become 8": sum(
            header.dtype == "uint16" and pixels.dtype == "uint8" for header in mine
        ),
    }
    parts = [f"{text} ({count})" for text, count in counts.items() if count]
    return f": {', '.join(parts)}" if parts else ""


def _pixels(plan: Plan) -> dict[str, PixelType]:
    data = plan.config.data
    return {
        side: PixelType.of(domain.channels, domain.dtype, domain.low, domain.high)
        for side, domain in (("A", data.domain_a), ("B", data.domain_b))
    }


def _left_out(plan: Plan) -> int:
    return len(plan.data["train"]) - plan.steps * plan.config.data.batch_size


def _images_of(checked: CheckResult, split: str, domain: str) -> list[DomainImage]:
    return [p for p in checked.pictures if (p.split, p.domain) == (split, domain)]


def _min_median_max(values: Sequence[float]) -> list[float] | None:
    return [min(values), statistics.median(values), max(values)] if values else None


def _count_values(values) -> dict[str, int]:
    return dict(collections.Counter(values).most_common())
