"""All images of a folder, looked at: what they are, and which belong together."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tfi2i.data import listing, places
from tfi2i.data.excluded import NOTHING, Excluded
from tfi2i.data.headers import ImageFile
from tfi2i.preparation import problems, values
from tfi2i.preparation.arrangement import Arrangement, Found, Layout, layout_of
from tfi2i.preparation.facts import Facts, first_look, look
from tfi2i.preparation.parallel import each
from tfi2i.preparation.problems import Pair, Picture, Problem
from tfi2i.recipes.config import DataConfig
from tfi2i.recipes.named import get

# With more names in one folder only, names mean nothing.
_FEW_UNMATCHED = 0.1


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the user says; None is found out.

    Attributes:
        recipe: what is to be trained.
        layout: how images lie on disk.
        a: name of domain A's folders.
        b: name of domain B's.
        input: where inputs come from.
        crop_size: side of what the networks see.
        batch_size: images in a step.
        exclude: list of what should be left out, to read where it exists and to add
            to.
        data: other fields of `DataConfig`, by name.
    """

    recipe: str | None = None
    layout: places.Layout = "auto"
    a: str | None = None
    b: str | None = None
    input: Literal["files", "edges", "grayscale", "downscale"] | None = None
    crop_size: int | None = None
    batch_size: int | None = None
    exclude: Path | None = None
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Images:
    """All files of a folder, looked at.

    Attributes:
        arrangement: where they are.
        layout: of the training split, if there is one.
        is_paired: whether they are taken for pairs.
        input: where inputs come from, as `DataConfig` has it.
        reason: why all that, a sentence.
        facts: of every file.
    """

    arrangement: Arrangement
    layout: Layout
    is_paired: bool
    input: str
    reason: str
    facts: dict[Path, Facts]

    @classmethod
    def look(
        cls,
        arrangement: Arrangement,
        asked: Asked,
        given: DataConfig,
        out: Excluded = NOTHING,
    ) -> Images:
        """Decode all files, and find out what they are.

        Args:
            arrangement: with one split at least.
            asked: what the user says.
            given: what the recipe says.
            out: files to leave out, as training does: of two folders of pairs, with
                their partners.
        """
        paired, arrangement = (arrangement.without(out, both) for both in (True, False))
        main = arrangement.named("train") or arrangement.splits[0]
        paths = list(
            dict.fromkeys(
                path
                for found in arrangement.splits
                for side in found.files
                for path in side
            )
        )
        firsts = dict(
            zip(paths, each(first_look, paths, "Reading headers"), strict=True)
        )
        readable = [
            header for side in main.files for p in side if (header := firsts[p].header)
        ]
        layout = layout_of(main, readable, asked.layout)
        derived = asked.input or given.input
        is_paired, why = _pairing(paired.named(main.split), layout, asked)
        if not is_paired and layout == "targets":
            layout = "side_by_side"
        elif derived != "files" and layout == "side_by_side" and asked.layout == "auto":
            layout = "targets"
        if layout == "targets" and derived == "files":
            derived = "edges"
        is_halved = layout != "targets" and not all(
            found.is_two_folders for found in arrangement.splits
        )
        look_at = functools.partial(look, halves=is_halved, background=given.background)
        facts = each(look_at, list(firsts.values()), "Looking at images")
        facts = dict(zip(paths, facts, strict=True))
        reason = _reason(main, layout, derived, readable, why)
        if is_paired and layout == "folders" and derived == "files":
            arrangement = paired
        return cls(arrangement, layout, is_paired, derived, reason, facts)

    @functools.cached_property
    def pictures(self) -> list[Picture]:
        """Those of either domain whose files have a header that can be read."""
        return [p for found in self.arrangement.splits for p in self._of_split(found)]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Files, also those that cannot be read."""
        return {
            found.split: {domain: len(paths) for domain, paths in self.sides(found)}
            for found in self.arrangement.splits
        }

    def problems_found(self, directory: Path) -> Iterator[Problem]:
        """Look for everything that may be wrong.

        Args:
            directory: from which files are named.
        """
        name = functools.partial(listing.relative, directory)
        pictures, found = self.pictures, self.arrangement.splits
        used = {
            path: self._is_halved(one)
            for one in found
            for _, side in self.sides(one)
            for path in side
        }
        folders = dict.fromkeys(folder for one in found for folder in one.folders)
        yield from problems.unread(listing.left_out(folders, folders))
        yield from problems.faults((self.facts[path] for path in used), name)
        halved = (self.facts[path] for path, is_halved in used.items() if is_halved)
        yield from problems.odd_widths(halved, name)
        if self.is_paired and self.layout == "folders" and self.input == "files":
            apart = (one for one in found if one.is_two_folders)
            files = {one.split: (one.files, one.matching) for one in apart}
            yield from problems.unmatched(files, name)
        if self.is_paired:
            pairs = self._pairs()
            yield from problems.copied_pairs(pairs, name)
            yield from problems.unlike_sizes(pairs, name)
        if not self.is_paired or self.input != "files":
            yield from problems.copied_images(pictures, name)
        yield from values.near_constant(pictures, name)
        yield from problems.odd_ones(pictures, name)
        yield from values.unused_range(pictures)
        yield from values.beyond_train(pictures, name)
        yield from values.labels(pictures)

    def sides(self, found: Found) -> list[tuple[str, Sequence[Path]]]:
        """Files of each domain that training would read."""
        if self.input != "files":
            return [("B", found.files[-1])]
        return [("A", found.files[0]), ("B", found.files[-1])]

    def _is_halved(self, found: Found) -> bool:
        """Whether files hold both domains side by side."""
        return self.layout != "targets" and not found.is_two_folders

    def _of_split(self, found: Found) -> Iterator[Picture]:
        is_halved = self._is_halved(found)
        for domain, paths in self.sides(found):
            for path in paths:
                facts = self.facts[path]
                if facts.header is None:
                    continue
                pixels, width = facts.whole, facts.header.width
                if is_halved:
                    half = "AB".index(domain)
                    pixels = facts.halves[half] if facts.halves else None
                    width = max(width // 2, 1)
                height = facts.header.height
                yield Picture(
                    found.split, domain, path, facts.header, pixels, width, height
                )

    def _pairs(self) -> list[Pair]:
        """Those that are complete."""
        sides: dict[str, dict] = {"A": {}, "B": {}}
        matching = {found.split: found.matching for found in self.arrangement.splits}
        for picture in self.pictures:
            side = "AB".index(picture.domain)
            key = (picture.split, matching[picture.split].key(side, picture.path))
            sides[picture.domain].setdefault(key, picture)
        return [
            (a, sides["B"][key]) for key, a in sides["A"].items() if key in sides["B"]
        ]


def _pairing(main: Found, layout: Layout, asked: Asked) -> tuple[bool, str]:
    """Whether images are pairs, and why."""
    if asked.recipe is not None:
        is_paired = get(asked.recipe).config.model.takes_pairs
        takes = "pairs" if is_paired else "two sets that are no pairs"
        return is_paired, f"{asked.recipe} takes {takes}"
    if layout != "folders":
        return True, ""
    if asked.input not in (None, "files"):
        return True, f"inputs are made from B ({asked.input})"
    keys = main.keys
    both, either = len(keys[0] & keys[1]), len(keys[0] | keys[1])
    how = main.matching.note
    if main.matching.is_by_beginnings:
        # So do the numbers of two sets that have nothing to do with each other.
        why = "only parts of names match, so these are no pairs (if they are: --recipe "
        return False, f"{why}pix2pix){how}"
    if both == either:
        why = f"all {both} names match, so these are pairs (if not: --recipe cyclegan)"
        return True, why + how
    if either - both <= _FEW_UNMATCHED * either:
        return True, f"{both} of {either} names match, so these should be pairs{how}"
    return False, f"{both} of {either} names match, so these are no pairs"


def _reason(
    main: Found, layout: Layout, derived: str, readable: list[ImageFile], why: str
) -> str:
    if layout == "folders":
        return "; ".join(filter(None, (main.reason, why)))
    alike = sum(map(listing.looks_like_a_pair, readable))
    shape = f"{alike} of {len(readable)} images are about twice as wide as high"
    if layout == "targets":
        made = f"inputs are made from them ({derived})"
        return f"single images, since {shape}; {made}"
    halves = f"side by side: A is the left half, B the right; {shape}"
    return "; ".join(filter(None, (halves, why)))
