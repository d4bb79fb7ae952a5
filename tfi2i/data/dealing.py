"""Splits of images into train, val and test that keep groups together."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tfi2i.data.headers import shortened


@dataclasses.dataclass(frozen=True)
class Unit:
    """The smallest thing to split: an image, or the two images of a pair.

    Attributes:
        kind: what it counts as: a folder's name, `pairs` or `images`.
        name: stem of its files.
        files: one, or two.
    """

    kind: str
    name: str
    files: tuple[Path, ...]


def group_names(
    units: Iterable[Unit], group: str | None, flag: str = "--group"
) -> dict[str, str]:
    """The group of every name.

    Args:
        units: whose names are searched.
        group: regular expression. What its first group matches (or else the whole) is
            what images of one group have in common, such as a patient's number. None
            makes no groups.
        flag: that gave it, for messages.

    Raises:
        ValueError: an expression that is none, or does not match all names.
    """
    if group is None:
        return {}
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise ValueError(
            f"{flag} is {group!r}, which is no regular expression: {error}"
        ) from None
    found, missing = {}, []
    for name in dict.fromkeys(unit.name for unit in units):
        match = pattern.search(name)
        key = match and match[1 if pattern.groups else 0]
        if key:
            found[name] = key
        else:
            missing.append(name)
    if missing:
        raise ValueError(
            f"{flag} {group!r} finds nothing in {len(missing)} of "
            f"{len(missing) + len(found)} names: {shortened(missing)}; expected what "
            "every name has"
        )
    return found


def clusters(
    units: Sequence[Unit], bonds: Callable[[Unit], Iterable[str | bytes]]
) -> list[list[Unit]]:
    """Join units that have a bond in common, directly or through others.

    Args:
        units: images or pairs.
        bonds: what a unit may have in common with others.
    """
    parents = list(range(len(units)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = index = parents[parents[index]]
        return index

    first: dict[str | bytes, int] = {}
    for index, unit in enumerate(units):
        for bond in bonds(unit):
            parents[root(index)] = root(first.setdefault(bond, index))
    joined = collections.defaultdict(list)
    for index, unit in enumerate(units):
        joined[root(index)].append(unit)
    return list(joined.values())


def deal(
    clusters: list[list[Unit]],
    shares: dict[str, float],
    seed: int,
    remedy: str = "pass --val 0 or --test 0",
) -> dict[str, list[Unit]]:
    """Deal clusters out, in an order that follows from the seed and the names.

    A share is of each kind of unit, rounded, and at least one. What would exceed it
    goes to the training images.

    Args:
        clusters: units that stay together.
        shares: of the splits other than `train`; 0 for none.
        seed: another one deals otherwise.
        remedy: what to do where there are too few, for the message.

    Raises:
        ValueError: a split would get none.
    """
    totals = collections.Counter(unit.kind for cluster in clusters for unit in cluster)
    left = {
        name: {kind: max(1, round(share * total)) for kind, total in totals.items()}
        for name, share in shares.items()
        if share
    }
    dealt: dict[str, list[list[Unit]]] = {name: [] for name in ("train", *left)}
    for cluster in sorted(clusters, key=lambda cluster: _place(cluster, seed)):
        sizes = _sizes([cluster])
        fits = (
            name
            for name, room in left.items()
            if all(room[kind] >= size for kind, size in sizes.items())
        )
        name = next(fits, "train")
        dealt[name].append(cluster)
        for kind, size in sizes.items() if name in left else ():
            left[name][kind] -= size
    for name in left:
        _fill(dealt[name], dealt["train"], totals)
    for name, found in dealt.items():
        for kind in totals.keys() - _sizes(found).keys():
            raise ValueError(
                f"too few to split: {name} would get none of the {totals[kind]} {kind} "
                f"(in {len(clusters)} lots that stay together); add images, or {remedy}"
            )
    return {
        name: [u for cluster in found for u in cluster] for name, found in dealt.items()
    }


def _fill(lacking: list[list[Unit]], train: list[list[Unit]], totals) -> None:
    """Move the smallest lots that a split lacks, though they exceed its share."""
    for kind in totals.keys() - _sizes(lacking).keys():
        for cluster in sorted(train, key=len):
            rest = [other for other in train if other is not cluster]
            if kind in _sizes([cluster]) and _sizes(rest).keys() == totals.keys():
                lacking.append(cluster)
                train[:] = rest
                break


def _sizes(clusters: list[list[Unit]]) -> collections.Counter:
    return collections.Counter(unit.kind for cluster in clusters for unit in cluster)


def _place(cluster: list[Unit], seed: int) -> bytes:
    """Where in the order a cluster comes."""
    kind, name = min((unit.kind, unit.name) for unit in cluster)
    text = f"{seed}/{kind}/{name}".encode(errors="surrogateescape")
    return hashlib.sha256(text).digest()
