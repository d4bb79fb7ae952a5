"""`tfi2i data split`: copies images to folders train, val and test."""

from __future__ import annotations

import collections
import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

from tfi2i.data import exclusion_list, folder_listing, name_matching, split_folders
from tfi2i.data.grouped_splits import Unit, clusters, deal, group_names
from tfi2i.data.headers import EXTENSIONS, shortened
from tfi2i.data.threads import parallel_map
from tfi2i.files import check_is_folder, check_is_new, sha256, whole_folder
from tfi2i.preparation.image_stats import measure, read_header


@dataclasses.dataclass(frozen=True)
class Split:
    """What was copied.

    Attributes:
        out: the folder.
        counts: number of units by split, then by kind.
        is_paired: whether two folders were taken for pairs; None for one folder.
        groups: number of groups, None where none were asked for.
        identical: number of files with the same pixels as another.
        notes: what was left out, and how names were matched.
    """

    out: Path
    counts: dict[str, dict[str, int]]
    is_paired: bool | None
    groups: int | None
    identical: int
    notes: tuple[str, ...] = ()


def split(
    directory: Path,
    out: Path,
    *,
    val: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    group: str | None = None,
    unpaired: bool = False,
    exclude: Path | None = None,
) -> Split:
    """Copies images to `out/train`, `out/val` and `out/test`.

    The seed and the names decide where an image goes. Files with the same pixels, in
    whatever format, go to the same split, and so do the two images of a pair. An image
    of a single colour may belong to several pairs.

    Args:
        directory: images (single, or side by side), or two folders of images, of any
            names. These are pairs if the names match (`name_matching.matching`), else
            each is split on its own.
        out: folder to make; everything is written, or nothing.
        val: share of the images for validation, 0 for none.
        test: likewise for the test.
        seed: of the random choice.
        group: regular expression, searched in names without extension. Images for
            which its first group (or else the whole) matches the same text, such as a
            patient's number, go to the same split.
        unpaired: split two folders each on its own, whatever the names.
        exclude: list of images, by their paths in `directory`, that are not copied;
            their partners are not copied either.

    Raises:
        OSError: the folder does not exist; `out` does, or cannot be made.
        ValueError: shares that leave a split empty; an expression that is invalid or
            does not match all names; a folder that is split already, or has none of
            these forms.
    """
    _check_shares(val, test)
    check_is_folder(directory)
    check_is_new(out, directory)
    left_out = exclusion_list.read(directory, exclude)
    units, is_paired, notes = _units(directory, unpaired, left_out)
    paths = [path for unit in units for path in unit.files]
    # A blank label may belong to many inputs.
    identical = _identical(paths, with_plain=not is_paired)
    groups = group_names(units, group)

    def bonds(unit: Unit) -> list[str | bytes]:
        found = [groups.get(unit.name), *map(identical.get, unit.files)]
        return [bond for bond in found if bond is not None]

    chosen = deal(clusters(units, bonds), {"val": val, "test": test}, seed)
    _copy(chosen, directory, out)
    counts = {
        name: dict(sorted(collections.Counter(u.kind for u in chosen[name]).items()))
        for name in split_folders.SPLITS
        if name in chosen
    }
    count = None if group is None else len(set(groups.values()))
    return Split(out, counts, is_paired, count, len(identical), tuple(notes))


def _copy(chosen: dict[str, list[Unit]], directory: Path, out: Path) -> None:
    with whole_folder(out) as folder:
        copies = []
        for name, units in chosen.items():
            for path in (path for unit in units for path in unit.files):
                target = folder / name / path.relative_to(directory)
                target.parent.mkdir(parents=True, exist_ok=True)
                copies.append((path, target))
        parallel_map(lambda copy: shutil.copy2(*copy), copies, "Copying")


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


