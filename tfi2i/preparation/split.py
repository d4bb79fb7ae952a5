"""`tfi2i data split`: unsplit images to folders train, val and test."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tfi2i.data import folders, listing
from tfi2i.data.headers import EXTENSIONS, shortened
from tfi2i.preparation.facts import first_look, look
from tfi2i.preparation.pair import check_is_folder
from tfi2i.preparation.parallel import each
from tfi2i.preparation.staging import check_is_new, whole_folder


@dataclasses.dataclass(frozen=True)
class Unit:
    """What stays together in any case: an image, or the two of a pair.

    Attributes:
        kind: what it counts as: a folder's name, `pairs` or `images`.
        name: stem of its files.
        files: one, or two.
    """

    kind: str
    name: str
    files: tuple[Path, ...]


@dataclasses.dataclass(frozen=True)
class Split:
    """What was copied.

    Attributes:
        out: the folder.
        counts: number of units by split, then by kind.
        is_paired: whether two folders were taken for pairs; None for one folder.
        groups: number of groups, None where none were asked for.
        identical: files that show the same picture as another.
    """

    out: Path
    counts: dict[str, dict[str, int]]
    is_paired: bool | None
    groups: int | None
    identical: int


def split(
    directory: Path,
    out: Path,
    *,
    val: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    group: str | None = None,
    unpaired: bool = False,
) -> Split:
    """Copy images to `out/train`, `out/val` and `out/test`.

    Which image goes where follows from the seed and the names. Files of the same
    pixels, in whatever format, go to the same split, and so do the two images of a
    pair; an image of a single colour may belong to several pairs.

    Args:
        directory: images (single, or side by side), or two folders of images, of any
            names. These are pairs if the names without extension are the same, else
            each is split on its own.
        out: folder to make; everything is written, or nothing.
        val: share of the images for validation, 0 for none.
        test: likewise for the test.
        seed: another one splits otherwise.
        group: regular expression, searched in names without extension. What its first
            group matches (or else the whole) is what images of one group have in
            common, such as a patient's number; they go to the same split.
        unpaired: split two folders each on its own, whatever the names.

    Raises:
        OSError: the folder does not exist; `out` does, or cannot be made.
        ValueError: shares that leave a split empty; an expression that is none, or
            does not match all names; a folder that is split already, or holds none
            of these forms.
    """
    _check_shares(val, test)
    check_is_folder(directory)
    check_is_new(out, directory)
    units, is_paired = _units(directory, unpaired)
    paths = [path for unit in units for path in unit.files]
    # A blank label is the same for many inputs.
    identical = _identical(paths, with_plain=not is_paired)
    groups = _group_names(units, group)

    def bonds(unit: Unit) -> list[str | bytes]:
        found = [groups.get(unit.name), *map(identical.get, unit.files)]
        return [bond for bond in found if bond is not None]

    chosen = _deal(_clusters(units, bonds), {"val": val, "test": test}, seed)
    _copy(chosen, directory, out)
    counts = {
        name: dict(sorted(collections.Counter(u.kind for u in chosen[name]).items()))
        for name in folders.SPLITS
        if name in chosen
    }
    count = None if group is None else len(set(groups.values()))
    return Split(out, counts, is_paired, count, len(identical))


def _copy(chosen: dict[str, list[Unit]], directory: Path, out: Path) -> None:
    with whole_folder(out) as folder:
        copies = []
        for name, units in chosen.items():
            for path in (path for unit in units for path in unit.files):
                target = folder / name / path.relative_to(directory)
                target.parent.mkdir(parents=True, exist_ok=True)
                copies.append((path, target))
        each(lambda copy: shutil.copy2(*copy), copies, "Copying")


def _check_shares(val: float, test: float) -> None:
    for name, share in (("val", val), ("test", test)):
        if not 0 <= share < 1:
            raise ValueError(
                f"--{name} is {share:g}; expected a share from 0 to below 1"
            )
    if val + test >= 1:
        raise ValueError(
            f"--val {val:g} and --test {test:g} leave nothing for training; expected "
            "less than 1 together"
        )
    if not val and not test:
        raise ValueError("--val and --test are both 0; expected one of them above 0")


def _units(directory: Path, unpaired: bool) -> tuple[list[Unit], bool | None]:
    """What is to be split, and whether two folders are pairs."""
    has_split = folders.available_splits(directory)
    if has_split:
        raise ValueError(
            f"'{directory}' is split already (it has {', '.join(has_split)}): name the "
            f"folder to split, such as '{directory / has_split[0]}'"
        )
    inside = [
        folder
        for folder in sorted(directory.iterdir())
        if folder.is_dir() and listing.has_images(folder)
    ]
    images = listing.images(directory)
    if images and not inside:
        units = [Unit("images", path.stem, (path,)) for path in images]
        return units, None
    if len(inside) != 2 or images:
        here = [f"{len(images)} images"] if images else []
        here += [f"folder '{folder.name}'" for folder in inside]
        raise ValueError(
            f"'{directory}' holds {shortened(here) or 'no images'}: expected "
            f"{' '.join(EXTENSIONS)} files, or two folders of these"
        )
    folders.check_different(*inside)
    found = [listing.images(folder) for folder in inside]
    stems = [{path.stem for path in paths} for paths in found]
    if not unpaired and stems[0] == stems[1]:
        return _pairs(directory, *inside), True
    alike = len(stems[0] & stems[1])
    if not unpaired and 2 * alike >= min(map(len, stems)):
        lonely = sorted(stems[0] ^ stems[1])
        raise ValueError(
            f"{alike} names are in both '{inside[0]}' and '{inside[1]}', but "
            f"{len(lonely)} in one only: {shortened(lonely)}; add or remove these if "
            "the folders hold pairs, or split each on its own with --unpaired"
        )
    units = [
        Unit(folder.name, path.stem, (path,))
        for folder, paths in zip(inside, found, strict=True)
        for path in paths
    ]
    return units, False


def _pairs(directory: Path, folder_a: Path, folder_b: Path) -> list[Unit]:
    by_stem = collections.defaultdict(list)
    for path in (*listing.images(folder_a), *listing.images(folder_b)):
        by_stem[path.stem].append(path)
    repeated = [stem for stem, paths in by_stem.items() if len(paths) > 2]
    if repeated:
        raise ValueError(
            f"several images of one name in a folder of '{directory}': "
            f"{shortened(repeated)}; keep one of each, or pass --unpaired"
        )
    return [Unit("pairs", stem, tuple(paths)) for stem, paths in by_stem.items()]


def _identical(paths: Sequence[Path], with_plain: bool) -> dict[Path, bytes]:
    """Digests of the files that show the same picture as another one.

    Args:
        paths: all files.
        with_plain: whether images of a single colour count.
    """

    def digest(path: Path) -> bytes | None:
        pixels = look(first_look(path), halves=False).whole
        if pixels is not None:
            return pixels.digest if with_plain or not pixels.is_plain else None
        # What cannot be decoded is known by its bytes.
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()

    digests = each(digest, paths, "Comparing")
    counts = collections.Counter(digests)
    return {
        path: found
        for path, found in zip(paths, digests, strict=True)
        if found is not None and counts[found] > 1
    }


def _group_names(units: Iterable[Unit], group: str | None) -> dict[str, str]:
    """The group of every name."""
    if group is None:
        return {}
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise ValueError(
            f"--group is {group!r}, which is no regular expression: {error}"
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
            f"--group {group!r} finds nothing in {len(missing)} of "
            f"{len(missing) + len(found)} names: {shortened(missing)}; expected what "
            "every name has"
        )
    return found


def _clusters(
    units: Sequence[Unit], bonds: Callable[[Unit], Iterable[str | bytes]]
) -> list[list[Unit]]:
    """Join units that have a bond in common, directly or through others."""
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


def _deal(
    clusters: list[list[Unit]], shares: dict[str, float], seed: int
) -> dict[str, list[Unit]]:
    """Deal clusters out, in an order that follows from the seed and the names.

    A share is of each kind of unit, rounded, and at least one. What would exceed it
    goes to the training images.
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
                f"(in {len(clusters)} lots that stay together); add images, or pass "
                "--val 0 or --test 0"
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
