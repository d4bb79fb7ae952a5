"""Finds the folders that hold the images of a split, and says why these.

Folders that the user names are used or refused. Others are looked for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tfi2i.data import folder_listing, headers, name_matching
from tfi2i.data.headers import EXTENSIONS, shortened

Layout = Literal["auto", "side_by_side", "folders", "targets"]
SPLITS = ("train", "val", "test")
_USUAL = ("A", "B")

# Other names of the splits; never names of a domain.
OTHER_NAMES = {
    "training": "train",
    "validation": "val",
    "valid": "val",
    "dev": "val",
    "testing": "test",
    "eval": "test",
}

# Share of names that must match in two folders that nobody names.
_MOST_MATCH = 0.9

# Images whose headers tell the shape of a folder's images.
_SAMPLED = 20


@dataclasses.dataclass(frozen=True)
class FolderNames:
    """Names of the folders of A and of B.

    Attributes:
        a: name of domain A's folder.
        b: name of domain B's folder.
        usual: names that the user did not give, such as a recipe's. Folders `A` and
            `B` may stand in for them.
    """

    a: str = "A"
    b: str = "B"
    usual: tuple[str, str] = _USUAL

    @classmethod
    def of(cls, a: str, b: str, usual: tuple[str, str] = _USUAL) -> FolderNames:
        """Takes names as users type them: the shell may have added a slash."""
        return cls(a.rstrip("/") or a, b.rstrip("/") or b, usual)

    @property
    def given(self) -> tuple[str, ...]:
        """The names that the user gave."""
        found = zip((self.a, self.b), _USUAL, self.usual, strict=True)
        return tuple(name for name, *others in found if name not in others)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The pairs of names to look for, in order."""
        own = (self.a, self.b)
        return [own] if self.given else list(dict.fromkeys((own, _USUAL)))


def available_splits(
    directory: str | Path, *, a: str = "A", b: str = "B"
) -> tuple[str, ...]:
    """Finds out which of `train`, `val` and `test` a data set has.

    Args:
        directory: folder of the data set.
        a: name of domain A, for folders such as `trainA`.
        b: name of domain B.

    Returns:
        The names found, in that order; empty where the folder does not exist.
    """
    root = Path(directory)
    if not root.is_dir():
        return ()
    either = FolderNames(a, b).choices + FolderNames().choices
    return tuple(
        split
        for split in SPLITS
        if (root / split).is_dir()
        or any(_find_named(root, split, *pair, pair != _USUAL) for pair in either)
        or _find_two_of_split(root, split)
    )


def check_split(root: Path, split: str) -> None:
    """Refuses a data folder that does not exist, and an unknown split."""
    if split not in SPLITS:
        raise ValueError(f"unknown split '{split}': expected {_join(SPLITS, 'or')}")
    if root.is_symlink() and not root.exists():
        raise FileNotFoundError(
            f"data folder '{root}' is a link that leads nowhere, or round in a circle"
        )
    if not root.exists():
        raise FileNotFoundError(f"data folder '{root}' does not exist")
    if not root.is_dir():
        raise NotADirectoryError(f"'{root}' is a file, expected a folder of images")


def check_different(folder_a: Path, folder_b: Path) -> None:
    """Refuses the same folder for both domains, however it is spelled or linked."""
    if folder_a.samefile(folder_b):
        raise ValueError(
            f"A ('{folder_a}') and B ('{folder_b}') are the same folder: expected "
            "two, whose names are --data.a and --data.b"
        )


def two_folders(
    root: Path, split: str, layout: Layout, called: FolderNames, unsplit: bool = False
) -> tuple[Path, Path, str] | None:
    """Finds the folders of A and of B.

    Args:
        root: folder of the data set.
        split: `train`, `val` or `test`.
        layout: `auto`, or the only one that is accepted.
        called: names of the folders.
        unsplit: the data set is not split, and all its images are of this split.

    Returns:
        The folders and the reason; None where the images lie in one folder.

    Raises:
        FileNotFoundError: the split lacks a folder that the user names.
        ValueError: both two folders and the halves of images may be meant.
    """
    if layout not in ("auto", "folders"):
        return None
    for a, b in called.choices:
        found = _find_named(root, split, a, b, unsplit or bool(called.given))
        if found is not None:
            return *found, _reason(root, *found)
    flat = root if unsplit else root / split
    only = _only_two_folders(flat, called)
    if called.given:
        if split != "train" and split not in available_splits(
            root, a=called.a, b=called.b
        ):
            return None
        if only is None or not set(called.given) <= {folder.name for folder in only}:
            raise FileNotFoundError(_missing_folders(root, split, called))
        return *only, f"{_reason(root, *only)} (the other by its name)"
    if layout == "auto" and folder_listing.has_images(flat):
        return None if unsplit else _find_beside(root, split)
    if only is not None:
        named = {called.a, called.b} & {folder.name for folder in only}
        why = "the other by its name" if named else "in alphabetical order"
        return *only, f"{_reason(root, *only)} (the only two folders, {why})"
    found = _find_two_of_split(root, split)
    if found is not None:
        why = f"the only two called {split}, in alphabetical order"
        return *found, f"{_reason(root, *found)} ({why})"
    return _find_beside(root, split) if layout == "folders" and not unsplit else None


