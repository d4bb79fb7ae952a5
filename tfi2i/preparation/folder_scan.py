"""Finds the image files of a data set's folder, and explains folders that are none.

`data.paired_files` and `data.unpaired_files` refuse what cannot train; this module
describes it.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from tfi2i.data import folder_listing, name_matching, split_folders
from tfi2i.data.exclusion_list import Excluded
from tfi2i.data.headers import ImageFile, shortened

UNSPLIT = "unsplit"
"""Split of images that lie in no folder train, val or test."""

Layout = Literal["folders", "side_by_side", "targets"]

# Levels below the folder where splits are searched, to say where they are.
_MAX_DEPTH = 3

# Of a folder without images; a whole disk would take minutes.
_MAX_ENTRIES = 10_000


@dataclasses.dataclass(frozen=True)
class SplitFiles:
    """The image files of one split.

    Attributes:
        split: `train`, `val`, `test` or `unsplit`.
        folders: A's and B's, or the only one.
        files: the image files of each of these, sorted.
        reason: why these folders, in a few words.
    """

    split: str
    folders: tuple[Path, ...]
    files: tuple[tuple[Path, ...], ...]
    reason: str

    @classmethod
    def of(cls, split: str, folders: Sequence[Path], reason: str) -> SplitFiles:
        """Lists the images of some folders."""
        files = tuple(tuple(folder_listing.images(folder)) for folder in folders)
        return cls(split, tuple(folders), files, reason)

    @property
    def is_two_folders(self) -> bool:
        """Whether A and B have a folder each."""
        return len(self.folders) == 2

    @functools.cached_property
    def matching(self) -> name_matching.Matching:
        """How names of A and of B are compared."""
        return name_matching.matching(self.files[0], self.files[-1])

    @property
    def keys(self) -> tuple[set[str], set[str]]:
        """Names of A's and of B's files, the same for the two files of a pair."""
        return self.matching.keys((self.files[0], self.files[-1]))

    def without(self, out: Excluded, with_partners: bool) -> SplitFiles:
        """The same without the files on a list.

        Args:
            out: the list.
            with_partners: whether their partners of the same name are left out, too.
        """
        files = [[p for p in side if p not in out.paths] for side in self.files]
        if with_partners and self.is_two_folders:
            files = self.matching.without(self.files, out.paths)
        return dataclasses.replace(self, files=tuple(map(tuple, files)))


@dataclasses.dataclass(frozen=True)
class FolderScan:
    """What was found in a folder.

    Attributes:
        splits: in the order train, val, test; empty where nothing was recognized.
        advice: what to do about a folder without a training split, else empty.
    """

    splits: tuple[SplitFiles, ...]
    advice: str = ""

    @property
    def paths(self) -> list[Path]:
        """All image files, each once."""
        sides = (side for found in self.splits for side in found.files)
        return list(dict.fromkeys(itertools.chain.from_iterable(sides)))

    def named(self, split: str) -> SplitFiles | None:
        """One split, None where there is none."""
        return next((found for found in self.splits if found.split == split), None)

    def without(self, out: Excluded, with_partners: bool) -> FolderScan:
        """The same without the files on a list, as `SplitFiles.without`."""
        splits = tuple(found.without(out, with_partners) for found in self.splits)
        return dataclasses.replace(self, splits=splits)


def scan_folder(
    root: Path,
    layout: split_folders.Layout,
    a: str,
    b: str,
    usual: tuple[str, str] = ("A", "B"),
    unsplit: bool = False,
) -> FolderScan:
    """Finds the splits of a data set.

    Args:
        root: the data set's folder.
        layout: `auto`, or the one that is there.
        a: name of domain A's folders.
        b: name of domain B's folders.
        usual: names that nobody gave.
        unsplit: whether images outside of a split are for training, because a share
            of them is set aside for validation.

    Raises:
        FileNotFoundError: a split lacks a folder that the user names.
        ValueError: two folders may be meant, or the halves of images.
        OSError: a folder may not be read.
    """
    called = split_folders.FolderNames.of(a, b, usual)
    splits: list[SplitFiles] = []
    found = split_folders.available_splits(root, a=called.a, b=called.b)
    if called.given and "train" not in found:
        found = ("train", *found)
    is_flat = unsplit and not found
    for split in ("train",) if is_flat else found:
        two = split_folders.two_folders(root, split, layout, called, is_flat)
        flat = root if is_flat else root / split
        if two is not None:
            splits.append(SplitFiles.of(split, two[:2], two[2]))
        elif folder_listing.has_images(flat):
            splits.append(SplitFiles.of(split, (flat,), ""))
    if splits:
        has_train = splits[0].split == "train"
        return FolderScan(tuple(splits), "" if has_train else _no_train(root))
    if found and layout != "auto":
        advice = f"'{root}' has no images of layout '{layout}': leave --layout out"
        return FolderScan((), advice)
    return _without_splits(root, called)


def _no_train(root: Path) -> str:
    inside = folder_listing.subfolders(root)
    remedy = _misnamed(inside) or "make one, with two thirds of the images or more"
    return f"'{root}' has no 'train' split: {remedy}"


def _misnamed(inside: list[Path]) -> str:
    """Advice to rename folders such as 'training'."""
    better = {
        entry.name: split_folders.OTHER_NAMES.get(
            entry.name.lower(), entry.name.lower()
        )
        for entry in inside
    }
    renamed = [
        f"'{name}' to '{new}'"
        for name, new in better.items()
        if name != new and new in split_folders.SPLITS
    ]
    return f"rename {' and '.join(renamed)}" if renamed else ""


def _without_splits(root: Path, called: split_folders.FolderNames) -> FolderScan:
    """Finds images outside of splits, or explains what else is there."""
    inside = folder_listing.subfolders(root)
    advice = _is_a_split(root) or _misnamed(inside) or _deeper(inside)
    advice = advice or _one_domain(root, called)
    if advice:
        return FolderScan((), advice)
    with_images = [entry for entry in inside if folder_listing.has_images(entry)]
    if folder_listing.has_images(root) and not with_images:
        folders, what = [root], "images"
    elif len(with_images) == 2 and not folder_listing.has_images(root):
        names = " and ".join(f"'{entry.name}'" for entry in with_images)
        folders, what = with_images, f"two folders, {names}"
    else:
        advice = f"{_contents(root, inside, with_images)}: {_expected(root)}"
        return FolderScan((), advice)
    reason = f"{what}, not split into train, val and test"
    return FolderScan((SplitFiles.of(UNSPLIT, folders, reason),))


def _is_a_split(root: Path) -> str:
    absolute = root.absolute()
    if absolute.name not in split_folders.SPLITS:
        return ""
    above = root.parent if root.name else absolute.parent
    return f"'{root}' is itself a split: name '{above}'"


def _deeper(inside: list[Path]) -> str:
    found = [f"'{entry}'" for entry in _with_splits(inside, _MAX_DEPTH)]
    return f"the splits lie deeper: name {shortened(found)}" if found else ""


def _with_splits(entries: list[Path], depth: int) -> Iterator[Path]:
    """Folders with splits among these, and below them."""
    for entry in entries:
        if "train" in split_folders.available_splits(entry):
            yield entry
        elif depth > 1:
            with contextlib.suppress(PermissionError):
                yield from _with_splits(folder_listing.subfolders(entry), depth - 1)


def _one_domain(root: Path, called: split_folders.FolderNames) -> str:
    """Advice where one domain's folder lacks the other's."""
    found = split_folders.only_one(root, "train", called.a, called.b)
    return f"there is '{found[0]}', but no '{found[1]}' beside it" if found else ""


def _contents(root: Path, inside: list[Path], with_images: list[Path]) -> str:
    counts = [
        f"{len(folder_listing.images(entry))} in '{entry.name}'"
        for entry in with_images
    ]
    here = len(folder_listing.images(root))
    if here:
        counts.insert(0, f"{here} directly")
    if counts:
        return f"images lie in places that mean nothing here ({shortened(counts)})"
    kinds = collections.Counter(
        entry.suffix.lower() or "no extension"
        for entry in itertools.islice(root.rglob("*"), _MAX_ENTRIES)
        if entry.is_file()
        and not any(part.startswith(".") for part in entry.relative_to(root).parts)
    )
    others = [f"{count} {kind}" for kind, count in kinds.most_common(4)]
    if not others:
        return f"'{root}' is empty"
    return f"no images in '{root}', only {', '.join(others)} below"


def _expected(root: Path) -> str:
    return (
        f"expected images side by side in '{root / 'train'}', two folders of images "
        f"there, or '{root / 'trainA'}' and '{root / 'trainB'}'"
    )


def infer_layout(
    found: SplitFiles, headers: Sequence[ImageFile], asked: split_folders.Layout
) -> Layout:
    """Tells how the images of a split hold A and B.

    Args:
        found: the split.
        headers: of those files that can be read.
        asked: what the user says, or `auto`.

    Returns:
        `targets` where most images of the only folder are too narrow to be two.
    """
    if found.is_two_folders:
        return "folders"
    if asked in ("side_by_side", "targets"):
        return asked
    wide = sum(map(folder_listing.looks_like_two, headers))
    return "side_by_side" if 2 * wide >= len(headers) else "targets"
