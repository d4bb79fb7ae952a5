"""`tfi2i data check`: inspects a folder of images and tries training on it."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import shlex
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfi2i.data import exclusion_list, folder_listing
from tfi2i.data.paired_files import check_no_sides
from tfi2i.files import check_is_folder, whole
from tfi2i.preparation import problems as look_for
from tfi2i.preparation.estimate import Cost, cost
from tfi2i.preparation.folder_scan import (
    UNSPLIT,
    FolderScan,
    Layout,
    SplitFiles,
    scan_folder,
)
from tfi2i.preparation.inspection import CheckRequest, InspectedImages
from tfi2i.preparation.plan import Plan, crop_for, flags, plan
from tfi2i.preparation.problems import DomainImage, Problem
from tfi2i.recipes.config import DataConfig, DomainConfig
from tfi2i.recipes.named import get, usual_recipe

_LEVELS = ("error", "warning", "note")


@dataclasses.dataclass(frozen=True)
class CheckResult:
    """What was found in a folder.

    Attributes:
        directory: the folder.
        reason: why it has this layout, or none, a sentence.
        verdict: a sentence.
        layout: None where none was recognized.
        is_paired: whether the images are taken for pairs.
        pictures: every image whose header can be read.
        counts: number of files by split and domain.
        problems: the worst first.
        excluded: files on the list, those added last.
        added: those of them that were added.
        plan: what training would do; None where there is nothing to train on.
        cost: what it takes; None where it would fail.
        ok: whether training would not fail.
        command: what to do next, or empty.
    """

    directory: Path
    reason: str
    verdict: str
    layout: Layout | None = None
    is_paired: bool | None = None
    pictures: tuple[DomainImage, ...] = ()
    counts: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    excluded: tuple[Path, ...] = ()
    added: tuple[Path, ...] = ()
    plan: Plan | None = None
    cost: Cost | None = None
    ok: bool = False
    command: str = ""

    def is_left_out(self, problem: Problem) -> bool:
        """Whether the list names all files of a problem."""
        return bool(problem.exclude) and set(problem.exclude) <= set(self.excluded)


def check(directory: Path, asked: CheckRequest | None = None) -> CheckResult:
    """Inspects a folder, and tries what training would do with it.

    Args:
        directory: that holds, or should hold, train, val and test.
        asked: what is known already; None is nothing.

    Raises:
        OSError: the folder does not exist or may not be read; the list cannot be read
            or written.
        ValueError: values that no folder could be trained with; a list that exists
            and is none, or one of another folder.
    """
    asked = asked or CheckRequest()
    check_is_folder(directory)
    given = DataConfig() if asked.recipe is None else get(asked.recipe).config.data
    has_list = asked.exclude is not None and asked.exclude.exists()
    listed = asked.exclude if has_list else asked.data.get("exclude")
    out = exclusion_list.read(directory, listed)
    names = asked.a or given.a, asked.b or given.b
    share = asked.data.get("val_share", 0.0)
    try:
        usual = (given.a, given.b)
        scan = scan_folder(directory, asked.layout, *names, usual, share > 0)
        if asked.layout == "auto" and (asked.input or given.input) == "files":
            _check_no_sides(scan, asked.recipe)
    except (FileNotFoundError, ValueError) as error:
        scan = FolderScan((), str(error))
    fails = f"Training would fail: {scan.advice}."
    if not scan.splits:
        return CheckResult(directory, scan.advice, fails)
    images = InspectedImages.inspect(scan, asked, given, out)
    problems = _worst_first(images.problems_found(directory))
    added = _add_to_list(directory, asked.exclude, problems)
    checked = CheckResult(
        directory,
        images.reason,
        fails,
        images.layout,
        images.is_paired,
        pictures=tuple(images.pictures),
        counts=images.counts,
        problems=problems,
        excluded=(*(path for path in scan.paths if path in out.paths), *added),
        added=added,
    )
    if scan.named("train") is not None:
        return _try_training(checked, images, asked)
    if scan.splits[0].split == UNSPLIT:
        return _advise_split(checked, scan.splits[0], asked.exclude or listed)
    return checked


def _check_no_sides(scan: FolderScan, recipe: str | None) -> None:
    """Refuses, as training does, both sides of pairs in one folder."""
    is_paired = recipe is None or get(recipe).config.model.takes_pairs
    for found in scan.splits:
        if not found.is_two_folders:
            check_no_sides(found.folders[0], "edges" if is_paired else "")


def _worst_first(found: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(found, key=lambda problem: _LEVELS.index(problem.level)))


def _add_to_list(
    directory: Path, target: Path | None, found: Sequence[Problem]
) -> tuple[Path, ...]:
    """Appends the images that should be left out to the list."""
    groups: dict[str, list[str]] = {}
    listed: dict[Path, None] = {}
    for problem in found:
        new = [path for path in problem.exclude if path not in listed]
        listed |= dict.fromkeys(new)
        if new:
            names = [folder_listing.relative(directory, path) for path in new]
            groups.setdefault(problem.text, []).extend(names)
    if target is None or not listed:
        return ()
    text = exclusion_list.to_text(groups).encode(errors="surrogateescape")
    earlier = target.read_bytes() if target.exists() else b""
    if earlier and not earlier.endswith(b"\n"):
        earlier += b"\n"
    with whole(target) as partial:
        partial.write_bytes(earlier + text)
    return tuple(listed)


def _advise_split(
    checked: CheckResult, found: SplitFiles, exclude: Path | None
) -> CheckResult:
    """Says how to split images that lie in no split."""
    directory = checked.directory
    target = directory.resolve().with_name(f"{directory.resolve().name}-split")
    if not directory.is_absolute():
        target = Path(os.path.relpath(target))
    words = ["tfi2i", "data", "split", str(directory), str(target)]
    if checked.is_paired is False and found.keys[0] & found.keys[1]:
        words.append("--unpaired")
    if checked.excluded:
        words += ["--exclude", str(exclude)]
    verdict = (
        "Training would fail: the images are not split into train, val and test; split "
        "them, or let training set some aside with --data.val-share 0.1."
    )
    return dataclasses.replace(checked, verdict=verdict, command=shlex.join(words))


def _try_training(
    checked: CheckResult, images: InspectedImages, asked: CheckRequest
) -> CheckResult:
    """Tries what training would do, and judges."""
    train = [
        picture
        for picture in checked.pictures
        if picture.split == "train" and picture.path not in checked.excluded
    ]
    trial = _Trial.of(checked, images, asked, train)
    plan = _plan_with_fixes(trial, train)
    failure = plan.failure or _undecodable(images, plan, set(checked.excluded))
    data, found = plan.config.data, checked.problems
    if data.preprocess == "resize_and_crop":
        stretched = look_for.stretched(train, data.load_shape, data.crop_shape)
        found = _worst_first((*found, *stretched))
    if not failure:
        plan, found = _plan_with_remedies(trial, plan, found)
    if "train" in plan.data:
        found = _worst_first((*found, *look_for.too_few(len(plan.data["train"]))))
    checked = dataclasses.replace(checked, plan=plan, problems=found)
    if failure:
        return _failed(checked, asked, failure)
    count = sum(p.level == "warning" and not checked.is_left_out(p) for p in found)
    warnings = f", with {count} warning{'s' * (count != 1)}" if count else ""
    return dataclasses.replace(
        checked,
        cost=cost(plan.config),
        ok=True,
        verdict=f"Ready to train{warnings}.",
        command=plan.command,
    )


@dataclasses.dataclass
class _Trial:
    """A recipe, and the fields of its configuration that are changed."""

    recipe: str
    data: dict[str, Any]
    model: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(
        cls,
        checked: CheckResult,
        images: InspectedImages,
        asked: CheckRequest,
        train: Sequence[DomainImage],
    ) -> _Trial:
        """What the user asks for, and what the images need."""
        data = {
            name: value
            for name in ("a", "b", "crop_size", "batch_size")
            if (value := getattr(asked, name)) is not None
        }
        data |= {"dir": str(checked.directory), "input": images.input, **asked.data}
        if asked.layout != "auto":
            data["layout"] = asked.layout
        if checked.excluded and asked.exclude is not None:
            data["exclude"] = str(asked.exclude)
        if asked.recipe is None and asked.crop_size is None and train:
            side = statistics.median(min(p.width, p.height) for p in train)
            data["crop_size"] = crop_for(side)
        recipe = asked.recipe or usual_recipe(images.is_paired)
        return cls(recipe, data)

    def plan(self) -> Plan:
        """What training would do."""
        return plan(self.recipe, self.data, self.model)

    def with_remedy(self, remedy: Mapping[str, Any]) -> _Trial | None:
        """The same with a problem's remedy; None where the user has set a field."""
        data = dict(self.data)
        given = get(self.recipe).config.data
        for path, value in remedy.items():
            name, _, part = path.partition(".")
            if not part:
                if name in data:
                    return None
                data[name] = value
                continue
            domain = data.get(name, getattr(given, name))
            if getattr(domain, part) != getattr(DomainConfig(), part):
                return None
            data[name] = dataclasses.replace(domain, **{part: value})
        return dataclasses.replace(self, data=data)


