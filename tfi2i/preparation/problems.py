"""What is wrong, or odd, with the files and pairs of a data set."""

from __future__ import annotations

import collections
import dataclasses
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tfi2i.data.headers import ImageFile
from tfi2i.data.name_matching import Matching
from tfi2i.preparation.formatting import pixel_kind
from tfi2i.preparation.image_stats import ImageStats, PixelStats

Level = Literal["error", "warning", "note"]

# Which of several copies is kept: one that scores are computed on.
_KEPT_FIRST = ("test", "val", "train", "unsplit")

# Largest ratio between the aspects of a pair's images that counts as equal.
_SAME_ASPECT = 1.02

# Largest share of a domain that counts as odd.
_ODD = 0.2

# Largest change of aspect that is not mentioned.
_NO_STRETCH = 1.1

_FEW = 20


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something about a data set that its owner should know.

    Attributes:
        kind: a word for machines.
        level: an `error` stops training; a `warning` may spoil it.
        text: a sentence without names.
        names: the files or pairs that have it; a copy as "COPY = ORIGINAL".
        exclude: files to leave out because of it.
        remedy: values that solve it, by field of `DataConfig` (`domain_b.resize` is
            one of a domain's).
    """

    kind: str
    level: Level
    text: str
    names: tuple[str, ...] = ()
    exclude: tuple[Path, ...] = ()
    remedy: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class DomainImage:
    """An image of one domain: a file, or half of one.

    Attributes:
        split: where it is.
        domain: `A` or `B`.
        header: of the file.
        pixels: its own; None where the file cannot be decoded.
        width: its own, in pixels.
    """

    split: str
    domain: str
    header: ImageFile
    pixels: PixelStats | None
    width: int

    @property
    def path(self) -> Path:
        """The file."""
        return self.header.path

    @property
    def height(self) -> int:
        """In pixels."""
        return self.header.height

    @property
    def aspect(self) -> float:
        """Width by height."""
        return self.width / self.height


Pair = tuple[DomainImage, DomainImage]
Namer = Callable[[Path], str]


def unreadable_files(files: Iterable[ImageStats], name: Namer) -> Iterator[Problem]:
    """Files that cannot be read.

    Args:
        files: all of them.
        name: gives a file's name.
    """
    files = list(files)
    for kind, text in (
        ("unreadable", "files that cannot be read"),
        ("damaged", "images that cannot be decoded"),
    ):
        bad = [file for file in files if file.problem == kind]
        if bad:
            reasons = {file.fault for file in bad}
            if len(reasons) == 1:
                text = f"{text}: {reasons.pop()}"
                named = tuple(name(file.path) for file in bad)
            else:
                named = tuple(f"{name(file.path)} ({file.fault})" for file in bad)
            yield Problem(kind, "error", text, named, tuple(file.path for file in bad))


def odd_widths(files: Iterable[ImageStats], name: Namer) -> Iterator[Problem]:
    """Files of two halves whose width is odd."""
    odd = [file for file in files if file.header and file.header.width % 2]
    if odd:
        yield Problem(
            "odd_width",
            "error",
            "images side by side, of odd width, which have no middle",
            tuple(f"{name(file.path)} (width {file.header.width})" for file in odd),
            tuple(file.path for file in odd),
        )


def unmatched_names(
    found: dict[str, tuple[Sequence[Sequence[Path]], Matching]], name: Namer
) -> Iterator[Problem]:
    """Images without a partner of the same name, and names that occur twice.

    Args:
        found: files of A and of B, and how their names match, by split.
        name: gives a file's name.
    """
    lonely, repeated = [], []
    for sides, matching in found.values():
        keys = matching.keys(sides)
        for number, side in enumerate(sides):
            mine = [matching.key(number, path) for path in side]
            counts = collections.Counter(mine)
            for key, path in zip(mine, side, strict=True):
                lonely += [path] if key not in keys[1 - number] else []
                repeated += [path] if counts[key] > 1 else []
    if lonely:
        yield Problem(
            "unmatched",
            "error",
            "images without a partner of the same name",
            tuple(map(name, lonely)),
            tuple(lonely),
        )
    if repeated:
        yield Problem(
            "same_name",
            "error",
            "images of one name in one folder, of which one may stay",
            tuple(map(name, repeated)),
        )


def duplicate_pairs(pairs: Sequence[Pair], name: Namer) -> Iterator[Problem]:
    """Pairs that occur twice, and inputs that have several targets."""
    known = [pair for pair in pairs if pair[0].pixels and pair[1].pixels]
    yield from _copies(known, lambda pair: tuple(p.pixels.digest for p in pair), name)
    yield from _contradictions(known, name)
    same = [pair for pair in known if pair[0].pixels.digest == pair[1].pixels.digest]
    if same:
        yield Problem(
            "same_sides",
            "warning",
            "pairs of the same image twice, with nothing to learn",
            tuple(name(a.path) for a, _ in same),
        )


def duplicate_images(pictures: Sequence[DomainImage], name: Namer) -> Iterator[Problem]:
    """Images that occur twice, within a domain or in both."""
    known = [picture for picture in pictures if picture.pixels]
    sides = {
        side: [(picture,) for picture in known if picture.domain == side]
        for side in "AB"
    }
    every = [*sides["A"], *sides["B"]]
    yield from _copies(every, lambda u: (u[0].domain, u[0].pixels.digest), name)
    first = {picture.pixels.digest: picture for (picture,) in reversed(sides["A"])}
    both = [
        f"{name(picture.path)} = {name(first[picture.pixels.digest].path)}"
        for (picture,) in sides["B"]
        if picture.pixels.digest in first
    ]
    if both:
        yield Problem(
            "in_both_domains",
            "warning",
            "images of B that are in A, too: remove them where they do not belong",
            tuple(both),
        )


def _copies(units: Sequence[tuple[DomainImage, ...]], key, name: Namer):
    """Units of one or two images whose content occurs twice."""
    found = collections.defaultdict(list)
    for unit in units:
        found[key(unit)].append(unit)
    within, across = [], []
    for same in found.values():
        same.sort(key=lambda u: (_KEPT_FIRST.index(u[0].split), str(u[0].path)))
        kept = same[0]
        for copy in same[1:]:
            (across if copy[0].split != kept[0].split else within).append((kept, copy))
    for kind, text, copies in (
        (
            "duplicate_across_splits",
            "training images that are validation or test images, too",
            across,
        ),
        ("duplicate", "images that are there already", within),
    ):
        if copies:
            yield Problem(
                kind,
                "warning",
                text,
                tuple(f"{name(c[0].path)} = {name(k[0].path)}" for k, c in copies),
                tuple(dict.fromkeys(p.path for _, copy in copies for p in copy)),
            )


def _contradictions(pairs: Sequence[Pair], name: Namer) -> Iterator[Problem]:
    targets = collections.defaultdict(dict)
    for a, b in pairs:
        targets[a.pixels.digest].setdefault(b.pixels.digest, a.path)
    several = [found for found in targets.values() if len(found) > 1]
    if several:
        yield Problem(
            "same_input",
            "note",
            "images of A with different images of B",
            tuple(" = ".join(map(name, found.values())) for found in several),
        )


def size_mismatches(pairs: Sequence[Pair], name: Namer) -> Iterator[Problem]:
    """Pairs whose images differ in aspect, or in size alone."""
    shapes, sizes = [], []
    for a, b in pairs:
        if (a.width, a.height) == (b.width, b.height):
            continue
        ratio = max(a.aspect / b.aspect, b.aspect / a.aspect)
        text = f"{name(a.path)} ({a.width}x{a.height}, {b.width}x{b.height})"
        (shapes if ratio > _SAME_ASPECT else sizes).append(text)
    if shapes:
        text = "pairs of unlike shapes: resized to one shape, they no longer align"
        yield Problem("unlike_shapes", "warning", text, tuple(shapes))
    if sizes:
        text = "pairs of unlike sizes but the same shape: resizing aligns them"
        yield Problem("unlike_sizes", "note", text, tuple(sizes))


def odd_kinds(pictures: Sequence[DomainImage], name: Namer) -> Iterator[Problem]:
    """The few images of a domain whose depth or channels differ from the others'."""
    for domain in "AB":
        kinds = [
            (picture, pixel_kind(picture.header.dtype, picture.header.opaque_channels))
            for picture in pictures
            if picture.domain == domain
        ]
        counts = collections.Counter(kind for _, kind in kinds)
        usual = max(counts, key=counts.get, default="")
        odd = [f"{name(p.path)} ({kind})" for p, kind in kinds if kind != usual]
        if 0 < len(odd) <= _ODD * len(kinds):
            text = f"images of {domain} that are not {usual} like the others"
            yield Problem("odd_kind", "note", text, tuple(odd))


def stretched(
    pictures: Sequence[DomainImage], load: tuple[int, int], crop: tuple[int, int]
) -> Iterator[Problem]:
    """Images whose aspect `resize_and_crop` changes.

    Args:
        pictures: of the training split.
        load: height and width after resizing.
        crop: height and width after cropping.
    """
    if not pictures:
        return
    usual = statistics.median(picture.aspect for picture in pictures)
    squeezed = usual / (load[1] / load[0])
    if max(squeezed, 1 / squeezed) <= _NO_STRETCH:
        return
    # A U-Net of that depth takes multiples of this.
    step = 64 if crop[0] >= 256 else 32
    width = max(step, round(crop[0] * usual / step) * step)
    yield Problem(
        "stretched",
        "warning",
        f"images are {usual:.2f} times as wide as high and become {load[1]}x{load[0]}: "
        f"squeezed {max(squeezed, 1 / squeezed):.2f} times; --data.crop-width {width} "
        "nearly keeps their shape",
        remedy={"crop_width": width},
    )


def too_few(count: int) -> Iterator[Problem]:
    """Fewer training examples than published sets have."""
    if count < _FEW:
        yield Problem(
            "few",
            "warning",
            f"{count} to train on: they will be learnt by heart; published sets have "
            "hundreds",
        )