def only_one(
    root: Path, split: str, a: str, b: str, unsplit: bool = False
) -> tuple[Path, Path, str] | None:
    """Finds the folder of one domain where that of the other is missing.

    Args:
        root: folder of the data set.
        split: `train`, `val` or `test`.
        a: name of domain A's folder.
        b: name of domain B's folder.
        unsplit: as in `two_folders`.

    Returns:
        The existing folder, the missing one, and its domain, `A` or `B`; None where
        both or none exist.
    """
    forms_a, forms_b = (_candidates(root, split, name, unsplit) for name in (a, b))
    # Both in the same form, then in different ones.
    alike = [(forms_a[way], forms_b[way]) for way in forms_a if way in forms_b]
    pairs = [*alike, *itertools.product(forms_a.values(), forms_b.values())]
    for in_a, in_b in pairs:
        if in_a.is_dir() != in_b.is_dir():
            return (in_a, in_b, "B") if in_a.is_dir() else (in_b, in_a, "A")
    return None


def one_folder(
    root: Path, split: str, layout: Layout, called: FolderNames, unsplit: bool = False
) -> Path:
    """Finds the one folder of a split's images, where `two_folders` finds none."""
    a, b = called.a, called.b
    if not unsplit and split not in available_splits(root, a=a, b=b):
        raise FileNotFoundError(_missing_split(root, split, a, b))
    flat = root if unsplit else root / split
    if layout == "folders":
        raise ValueError(
            f"'{flat}' does not hold two folders of images: expected "
            f"'{flat / a}' and '{flat / b}'"
        )
    if not folder_listing.has_images(flat):
        raise ValueError(
            f"no images in '{flat}': expected {' '.join(EXTENSIONS)} files side by "
            f"side (A left, B right), or the folders '{a}' and '{b}'"
        )
    return flat


def other_folders(root: Path, split: str) -> str:
    """The options that name two folders, where a split holds single images."""
    if not (root / split).is_dir():
        return "--data.a FOLDER --data.b FOLDER"
    others = [
        folder.name
        for folder in folder_listing.subfolders(root)
        if folder.name not in SPLITS and folder_listing.has_images(folder)
    ]
    near = [name for name in others if _contains_split(name, split)] or others
    b = near[0] if len(near) == 1 else "FOLDER"
    return f"--data.a {split} --data.b {b}"


def _candidates(root: Path, split: str, name: str, unsplit: bool) -> dict[str, Path]:
    """Possible paths of a domain's folder, by the form that joins name and split."""
    path = Path(name)
    if path.is_absolute() and path.is_relative_to(root.absolute()):
        path = path.relative_to(root.absolute())
    # Of /sets/train/photo, /sets/val/photo is for validation.
    words = [*_SPLIT_IN_NAME.finditer(str(path))]
    own = Path(_replace_split(str(path), words[-1], split)) if words else path
    if path.is_absolute():
        return {"own": path} if split == "train" else {"own": own} if words else {}
    forms = {"inside": root / split / path}
    if len(path.parts) == 1:
        joined = ("{1}{0}", "{1}_{0}", "{1}-{0}", "{0}_{1}", "{0}-{1}", "{0}{1}")
        forms |= {way: root / way.format(path, split) for way in joined}
        forms["around"] = root / path / split
    if words or (unsplit and split == "train"):
        forms["own"] = root / own
    return forms


def _replace_split(text: str, word: re.Match, split: str) -> str:
    """Replaces a split's name by another's, in the same case."""
    written = word[0]
    if written != written.lower():
        split = split.upper() if written.isupper() else split.capitalize()
    return text[: word.start()] + split + text[word.end() :]


def _find_named(
    root: Path, split: str, a: str, b: str, unsplit: bool
) -> tuple[Path, Path] | None:
    """Finds the folders of two names, preferably in the same form."""

    def existing(name):
        candidates = _candidates(root, split, name, unsplit)
        folders = {
            form: name_matching.spelled_on_disk(path.parent, path.name, Path.is_dir)
            for form, path in candidates.items()
        }
        return {form: folder for form, folder in folders.items() if folder.is_dir()}

    of_a, of_b = existing(a), existing(b)
    for form in of_a:
        if form in of_b:
            return of_a[form], of_b[form]
    return next(itertools.product(of_a.values(), of_b.values()), None)