def _plan_with_remedies(
    trial: _Trial, planned: Plan, found: Sequence[Problem]
) -> tuple[Plan, tuple[Problem, ...]]:
    """The plan with the remedies of all problems, as far as training takes them."""
    problems = []
    for problem in found:
        other = trial.with_remedy(problem.remedy) if problem.remedy else None
        if other is not None:
            with contextlib.suppress(ValueError):
                again = other.plan()
                if not again.failure:
                    trial, planned = other, again
                    text = f"{problem.text}; the command below has it"
                    problem = dataclasses.replace(problem, text=text)
        problems.append(problem)
    return planned, tuple(problems)


def _plan_with_fixes(trial: _Trial, train: Sequence[DomainImage]) -> Plan:
    """The plan, with options that the images need where it fails without."""
    planned = trial.plan()
    if not planned.failure:
        return planned
    notes, domains = [], {}
    for side in "AB":
        mine = [picture for picture in train if picture.domain == side]
        decoded = [picture.pixels for picture in mine if picture.pixels]
        if decoded and {picture.header.dtype for picture in mine} == {"float32"}:
            low, high = _rounded(
                min(pixels.low for pixels in decoded),
                max(pixels.high for pixels in decoded),
            )
            name = f"domain_{side.lower()}"
            given = getattr(planned.config.data, name)
            domains[name] = dataclasses.replace(given, low=low, high=high)
            notes.append(f"{low:g} of {side} becomes black and {high:g} white")
    fixes: list[tuple[dict, list[str]]] = [({}, notes)] if domains else []
    for model, why in planned.config.model.alternatives():
        fixes.append((model, [*notes, why]))
    for model, said in fixes:
        data = {**trial.data, **domains}
        again = plan(trial.recipe, data, model)
        if not again.failure:
            trial.data, trial.model = data, model
            return dataclasses.replace(again, notes=(*again.notes, *said))
    return planned


