"""`tfi2i data check`: what a careful colleague would say of a folder of images."""

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

from tfi2i.data import excluded, listing
from tfi2i.data.folders import check_no_sides
from tfi2i.files import check_is_folder, whole
from tfi2i.preparation import problems as look_for
from tfi2i.preparation.arrangement import UNSPLIT, Arrangement, Layout, recognize
from tfi2i.preparation.estimate import Cost, cost
from tfi2i.preparation.images import Asked, Images
from tfi2i.preparation.plan import Plan, crop_for, flags, plan
from tfi2i.preparation.problems import Picture, Problem
from tfi2i.recipes.config import DataConfig, DomainConfig
from tfi2i.recipes.named import get, usual_recipe

_LEVELS = ("error", "warning", "note")


@dataclasses.dataclass(frozen=True)
class Checked:
    """What was found.

    Attributes:
        directory: the folder.
        layout: what was recognized; None for nothing.
        reason: why, a sentence.
        is_paired: whether the images are taken for pairs.
        pictures: every image whose header can be read.
        counts: files of every split, by domain.
        problems: the worst first.
        excluded: files that the list names, those added last.
        added: those of them that are on it from now on.
        plan: what was tried; None where there is nothing to train on.
        cost: what it takes; None where it would fail.
        ok: whether training would not fail.
        verdict: a sentence.
        command: what to do next.
    """

    directory: Path
    layout: Layout | None
    reason: str
    is_paired: bool | None
    pictures: tuple[Picture, ...]
    counts: dict[str, dict[str, int]]
    problems: tuple[Problem, ...]
    excluded: tuple[Path, ...]
    added: tuple[Path, ...]
    plan: Plan | None
    cost: Cost | None
    ok: bool
    verdict: str
    command: str

    def is_left_out(self, problem: Problem) -> bool:
        """Whether the list names all that a problem is about."""
        return bool(problem.exclude) and set(problem.exclude) <= set(self.excluded)


def check(directory: Path, asked: Asked | None = None) -> Checked:
    """Look at a folder, and try out what training would do with it.

    Args:
        directory: that holds, or should hold, train, val and test.
        asked: what is known already; None is nothing.

    Raises:
        OSError: the folder does not exist or may not be read; the list cannot be read
            or written.
        ValueError: values that no folder could be trained with; a list that exists
            and is none, or one of another folder.
    """
    asked = asked or Asked()
    check_is_folder(directory)
    given = DataConfig() if asked.recipe is None else get(asked.recipe).config.data
    there = asked.exclude is not None and asked.exclude.exists()
    listed = asked.exclude if there else asked.data.get("exclude")
    out = excluded.read(directory, listed)
    names = asked.a or given.a, asked.b or given.b
    share = asked.data.get("val_share", 0.0)
    try:
        usual = (given.a, given.b)
        arrangement = recognize(directory, asked.layout, *names, usual, share > 0)
        if asked.layout == "auto" and (asked.input or given.input) == "files":
            _check_no_sides(arrangement, asked.recipe)
    except (FileNotFoundError, ValueError) as error:
        arrangement = Arrangement((), str(error))
    if not arrangement.splits:
        return _nothing(directory, arrangement)
    before = [
        path
        for found in arrangement.splits
        for side in found.files
        for path in side
        if path in out.paths
    ]
    images = Images.look(arrangement, asked, given, out)
    found = _worst_first(images.problems_found(directory))
    added = _add_to_list(directory, asked.exclude, found)
    checked = Checked(
        directory=directory,
        layout=images.layout,
        reason=images.reason,
        is_paired=images.is_paired,
        pictures=tuple(images.pictures),
        counts=images.counts,
        problems=found,
        excluded=(*before, *added),
        added=added,
        plan=None,
        cost=None,
        ok=False,
        verdict="",
        command="",
    )
    if arrangement.named("train") is None:
        return _unsplit(checked, images, asked.exclude or listed)
    return _tried(checked, images, asked)


