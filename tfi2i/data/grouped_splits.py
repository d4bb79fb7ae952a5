"""Splits images into train, val and test by a seed, and keeps groups together."""

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
    """What is never split: an image, or the two images of a pair.

    Attributes:
        kind: shares are of each kind: a folder's name, `pairs` or `images`.
        name: stem of the files.
        files: one or two.
    """

    kind: str
    name: str
    files: tuple[Path, ...]


def group_names(
    units: Iterable[Unit], group: str | None, flag: str = "--group"
) -> dict[str, str]:
    """Finds the group of every name.

    Args:
        units: images or pairs.
        group: regular expression that is searched in the names. Names belong to one
            group where its first capture (or else the whole match) is the same, such
            as a patient's number. None makes no groups.
        flag: the option that gave it, for messages.

    Returns:
        Name to group; empty without an expression.

    Raises:
        ValueError: the expression is invalid, or does not match all names.
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
    """Joins units that share a bond, directly or through others.

    Args:
        units: images or pairs.
        bonds: returns the bonds of a unit, such as its group or its checksum.
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
    """Deals clusters out to splits, in an order that seed and names determine.

    A split gets its share of each kind of unit, rounded, and at least one. Clusters
    that would exceed it go to `train`.

    Args:
        clusters: units that stay together.
        shares: the share of each split other than `train`; 0 for none.
        seed: determines the order.
        remedy: what the user can do where there are too few, for the message.

    Returns:
        The units of each split, `train` first.

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
    for cluster in sorted(clusters, key=lambda cluster: _sort_key(cluster, seed)):
        sizes = _counts([cluster])
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
        _add_missing_kinds(dealt[name], dealt["train"], totals)
    for name, found in dealt.items():
        for kind in totals.keys() - _counts(found).keys():
            raise ValueError(
                f"too few to split: {name} would get none of the {totals[kind]} {kind} "
                f"(in {len(clusters)} lots that stay together); add images, or {remedy}"
            )
    return {
        name: [u for cluster in found for u in cluster] for name, found in dealt.items()
    }


def _add_missing_kinds(
    lacking: list[list[Unit]], train: list[list[Unit]], totals: collections.Counter
) -> None:
    """Moves the smallest clusters of missing kinds, even beyond the split's share."""
    for kind in totals.keys() - _counts(lacking).keys():
        for cluster in sorted(train, key=len):
            rest = [other for other in train if other is not cluster]
            if kind in _counts([cluster]) and _counts(rest).keys() == totals.keys():
                lacking.append(cluster)
                train[:] = rest
                break


def _counts(clusters: list[list[Unit]]) -> collections.Counter:
    """Units of each kind."""
    return collections.Counter(unit.kind for cluster in clusters for unit in cluster)


def _sort_key(cluster: list[Unit], seed: int) -> bytes:
    kind, name = min((unit.kind, unit.name) for unit in cluster)
    text = f"{seed}/{kind}/{name}".encode(errors="surrogateescape")
    return hashlib.sha256(text).digest()
