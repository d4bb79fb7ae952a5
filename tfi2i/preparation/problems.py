"""What is wrong, or odd, with the images of a data set."""

from __future__ import annotations

import collections
import dataclasses
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tfi2i.data.headers import ImageFile
from tfi2i.data.names import Matching
from tfi2i.preparation.image_stats import ImageStats, PixelStats

Level = Literal["error", "warning", "note"]

# Of copies, the one that is kept: what scores are computed on must not be lost.
_KEPT_FIRST = ("test", "val", "train", "unsplit")

# By how much the shapes of two images of a pair may differ.
_SAME_ASPECT = 1.02

# Fewer than this share of a domain are odd ones out.
_ODD = 0.2

# By how much images may be squeezed without a word.
_NO_STRETCH = 1.1

_FEW = 20


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something about a data set that its owner should know.

    Attributes:
        kind: a word for machines.
        level: an `error` stops training; a `warning` spoils it, perhaps.
        text: what it is, a sentence without names.
        names: what has it: files, pairs, or copies after what they are copies of.
        exclude: files to leave out for it.
        remedy: fields of `DataConfig` (`domain_b.resize` is one of a domain's) that
            mend it, by name.
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
        path: the file.
        header: of the file.
        pixels: its own; None where the file cannot be decoded.
        width: its own, in pixels.
        height: likewise.
    """

    split: str
    domain: str
    path: Path
    header: ImageFile
    pixels: PixelStats | None
    width: int
    height: int

    @property
    def aspect(self) -> float:
        """Width by height."""
        return self.width / self.height


Pair = tuple[DomainImage, DomainImage]
Namer = Callable[[Path], str]


def unread(what: str) -> Iterator[Problem]:
    """Things in the folders that no image is made of.

    Args:
        what: from `listing.left_out`.
    """
    if what:
        yield Problem("left_out", "note", what)


def faults(facts: Iterable[ImageStats], name: Namer) -> Iterator[Problem]:
    """Files that nobody can read.

    Args:
        facts: of all files.
        name: how a file is called.
    """
    facts = list(facts)
    for kind, text in (
        ("unreadable", "files that cannot be read"),
        ("damaged", "images that cannot be decoded"),
    ):
        bad = [one for one in facts if one.problem == kind]
        if bad:
            reasons = {one.fault for one in bad}
            if len(reasons) == 1:
                text = f"{text}: {reasons.pop()}"
                named = tuple(name(one.path) for one in bad)
            else:
                named = tuple(f"{name(one.path)} ({one.fault})" for one in bad)
            yield Problem(kind, "error", text, named, tuple(one.path for one in bad))


def odd_widths(facts: Iterable[ImageStats], name: Namer) -> Iterator[Problem]:
    """Files side by side that have no middle.

    Args:
        facts: of files of two halves.
        name: how a file is called.
    """
    odd = [one for one in facts if one.header and one.header.width % 2]
    if odd:
        yield Problem(
            "odd_width",
            "error",
            "images side by side, of odd width, which have no middle",
            tuple(f"{name(one.path)} (width {one.header.width})" for one in odd),
            tuple(one.path for one in odd),
        )


def unmatched(
    found: dict[str, tuple[Sequence[Sequence[Path]], Matching]], name: Namer
) -> Iterator[Problem]:
    """Images without a partner of the same name, and names that occur twice.

    Args:
        found: files of A and of B, and how their names match, by split.
        name: how a file is called.
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


def copied_pairs(pairs: Sequence[Pair], name: Namer) -> Iterator[Problem]:
    """Pairs that are there twice, and inputs that have several targets."""
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


def copied_images(pictures: Sequence[DomainImage], name: Namer) -> Iterator[Problem]:
    """Images that are there twice, within a domain or in both."""
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
    """Units, of one or two images, whose content is there already."""
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


def unlike_sizes(pairs: Sequence[Pair], name: Namer) -> Iterator[Problem]:
    """Pairs whose images differ in shape, or at least in size."""
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


def odd_ones(pictures: Sequence[DomainImage], name: Namer) -> Iterator[Problem]:
    """Few images of a domain that are of another kind than all others."""
    for domain in "AB":
        mine = [picture for picture in pictures if picture.domain == domain]
        counts = collections.Counter(_kind(picture.header) for picture in mine)
        if len(counts) < 2:
            continue
        usual, _ = counts.most_common(1)[0]
        odd = [picture for picture in mine if _kind(picture.header) != usual]
        if len(odd) <= _ODD * len(mine):
            yield Problem(
                "odd_kind",
                "note",
                f"images of {domain} that are not {usual} like the others",
                tuple(f"{name(p.path)} ({_kind(p.header)})" for p in odd),
            )


def stretched(
    pictures: Sequence[DomainImage], load: tuple[int, int], crop: tuple[int, int]
) -> Iterator[Problem]:
    """Images whose shape `resize_and_crop` changes.

    Args:
        pictures: of the training split.
        load: height and width that they all get.
        crop: height and width of what is cut out.
    """
    if not pictures:
        return
    usual = statistics.median(picture.aspect for picture in pictures)
    squeezed = usual / (load[1] / load[0])
    if max(squeezed, 1 / squeezed) <= _NO_STRETCH:
        return
    # The U-Net halves what it sees as often as both sides allow.
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


def few(count: int) -> Iterator[Problem]:
    """Too little to learn from."""
    if count < _FEW:
        yield Problem(
            "few",
            "warning",
            f"{count} to train on: they will be learnt by heart; published sets have "
            "hundreds",
        )


def _kind(header: ImageFile) -> str:
    bits = {"uint8": "8-bit", "uint16": "16-bit", "float32": "floating-point"}
    channels = header.opaque_channels
    colours = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
    return f"{bits[header.dtype]} {colours}"
