"""Which image files make up a split: layouts, pairs, sizes, orientation.

Only names and headers are read here, so a folder of thousands is checked in
about a second and everything wrong with it is told before anything is decoded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from tfi2i.data import headers
from tfi2i.data.headers import EXTENSIONS, ImageFile, shortened

Layout = Literal["auto", "side_by_side", "folders", "targets"]
LAYOUTS = ("auto", "side_by_side", "folders", "targets")
SPLITS = ("train", "val", "test")


@dataclasses.dataclass(frozen=True)
class Sample:
    """One training example.

    Attributes:
        name: file stem, unique in its split.
        a: the image of domain A, None where only targets are read.
        b: the image of domain B, or the target.
    """

    name: str
    a: ImageFile | None
    b: ImageFile


@dataclasses.dataclass(frozen=True)
class PairedFiles:
    """The files of one split and how they were read.

    Attributes:
        layout: the layout found: `side_by_side`, `folders` or `targets`.
        folders: where the images lie: one folder, or those of A and B.
        reason: one line for people: what was taken for A and for B, and why.
        samples: sorted by name.
    """

    layout: Layout
    folders: tuple[Path, ...]
    reason: str
    samples: tuple[Sample, ...]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.samples)


def find_pairs(
    directory: str | Path,
    split: str,
    *,
    layout: Layout = "auto",
    a: str = "A",
    b: str = "B",
    targets_only: bool = False,
) -> PairedFiles:
    """Find the paired images of one split.

    Looked for in this order, unless `layout` says which: folders `split/a` and
    `split/b` (then `split/A`, `split/B`), folders `splitA` and `splitB`,
    side-by-side images `split/*` (A left, B right), any two sub-folders of
    `split`. Files in two folders are matched by stem, whatever the extension.

    Args:
        directory: the data set's folder.
        split: `train`, `val` or `test`.
        layout: `auto` looks; the others accept one form only. `targets` is
            single images in `split`, and needs `targets_only`.
        a: name of the folder that holds domain A.
        b: name of the folder that holds domain B.
        targets_only: the input will be made from the target, so A is not
            needed: of two folders only B's is read, of side-by-side images
            (which then must be asked for) the right half.

    Returns:
        The files, with displayed sizes and EXIF orientation from the headers.

    Raises:
        FileNotFoundError: the folder or the split does not exist.
        ValueError: no images, unmatched or duplicate stems, an odd width, an
            unreadable header, or a layout that does not exist.
    """
    root = Path(directory)
    _check_arguments(root, split, layout, targets_only)
    found = _two_folders(root, split, a, b) if layout in ("auto", "folders") else None
    flat = root / split
    has_images = flat.is_dir() and bool(_images(flat))
    if found is None and layout in ("auto", "folders"):
        if layout == "folders" or not has_images:
            found = _any_two_folders(flat, a, b)
    if found is not None:
        folder_a, folder_b, reason = found
        if targets_only:
            return _targets(root, folder_b, "folders", f"targets only, {reason}")
        return _matched(root, folder_a, folder_b, reason)
    if split not in available_splits(root, a=a, b=b):
        raise FileNotFoundError(_split_missing(root, split, a, b))
    if layout == "folders":
        raise ValueError(
            f"'{flat}' does not hold two folders of images: expected "
            f"'{flat / a}' and '{flat / b}'"
        )
    if not has_images:
        raise ValueError(_no_images(flat, a, b))
    if layout == "targets" or (layout == "auto" and targets_only):
        return _targets(root, flat, "targets", "single images, read as targets")
    return _side_by_side(root, flat, targets_only, asked=layout == "side_by_side")


def available_splits(
    directory: str | Path, *, a: str = "A", b: str = "B"
) -> tuple[str, ...]:
    """Say which of `train`, `val` and `test` a data set has.

    Args:
        directory: the data set's folder.
        a: name of domain A, for folders such as `trainA`.
        b: name of domain B.

    Returns:
        The names found, in that order; empty where the folder does not exist.
    """
    root = Path(directory)
    return tuple(
        split
        for split in SPLITS
        if (root / split).is_dir()
        or any(
            (root / f"{split}{first}").is_dir() and (root / f"{split}{second}").is_dir()
            for first, second in ((a, b), ("A", "B"))
        )
    )


def _check_arguments(root: Path, split: str, layout: str, targets_only: bool) -> None:
    if split not in SPLITS:
        raise ValueError(f"unknown split '{split}': expected {_listed(SPLITS, 'or')}")
    if layout not in LAYOUTS:
        raise ValueError(f"unknown layout '{layout}': expected one of {LAYOUTS}")
    if layout == "targets" and not targets_only:
        raise ValueError(
            "layout 'targets' has no input images: pass --data.input edges to make "
            "the input from the target, or choose 'side_by_side' or 'folders'"
        )
    if not root.exists():
        raise FileNotFoundError(f"data folder '{root}' does not exist")
    if not root.is_dir():
        raise NotADirectoryError(f"'{root}' is a file, expected a folder of images")


def _two_folders(
    root: Path, split: str, a: str, b: str
) -> tuple[Path, Path, str] | None:
    """Two folders that carry the names asked for, or A and B."""
    for first, second in dict.fromkeys(((a, b), ("A", "B"))):
        for folder_a, folder_b in (
            (root / split / first, root / split / second),
            (root / f"{split}{first}", root / f"{split}{second}"),
        ):
            if folder_a.is_dir() and folder_b.is_dir():
                return folder_a, folder_b, _folders_reason(root, folder_a, folder_b)
    return None


def _any_two_folders(flat: Path, a: str, b: str) -> tuple[Path, Path, str] | None:
    """The only two sub-folders of a split, whatever their names."""
    if not flat.is_dir():
        return None
    folders = sorted(
        entry
        for entry in flat.iterdir()
        if entry.is_dir() and not entry.name.startswith(".")
    )
    if len(folders) != 2:
        return None
    swapped = folders[0].name == b or folders[1].name == a
    folder_a, folder_b = reversed(folders) if swapped else folders
    named = {a, b} & {folder_a.name, folder_b.name}
    why = "the other by its name" if named else "in alphabetical order"
    reason = _folders_reason(flat.parent, folder_a, folder_b)
    return folder_a, folder_b, f"{reason} (the only two folders, {why})"


def _folders_reason(root: Path, folder_a: Path, folder_b: Path) -> str:
    return (
        f"two folders: A is {_relative(root, folder_a)}, "
        f"B is {_relative(root, folder_b)}"
    )


def _matched(root: Path, folder_a: Path, folder_b: Path, reason: str) -> PairedFiles:
    """Pair the files of two folders by stem."""
    stems_a, stems_b = _by_stem(root, folder_a), _by_stem(root, folder_b)
    lonely = []
    for here, mine, there, other in (
        (folder_a, stems_a, folder_b, stems_b),
        (folder_b, stems_b, folder_a, stems_a),
    ):
        names = [path.name for stem, path in mine.items() if stem not in other]
        if names:
            lonely.append(
                f"{len(names)} in {_relative(root, here)} without a partner in "
                f"{_relative(root, there)} ({shortened(names)})"
            )
    if lonely:
        raise ValueError(
            f"unmatched images in '{root}': {'; '.join(lonely)}; "
            "pairs need the same file name in both folders"
        )
    indexed = _index(root, [*stems_a.values(), *stems_b.values()])
    samples = tuple(
        Sample(stem, indexed[stems_a[stem]], indexed[stems_b[stem]])
        for stem in sorted(stems_a)
    )
    return PairedFiles("folders", (folder_a, folder_b), reason, samples)


def _side_by_side(
    root: Path, folder: Path, targets_only: bool, asked: bool
) -> PairedFiles:
    """Split every file of a folder down the middle: A left, B right.

    Unless `asked` to, the reason says so where most do not look like pairs.
    """
    stems = _by_stem(root, folder)
    indexed = _index(root, stems.values())
    odd = [
        f"{_relative(root, image.path)} (width {image.width})"
        for image in indexed.values()
        if image.width % 2
    ]
    if odd:
        raise ValueError(
            f"side-by-side images need an even width, in '{root}': {shortened(odd)}"
        )
    samples = []
    for stem in sorted(stems):
        image = indexed[stems[stem]]
        left = dataclasses.replace(image, half="left")
        right = dataclasses.replace(image, half="right")
        samples.append(Sample(stem, None if targets_only else left, right))
    where = _relative(root, folder)
    reason = f"side by side in {where}: A is the left half, B the right"
    if targets_only:
        reason = f"side by side in {where}: targets only, the right half"
    unlike = sum(not _like_a_pair(image) for image in indexed.values())
    if not asked and 2 * unlike > len(indexed):
        reason += (
            f"; but {unlike} of {len(indexed)} are not about twice as wide as high: if "
            "they are single images, draw their inputs with --data.input edges, or put "
            "A and B into two folders"
        )
    return PairedFiles("side_by_side", (folder,), reason, tuple(samples))


def _like_a_pair(image: ImageFile) -> bool:
    """Whether the halves are no longer than a photograph, 4:3 either way."""
    return 1.5 <= image.width / image.height <= 2.7


def _targets(root: Path, folder: Path, layout: Layout, reason: str) -> PairedFiles:
    """Single images, each a target."""
    stems = _by_stem(root, folder)
    indexed = _index(root, stems.values())
    samples = tuple(Sample(s, None, indexed[stems[s]]) for s in sorted(stems))
    if layout == "targets" and all(
        image.width == 2 * image.height for image in indexed.values()
    ):
        reason += "; all are twice as wide as high: if they are pairs, "
        reason += "say so with --data.layout side_by_side"
    return PairedFiles(layout, (folder,), reason, samples)


def _images(folder: Path) -> list[Path]:
    """Image files of a folder by extension, sorted, hidden ones left out.

    What is no file, such as a dangling link, is for the reader of headers to name.
    """
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.suffix.lower() in EXTENSIONS
        and not entry.name.startswith(".")
        and not entry.is_dir()
    )


def _by_stem(root: Path, folder: Path) -> dict[str, Path]:
    """Stem to file; a stem may occur once, since it names the sample."""
    images = _images(folder)
    if not images:
        raise ValueError(f"no images in '{folder}': expected {' '.join(EXTENSIONS)}")
    stems: dict[str, Path] = {}
    repeated = []
    for path in images:
        first = stems.setdefault(path.stem, path)
        if first != path:
            repeated.append(f"{first.name} and {path.name}")
    if repeated:
        raise ValueError(
            f"images of one name in '{folder}': {shortened(repeated)}; keep one of each"
        )
    return stems


def _index(root: Path, paths: Iterable[Path]) -> dict[Path, ImageFile]:
    """Read every header; name all files where that fails."""
    indexed, broken = {}, []
    for path in paths:
        try:
            indexed[path] = headers.read(path)
        except (OSError, ValueError) as error:
            broken.append(f"{_relative(root, path)} ({error})")
    if broken:
        noun, them = ("image", "it") if len(broken) == 1 else ("images", "them")
        raise ValueError(
            f"{len(broken)} unreadable {noun} in '{root}': {shortened(broken)}; "
            f"replace or remove {them}"
        )
    return indexed


def _split_missing(root: Path, split: str, a: str, b: str) -> str:
    splits = available_splits(root, a=a, b=b)
    has = f"it has {_listed(splits, 'and')}" if splits else "it has no split at all"
    return (
        f"'{root}' has no '{split}' split ({has}): expected "
        f"{split}/*.jpg (A left, B right), {split}/{a} and {split}/{b}, "
        f"or {split}A and {split}B"
    )


def _no_images(flat: Path, a: str, b: str) -> str:
    return (
        f"no images in '{flat}': expected {' '.join(EXTENSIONS)} files side by side "
        f"(A left, B right), or the folders '{a}' and '{b}'"
    )


def _relative(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _listed(names: Sequence[str], conjunction: str) -> str:
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} {conjunction} {names[-1]}"
