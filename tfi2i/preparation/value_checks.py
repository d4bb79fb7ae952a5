"""What is odd about the values of images: their range, and their number."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterator, Sequence

from tfi2i.preparation.image_stats import MOST_COLOURS
from tfi2i.preparation.problems import DomainImage, Namer, Problem

# Share of a domain's range of values.
_NEAR_CONSTANT = 0.01

# A domain that uses no more than this of its range is nearly black.
_LITTLE = 0.25
_HIGHEST = {"uint8": 255.0, "uint16": 65535.0}

# Share of train's range by which other images may leave it without a warning.
_BEYOND = 0.05


def near_constant(pictures: Sequence[DomainImage], name: Namer) -> Iterator[Problem]:
    """Images of nearly one value, for which instance norm divides by almost zero."""
    by_kind = collections.defaultdict(list)
    for picture in pictures:
        if picture.pixels:
            by_kind[picture.domain, picture.header.dtype].append(picture)
    bad = []
    for mine in by_kind.values():
        low, high = _range(mine)
        bad += [p for p in mine if p.pixels.spread <= _NEAR_CONSTANT * (high - low)]
    if bad:
        yield Problem(
            "near_constant",
            "warning",
            "images of nearly a single colour",
            tuple(dict.fromkeys(name(picture.path) for picture in bad)),
            tuple(dict.fromkeys(picture.path for picture in bad)),
        )


def unused_range(pictures: Sequence[DomainImage]) -> Iterator[Problem]:
    """Domains whose values fill a small part of their type's range."""
    for domain, mine in _decoded(pictures):
        kinds = {picture.header.dtype for picture in mine}
        if len(kinds) != 1 or not kinds <= _HIGHEST.keys():
            continue
        most, (_, high) = _HIGHEST[kinds.pop()], _range(mine)
        if 0 < high <= _LITTLE * most:
            yield Problem(
                "dark",
                "warning",
                f"{domain} has values up to {high:g} of {most:g}, nearly black to a "
                f"network: --data.domain-{domain.lower()}.high {high:g} makes that "
                "white",
                remedy={f"domain_{domain.lower()}.high": float(high)},
            )


def labels(pictures: Sequence[DomainImage]) -> Iterator[Problem]:
    """Domains of few colours, which may be labels."""
    for domain, mine in _decoded(pictures):
        found: set[bytes] = set()
        for picture in mine:
            # JPEG paints colours of its own between those that were drawn.
            if picture.pixels.colours is None or picture.header.format == "JPEG":
                break
            found |= picture.pixels.colours
        else:
            if 2 < len(found) <= MOST_COLOURS:
                yield Problem(
                    "few_colours",
                    "note",
                    f"{domain} has {len(found)} colours: if they are labels, "
                    f"--data.domain-{domain.lower()}.resize nearest adds none between "
                    "them",
                    remedy={f"domain_{domain.lower()}.resize": "nearest"},
                )


def beyond_train(pictures: Sequence[DomainImage], name: Namer) -> Iterator[Problem]:
    """Validation and test images with values outside of the training images' range.

    Images of 8 bits are not compared: their range is 0 to 255, whatever they use.
    """
    for domain, mine in _decoded(pictures):
        train = [picture for picture in mine if picture.split == "train"]
        kinds = {picture.header.dtype for picture in train}
        if len(kinds) != 1 or not kinds <= {"uint16", "float32"}:
            continue
        low, high = _range(train)
        beyond = [
            picture
            for picture in mine
            if picture.split in ("val", "test")
            and picture.header.dtype in kinds
            and not low <= picture.pixels.low <= picture.pixels.high <= high
        ]
        if not beyond:
            continue
        least, most = _range(beyond)
        text = (
            f"images of {domain} with values outside of train's {low:g} to {high:g}, "
            f"from {least:g} to {most:g}"
        )
        remedy = {}
        if kinds == {"float32"}:
            flag = f"--data.domain-{domain.lower()}"
            low_flag, high_flag = min(low, least), max(high, most)
            text += f": {flag}.low {low_flag:g} {flag}.high {high_flag:g} takes them in"
            field = f"domain_{domain.lower()}"
            remedy = {f"{field}.low": low_flag, f"{field}.high": high_flag}
        excess = max(low - least, most - high)
        level = "warning" if excess > _BEYOND * (high - low) else "note"
        names = tuple(name(picture.path) for picture in beyond)
        yield Problem("beyond_train", level, text, names, remedy=remedy)


def _decoded(
    pictures: Sequence[DomainImage],
) -> Iterator[tuple[str, list[DomainImage]]]:
    for domain in "AB":
        yield domain, [p for p in pictures if p.domain == domain and p.pixels]


def _range(pictures: Sequence[DomainImage]) -> tuple[float, float]:
    low = min((picture.pixels.low for picture in pictures), default=math.nan)
    return low, max((picture.pixels.high for picture in pictures), default=math.nan)