def _check_no_sides(arrangement: Arrangement, recipe: str | None) -> None:
    """Refuse, as training does, both sides of pairs in one folder."""
    is_paired = recipe is None or get(recipe).config.model.takes_pairs
    for found in arrangement.splits:
        if not found.is_two_folders:
            check_no_sides(found.folders[0], "edges" if is_paired else "")


def _worst_first(found: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(found, key=lambda problem: _LEVELS.index(problem.level)))


def _add_to_list(
    directory: Path, target: Path | None, found: Sequence[Problem]
) -> tuple[Path, ...]:
    """Write which images should be left out, behind what the list has already."""
    groups: dict[str, list[str]] = {}
    listed: dict[Path, None] = {}
    for problem in found:
        new = [path for path in problem.exclude if path not in listed]
        listed |= dict.fromkeys(new)
        if new:
            names = [listing.relative(directory, path) for path in new]
            groups.setdefault(problem.text, []).extend(names)
    if target is None or not listed:
        return ()
    text = excluded.to_text(groups).encode(errors="surrogateescape")
    earlier = target.read_bytes() if target.exists() else b""
    if earlier and not earlier.endswith(b"\n"):
        earlier += b"\n"
    with whole(target) as partial:
        partial.write_bytes(earlier + text)
    return tuple(listed)


def _nothing(directory: Path, arrangement: Arrangement) -> Checked:
    verdict = f"Training would fail: {arrangement.advice}."
    return Checked(
        directory, None, arrangement.advice, None, (), {}, (), (), (), None, None,
        False, verdict, "",
    )  # fmt: skip


def _unsplit(checked: Checked, images: Images, exclude: Path | None) -> Checked:
    """What to do with images that have no training split."""
    arrangement = images.arrangement
    if arrangement.splits[0].split != UNSPLIT:
        verdict = f"Training would fail: {arrangement.advice}."
        return dataclasses.replace(checked, verdict=verdict)
    directory = checked.directory
    target = directory.resolve().with_name(f"{directory.resolve().name}-split")
    if not directory.is_absolute():
        target = Path(os.path.relpath(target))
    words = ["tfi2i", "data", "split", str(directory), str(target)]
    found = arrangement.splits[0]
    if checked.is_paired is False and found.keys[0] & found.keys[1]:
        words.append("--unpaired")
    if checked.excluded:
        words += ["--exclude", str(exclude)]
    verdict = (
        "Training would fail: the images are not split into train, val and test; split "
        "them, or let training set some aside with --data.val-share 0.1."
    )
    return dataclasses.replace(checked, verdict=verdict, command=shlex.join(words))


def _tried(checked: Checked, images: Images, asked: Asked) -> Checked:
    """Try training out, and judge."""
    recipe = asked.recipe or usual_recipe(images.is_paired)
    train = [
        picture
        for picture in checked.pictures
        if picture.split == "train" and picture.path not in checked.excluded
    ]
    changes = {
        name: value
        for name in ("a", "b", "crop_size", "batch_size")
        if (value := getattr(asked, name)) is not None
    }
    changes |= {"dir": str(checked.directory), "input": images.input, **asked.data}
    if asked.layout != "auto":
        changes["layout"] = asked.layout
    if checked.excluded and asked.exclude is not None:
        changes["exclude"] = str(asked.exclude)
    if asked.recipe is None and asked.crop_size is None and train:
        side = statistics.median(min(p.width, p.height) for p in train)
        changes["crop_size"] = crop_for(side)
    attempt = _Attempt(recipe, changes)
    tried = _mended(attempt, train)
    failure = tried.failure or _undecodable(images, tried, set(checked.excluded))
    data = tried.config.data
    found = checked.problems
    if data.preprocess == "resize_and_crop":
        stretched = look_for.stretched(train, data.load_shape, data.crop_shape)
        found = _worst_first((*found, *stretched))
    if not failure:
        tried, found = _remedied(attempt, tried, found)
    if "train" in tried.data:
        found = _worst_first((*found, *look_for.few(len(tried.data["train"]))))
    checked = dataclasses.replace(checked, plan=tried, problems=found)
    if failure:
        return _failing(checked, asked, failure)
    warnings = sum(
        problem.level == "warning" and not checked.is_left_out(problem)
        for problem in found
    )
    noun = "warning" if warnings == 1 else "warnings"
    verdict = (
        f"Ready to train, with {warnings} {noun}." if warnings else "Ready to train."
    )
    return dataclasses.replace(
        checked,
        cost=cost(tried.config),
        ok=True,
        verdict=verdict,
        command=tried.command,
    )