def _only_two_folders(flat: Path, called: FolderNames) -> tuple[Path, Path] | None:
    """Finds the only two folders in a folder, whatever their names."""
    inside = folder_listing.subfolders(flat) if flat.is_dir() else []
    if len(inside) != 2:
        return None
    swapped = inside[0].name == called.b or inside[1].name == called.a
    return (inside[1], inside[0]) if swapped else (inside[0], inside[1])


def _find_beside(root: Path, split: str) -> tuple[Path, Path, str] | None:
    """Finds the folder beside a split's own whose images have the same names."""
    flat = root / split
    others = [folder for folder in _folders_of_split(root, split) if folder != flat]
    if len(others) != 1 or not folder_listing.has_images(flat):
        return None
    sides = folder_listing.images(flat), folder_listing.images(others[0])
    keys = name_matching.matching(*sides).keys(sides)
    if len(keys[0] & keys[1]) < _MOST_MATCH * max(map(len, keys)):
        return None
    sampled = []
    for path in sides[0][:_SAMPLED]:
        # Unreadable files are named when all headers are read.
        with contextlib.suppress(OSError, ValueError):
            sampled.append(headers.read(path))
    if 2 * sum(map(folder_listing.looks_like_a_pair, sampled)) > len(sampled):
        raise ValueError(
            f"'{flat}' and '{others[0]}' hold images of the same names, but those in "
            f"'{split}' could be A and B side by side: say which to take, with "
            f"--data.a {split} --data.b {others[0].name} or with "
            "--data.layout side_by_side"
        )
    why = "the only folder beside it with images of the same names"
    return flat, others[0], f"{_reason(root, flat, others[0])} ({why})"


def _find_two_of_split(root: Path, split: str) -> tuple[Path, Path] | None:
    """Finds the only two folders whose names contain a split, where it has no own."""
    own = root / split
    if own.is_dir() and (
        folder_listing.has_images(own) or folder_listing.subfolders(own)
    ):
        return None
    found = [folder for folder in _folders_of_split(root, split) if folder != own]
    return (found[0], found[1]) if len(found) == 2 else None


def _folders_of_split(root: Path, split: str) -> list[Path]:
    return [
        folder
        for folder in folder_listing.subfolders(root)
        if _contains_split(folder.name, split) and folder_listing.has_images(folder)
    ]


# A split's name at the beginning of a name, or between characters that are no letters.
_SPLIT_IN_NAME = re.compile(
    f"(?:^|(?<=/))({'|'.join(SPLITS)})|(?<![a-z])({'|'.join(SPLITS)})(?![a-z])",
    re.IGNORECASE,
)


def _contains_split(name: str, split: str) -> bool:
    """Whether the name of a folder contains that of a split."""
    found = _SPLIT_IN_NAME.search(name)
    is_other = name.lower() in OTHER_NAMES
    return not is_other and found is not None and found[0].lower() == split


def _reason(root: Path, folder_a: Path, folder_b: Path) -> str:
    a, b = (folder_listing.relative(root, folder) for folder in (folder_a, folder_b))
    return f"two folders: A is {a}, B is {b}"


def _missing_folders(root: Path, split: str, called: FolderNames) -> str:
    """The error message for folders that the user names and that are missing."""
    said = f"--data.a is '{called.a}' and --data.b '{called.b}', but "
    found = only_one(root, split, called.a, called.b, unsplit=True)
    if found is not None:
        said += f"there is '{found[0]}' and no '{found[1]}' beside it"
    else:
        said += f"'{root}' has no such folders for the split '{split}'"
    inside = [folder.name for folder in folder_listing.subfolders(root)]
    if (root / split).is_dir():
        inside += [
            f"{split}/{sub.name}" for sub in folder_listing.subfolders(root / split)
        ]
    return (
        f"{said} (it holds the folders {shortened(inside) or 'of no name'}): name two "
        "of these, or leave both out to have them looked for"
    )


def _missing_split(root: Path, split: str, a: str, b: str) -> str:
    """The error message for a split that a data set lacks."""
    if (root / split).is_symlink():
        return f"'{root / split}' is a link that leads nowhere: mend or remove it"
    splits = available_splits(root, a=a, b=b)
    has = f"it has {_join(splits, 'and')}" if splits else "it has no split at all"
    text = (
        f"'{root}' has no '{split}' split ({has}): expected "
        f"{split}/*.jpg (A left, B right), {split}/{a} and {split}/{b}, "
        f"or {split}A and {split}B"
    )
    inside = [
        folder
        for folder in folder_listing.subfolders(root)
        if folder_listing.has_images(folder)
    ]
    if not splits and (inside or folder_listing.has_images(root)):
        text += "; of images that nobody split, --data.val-share 0.1 takes a part"
        if len(inside) == 2:
            text += f", and --data.a {inside[0].name} --data.b {inside[1].name} all"
    return text


def _join(words: Sequence[str], conjunction: str) -> str:
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"