def _rounded(low: float, high: float) -> tuple[float, float]:
    """The range in few digits, not narrower."""
    if not low < high:
        return low, low + 1
    step = 10.0 ** (math.floor(math.log10(high - low)) - 2)
    return math.floor(low / step) * step, math.ceil(high / step) * step


def _undecodable(images: InspectedImages, planned: Plan, left_out: set[Path]) -> str:
    """What training would say of files that only decoding shows to be damaged."""
    damaged = {
        path
        for found in images.scan.splits
        if found.split in planned.data
        for _, side in images.sides(found)
        for path in side
        if images.stats[path].problem == "damaged" and path not in left_out
    }
    return f"{len(damaged)} images are truncated or damaged" if damaged else ""


def _failed(checked: CheckResult, asked: CheckRequest, failure: str) -> CheckResult:
    """The verdict, with a command that leaves out the files that stop training."""
    command = ""
    stops = [path for p in checked.problems if p.level == "error" for path in p.exclude]
    left = {
        picture.domain
        for picture in checked.pictures
        if picture.split == "train" and picture.path not in stops
    }
    if asked.exclude is None and stops and len(left) == len(checked.counts["train"]):
        words = ["tfi2i", "data", "check", str(checked.directory)]
        for name in ("recipe", "a", "b", "input", "crop_size", "batch_size"):
            value = getattr(asked, name)
            if value is not None:
                words += [f"--{name.replace('_', '-')}", str(value)]
        if asked.layout != "auto":
            words += ["--layout", asked.layout]
        if asked.data:
            given = dataclasses.replace(DataConfig(), **asked.data)
            words += flags(given, DataConfig(), asked.data, "data.")
        command = shlex.join([*words, "--exclude", "left_out.txt"])
    return dataclasses.replace(
        checked, verdict=f"Training would fail: {failure}.", command=command
    )