@dataclasses.dataclass
class _Attempt:
    """What is tried: a recipe, and what of its configuration is changed."""

    recipe: str
    data: dict[str, Any]
    model: dict[str, Any] = dataclasses.field(default_factory=dict)

    def plan(self) -> Plan:
        return plan(self.recipe, self.data, self.model)

    def with_remedy(self, remedy: Mapping[str, Any]) -> _Attempt | None:
        """The same with other fields; None where the user has set one of them."""
        data = dict(self.data)
        given = get(self.recipe).config.data
        for path, value in remedy.items():
            name, _, part = path.partition(".")
            if not part:
                if name in data:
                    return None
                data[name] = value
                continue
            domain, usual = data.get(name, getattr(given, name)), DomainConfig()
            if getattr(domain, part) != getattr(usual, part):
                return None
            data[name] = dataclasses.replace(domain, **{part: value})
        return dataclasses.replace(self, data=data)


def _remedied(
    attempt: _Attempt, tried: Plan, found: Sequence[Problem]
) -> tuple[Plan, tuple[Problem, ...]]:
    """The plan with all that the problems advise, where training takes that."""
    said = []
    for problem in found:
        other = attempt.with_remedy(problem.remedy) if problem.remedy else None
        if other is not None:
            with contextlib.suppress(ValueError):
                again = other.plan()
                if not again.failure:
                    attempt, tried = other, again
                    text = f"{problem.text}; the command below has it"
                    problem = dataclasses.replace(problem, text=text)
        said.append(problem)
    return tried, tuple(said)


def _mended(attempt: _Attempt, train: Sequence[Picture]) -> Plan:
    """What training would do; where it fails, with options that these images need."""
    tried = attempt.plan()
    if not tried.failure:
        return tried
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
            given = getattr(tried.config.data, name)
            domains[name] = dataclasses.replace(given, low=low, high=high)
            notes.append(f"{low:g} of {side} becomes black and {high:g} white")
    attempts: list[tuple[dict, list[str]]] = [({}, notes)] if domains else []
    for model, why in tried.config.model.alternatives():
        attempts.append((model, [*notes, why]))
    for model, said in attempts:
        data = {**attempt.data, **domains}
        again = plan(attempt.recipe, data, model)
        if not again.failure:
            attempt.data, attempt.model = data, model
            return dataclasses.replace(again, notes=(*again.notes, *said))
    return tried


def _rounded(low: float, high: float) -> tuple[float, float]:
    """The same range or little more, in few digits."""
    if not low < high:
        return low, low + 1
    step = 10.0 ** (math.floor(math.log10(high - low)) - 2)
    return math.floor(low / step) * step, math.ceil(high / step) * step


def _undecodable(images: Images, tried: Plan, left_out: set[Path]) -> str:
    """What training would say of files that only decoding proves damaged."""
    damaged = [
        str(path)
        for found in images.arrangement.splits
        if found.split in tried.data
        for _, side in images.sides(found)
        for path in side
        if images.facts[path].problem == "damaged" and path not in left_out
    ]
    names = dict.fromkeys(damaged)
    return f"{len(names)} images are truncated or damaged" if names else ""


def _failing(checked: Checked, asked: Asked, failure: str) -> Checked:
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
