"""Inspects all images of a folder: what they are, and which belong together."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tfi2i.data import folder_listing, split_folders
from tfi2i.data.exclusion_list import NOTHING, Excluded
from tfi2i.data.headers import ImageFile
from tfi2i.data.threads import parallel_map
from tfi2i.preparation import problems, value_checks
from tfi2i.preparation.folder_scan import FolderScan, Layout, SplitFiles, infer_layout
from tfi2i.preparation.image_stats import ImageStats, measure, read_header
from tfi2i.preparation.problems import DomainImage, Pair, Problem
from tfi2i.recipes.config import DataConfig
from tfi2i.recipes.named import get

# With more names in one folder only, names mean nothing.
_FEW_UNMATCHED = 0.1


@dataclasses.dataclass(frozen=True)
class CheckRequest:
    """What the user says; None is for the program to find out.

    Attributes:
        recipe: what to train.
        layout: how images lie on disk.
        a: name of domain A's folders.
        b: name of domain B's.
        input: where inputs come from.
        crop_size: side of what the networks see.
        batch_size: images in a step.
        exclude: list of files to leave out, read where it exists, and added to.
        data: other fields of `DataConfig`, by name.
    """

    recipe: str | None = None
    layout: split_folders.Layout = "auto"
    a: str | None = None
    b: str | None = None
    input: Literal["files", "edges", "grayscale", "downscale"] | None = None
    crop_size: int | None = None
    batch_size: int | None = None
    exclude: Path | None = None
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class InspectedImages:
    """All image files of a folder, inspected.

    Attributes:
        scan: where they are.
        layout: of the training split, if there is one.
        is_paired: whether they are taken for pairs.
        input: where inputs come from, as `DataConfig` has it.
        reason: why all that, a sentence.
        stats: of every file.
    """

    scan: FolderScan
    layout: Layout
    is_paired: bool
    input: str
    reason: str
    stats: dict[Path, ImageStats]

    @classmethod
    def inspect(
        cls,
        scan: FolderScan,
        asked: CheckRequest,
        given: DataConfig,
        out: Excluded = NOTHING,
    ) -> InspectedImages:
        """Decodes all files, and finds out what they are.

        Args:
            scan: with one split at least.
            asked: what the user says.
            given: what the recipe says.
            out: files to leave out, as training does: of two folders of pairs, with
                their partners.
        """
        paired, scan = (scan.without(out, both) for both in (True, False))
        main = scan.named("train") or scan.splits[0]
        paths = scan.paths
        files = parallel_map(read_header, paths, "Reading headers")
        headers = {file.path: file.header for file in files}
        readable = [h for side in main.files for path in side if (h := headers[path])]
        layout = infer_layout(main, readable, asked.layout)
        source = asked.input or given.input
        is_paired, why = _pairing(paired.named(main.split), layout, asked)
        if not is_paired and layout == "targets":
            layout = "side_by_side"
        elif source != "files" and layout == "side_by_side" and asked.layout == "auto":
            layout = "targets"
        if layout == "targets" and source == "files":
            source = "edges"
        is_halved = layout != "targets" and not all(
            s.is_two_folders for s in scan.splits
        )
        work = functools.partial(measure, halves=is_halved, background=given.background)
        stats = parallel_map(work, files, "Looking at images")
        stats = dict(zip(paths, stats, strict=True))
        reason = _reason(main, layout, source, readable, why)
        if is_paired and layout == "folders" and source == "files":
            scan = paired
        return cls(scan, layout, is_paired, source, reason, stats)

    @functools.cached_property
    def pictures(self) -> list[DomainImage]:
        """Images of both domains whose headers can be read."""
        return [p for found in self.scan.splits for p in self._of_split(found)]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Number of files by split and domain, unreadable ones included."""
        return {
            found.split: {domain: len(paths) for domain, paths in self.sides(found)}
            for found in self.scan.splits
        }

    def problems_found(self, directory: Path) -> Iterator[Problem]:
        """Finds everything that may be wrong.

        Args:
            directory: in which files are named.
        """
        name = functools.partial(folder_listing.relative, directory)
        pictures, found = self.pictures, self.scan.splits
        used = {
            path: self._is_halved(one)
            for one in found
            for _, side in self.sides(one)
            for path in side
        }
        folders = dict.fromkeys(folder for one in found for folder in one.folders)
        if ignored := folder_listing.describe_unread(folders, folders):
            yield Problem("left_out", "note", ignored)
        files = (self.stats[path] for path in used)
        yield from problems.unreadable_files(files, name)
        halved = (self.stats[path] for path, is_halved in used.items() if is_halved)
        yield from problems.odd_widths(halved, name)
        if self.is_paired and self.layout == "folders" and self.input == "files":
            apart = (one for one in found if one.is_two_folders)
            sides = {one.split: (one.files, one.matching) for one in apart}
            yield from problems.unmatched_names(sides, name)
        if self.is_paired:
            pairs = self._pairs()
            yield from problems.duplicate_pairs(pairs, name)
            yield from problems.size_mismatches(pairs, name)
        if not self.is_paired or self.input != "files":
            yield from problems.duplicate_images(pictures, name)
        yield from value_checks.near_constant(pictures, name)
        yield from problems.odd_kinds(pictures, name)
        yield from value_checks.unused_range(pictures)
        yield from value_checks.beyond_train(pictures, name)
        yield from value_checks.labels(pictures)

    def sides(self, found: SplitFiles) -> list[tuple[str, Sequence[Path]]]:
        """The files of each domain that training would read."""
        if self.input != "files":
            return [("B", found.files[-1])]
        return [("A", found.files[0]), ("B", found.files[-1])]

    def _is_halved(self, found: SplitFiles) -> bool:
        """Whether files hold both domains side by side."""
        return self.layout != "targets" and not found.is_two_folders

    def _of_split(self, found: SplitFiles) -> Iterator[DomainImage]:
        is_halved = self._is_halved(found)
        for domain, paths in self.sides(found):
            for path in paths:
                stats = self.stats[path]
                if stats.header is None:
                    continue
                pixels, width = stats.whole, stats.header.width
                if is_halved:
                    half = "AB".index(domain)
                    pixels = stats.halves[half] if stats.halves else None
                    width = max(width // 2, 1)
                yield DomainImage(found.split, domain, stats.header, pixels, width)

    def _pairs(self) -> list[Pair]:
        """The pairs with two readable images."""
        sides: dict[str, dict] = {"A": {}, "B": {}}
        matching = {found.split: found.matching for found in self.scan.splits}
        for picture in self.pictures:
            side = "AB".index(picture.domain)
            key = (picture.split, matching[picture.split].key(side, picture.path))
            sides[picture.domain].setdefault(key, picture)
        return [
            (a, sides["B"][key]) for key, a in sides["A"].items() if key in sides["B"]
        ]


def _pairing(main: SplitFiles, layout: Layout, asked: CheckRequest) -> tuple[bool, str]:
    """Whether to take the images for pairs, and why."""
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
    main: SplitFiles, layout: Layout, source: str, readable: list[ImageFile], why: str
) -> str:
    if layout == "folders":
        return "; ".join(filter(None, (main.reason, why)))
    alike = sum(map(folder_listing.looks_like_a_pair, readable))
    shape = f"{alike} of {len(readable)} images are about twice as wide as high"
    if layout == "targets":
        made = f"inputs are made from them ({source})"
        return f"single images, since {shape}; {made}"
    halves = f"side by side: A is the left half, B the right; {shape}"
    return "; ".join(filter(None, (halves, why)))