def _units(
    directory: Path, unpaired: bool, out: exclusion_list.Excluded
) -> tuple[list[Unit], bool | None, list[str]]:
    """The units to split, whether two folders are pairs, and notes on them."""
    has_split = split_folders.available_splits(directory)
    if has_split:
        raise ValueError(
            f"'{directory}' is split already (it has {', '.join(has_split)}): name the "
            f"folder to split, such as '{directory / has_split[0]}'"
        )
    inside = [
        f for f in folder_listing.subfolders(directory) if folder_listing.has_images(f)
    ]
    images = folder_listing.images(directory)
    notes = list(
        filter(None, [folder_listing.describe_unread([directory, *inside], inside)])
    )
    if images and not inside:
        kept, gone = out.part(images)
        notes += _exclusion_note(out, len(gone))
        units = [Unit("images", name_matching.stem(path), (path,)) for path in kept]
        return units, None, notes
    if len(inside) != 2 or images:
        here = [f"{len(images)} images"] if images else []
        here += [f"folder '{folder.name}'" for folder in inside]
        raise ValueError(
            f"'{directory}' holds {shortened(here) or 'no images'}: expected "
            f"{' '.join(EXTENSIONS)} files, or two folders of these"
        )
    split_folders.check_different(*inside)
    found = [folder_listing.images(folder) for folder in inside]
    matching = name_matching.matching(*found)
    pairs = matching.without(found, out.paths)
    keys = matching.keys(pairs)
    if not unpaired and keys[0] == keys[1] and keys[0]:
        gone = len(set.union(*matching.keys(found))) - len(keys[0])
        notes += _exclusion_note(out, gone)
        notes += [matching.note.removeprefix("; ")] if matching.note else []
        return _pairs(directory, pairs, matching), True, notes
    alike = len(keys[0] & keys[1])
    if not unpaired and 2 * alike >= min(map(len, keys)):
        lonely = sorted(keys[0] ^ keys[1])
        raise ValueError(
            f"{alike} names are in both '{inside[0]}' and '{inside[1]}', but "
            f"{len(lonely)} in one only: {shortened(lonely)}; add or remove these if "
            "the folders hold pairs, or split each on its own with --unpaired"
        )
    alone = [out.part(paths)[0] for paths in found]
    units = [
        Unit(folder.name, name_matching.stem(path), (path,))
        for folder, paths in zip(inside, alone, strict=True)
        for path in paths
    ]
    notes += _exclusion_note(out, sum(map(len, found)) - sum(map(len, alone)))
    return units, False, notes


def _exclusion_note(out: exclusion_list.Excluded, count: int) -> list[str]:
    return [out.note(count).removeprefix("; ")] if count else []


def _pairs(
    directory: Path, sides: Sequence[list[Path]], matching: name_matching.Matching
) -> list[Unit]:
    by_name = collections.defaultdict(list)
    for side, paths in enumerate(sides):
        for path in paths:
            by_name[matching.key(side, path)].append(path)
    repeated = [name for name, paths in by_name.items() if len(paths) > 2]
    if repeated:
        raise ValueError(
            f"several images of one name in a folder of '{directory}': "
            f"{shortened(repeated)}; keep one of each, or pass --unpaired"
        )
    return [Unit("pairs", name, tuple(paths)) for name, paths in by_name.items()]


def _identical(paths: Sequence[Path], with_plain: bool) -> dict[Path, bytes | str]:
    """Digests of the files that have the same pixels as another one.

    Args:
        paths: all files.
        with_plain: whether images of a single colour count.
    """

    def digest(path: Path) -> bytes | str | None:
        pixels = measure(read_header(path), halves=False).whole
        if pixels is not None:
            return pixels.digest if with_plain or not pixels.is_plain else None
        # Without pixels, files with the same bytes are the same. A pipe has no end.
        return sha256(path) if path.is_file() else None

    digests = parallel_map(digest, paths, "Comparing")
    counts = collections.Counter(digests)
    return {
        path: found
        for path, found in zip(paths, digests, strict=True)
        if found is not None and counts[found] > 1
    }
