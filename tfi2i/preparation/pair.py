"""`tfi2i data pair`: joins two folders of images into one, side by side."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

from tfi2i.data import folder_listing, paired_files, reading, split_folders, transforms
from tfi2i.data.headers import ImageFile, shortened
from tfi2i.data.threads import parallel_map
from tfi2i.data.writing import write
from tfi2i.files import check_is_folder, check_is_new, whole_folder

Resize = Literal["a", "b"]


@dataclasses.dataclass(frozen=True)
class Paired:
    """What was written.

    Attributes:
        out: the folder.
        counts: number of pairs by split.
        resized: number of pairs in which one image got the other's size.
        is_split: whether the images came in splits; else all became `train`.
        notes: how names were matched, and what was left out.
    """

    out: Path
    counts: dict[str, int]
    resized: int
    is_split: bool
    notes: tuple[str, ...] = ()


def pair(
    dir_a: Path, dir_b: Path, out: Path, *, resize: Resize | None = None
) -> Paired:
    """Writes pairs as 8-bit RGB PNGs, A on the left, to `out/SPLIT/NAME.png`.

    Images are matched by name (`name_matching.matching`), within `train`, `val` and
    `test` where the two folders have these; without, all of them become `train`.
    Transparent pixels become white, EXIF orientation is applied.

    Args:
        dir_a: images of A.
        dir_b: images of B.
        out: folder to make; everything is written, or nothing.
        resize: whose size both get where they differ, by antialiased bicubic
            interpolation; None refuses such pairs.

    Raises:
        OSError: a folder does not exist; `out` does, or cannot be made.
        ValueError: nothing found, names without partners, unlike sizes, images that
            cannot be read or hold more than 8-bit RGB. Nothing is written then.
    """
    for folder in (dir_a, dir_b):
        check_is_folder(folder)
    check_is_new(out, dir_a, dir_b)
    split_folders.check_different(dir_a, dir_b)
    splits = _splits(dir_a, dir_b)
    root = dir_a.parent
    matched = {
        name: paired_files.match_folders(root, a, b) for name, (a, b) in splits.items()
    }
    work = [(split, sample) for split in matched for sample in matched[split].samples]
    samples = [sample for _, sample in work]
    _check_is_8_bit([image for s in samples for image in (s.a, s.b)], root)
    resized = _count_resized(samples, resize)
    with whole_folder(out) as folder:
        for split in matched:
            (folder / split).mkdir()

        def join(item: tuple[str, paired_files.Sample]) -> list[str]:
            return _join(folder / item[0], item[1], resize)

        damaged = list(itertools.chain(*parallel_map(join, work, "Writing pairs")))
        if damaged:
            raise ValueError(
                f"truncated or damaged images ({len(damaged)}): "
                f"{shortened(damaged)}; replace or remove them"
            )
    counts = {split: len(files.samples) for split, files in matched.items()}
    reasons = (files.reason.removeprefix("; ") for files in matched.values())
    notes = tuple(dict.fromkeys(filter(None, reasons)))
    return Paired(out, counts, resized, "." not in _names(dir_a), notes)


def _count_resized(samples: list[paired_files.Sample], resize: Resize | None) -> int:
    """Counts the pairs of different sizes; refuses them without `resize`."""
    names = [
        f"{s.name} ({s.a.width}x{s.a.height} and {s.b.width}x{s.b.height})"
        for s in samples
        if (s.a.width, s.a.height) != (s.b.width, s.b.height)
    ]
    if names and resize is None:
        raise ValueError(
            f"{len(names)} of {len(samples)} pairs have images of different sizes: "
            f"{shortened(names)}; say whose size both get with --resize a or --resize b"
        )
    return len(names)


def _names(folder: Path) -> set[str]:
    """Splits of a folder; `.` where images lie in it directly."""
    names = {split for split in split_folders.SPLITS if (folder / split).is_dir()}
    return names | ({"."} if folder_listing.has_images(folder) else set())


def _splits(dir_a: Path, dir_b: Path) -> dict[str, tuple[Path, Path]]:
    """Folders of A and of B for every split to write."""
    names_a, names_b = _names(dir_a), _names(dir_b)
    for folder, names in ((dir_a, names_a), (dir_b, names_b)):
        if not names:
            raise ValueError(
                f"no images in '{folder}': expected "
                f"{' '.join(folder_listing.EXTENSIONS)} files, there or in folders "
                "train, val and test"
            )
        if "." in names and len(names) > 1:
            raise ValueError(
                f"'{folder}' holds both images and the folders "
                f"{', '.join(sorted(names - {'.'}))}: expected one of these"
            )
    if names_a != names_b:
        raise ValueError(
            f"'{dir_a}' has {_folders_listed(names_a)} and '{dir_b}' has "
            f"{_folders_listed(names_b)}: expected the same in both"
        )
    if "." in names_a:
        return {"train": (dir_a, dir_b)}
    return {
        split: (dir_a / split, dir_b / split)
        for split in split_folders.SPLITS
        if split in names_a
    }


def _folders_listed(names: set[str]) -> str:
    if "." in names:
        return "images"
    splits = [split for split in split_folders.SPLITS if split in names]
    return f"the {'folder' if len(splits) == 1 else 'folders'} {', '.join(splits)}"


def _check_is_8_bit(images: list[ImageFile], root: Path) -> None:
    deep = [
        f"{folder_listing.relative(root, image.path)} ({image.dtype}, "
        f"{image.channels} channels)"
        for image in images
        if image.dtype != "uint8" or image.channels > 4
    ]
    if deep:
        raise ValueError(
            f"{len(deep)} images hold more than 8-bit RGB can: {shortened(deep)}; "
            "leave them in two folders, which tfi2i train reads as they are"
        )


def _join(
    folder: Path, sample: paired_files.Sample, resize: Resize | None
) -> list[str]:
    """Writes one pair; returns the images that cannot be decoded."""
    images, damaged = [], []
    for image in (sample.a, sample.b):
        try:
            images.append(reading.read_image(image.path))
        except ValueError as error:
            damaged.append(f"'{image.path}' ({error})")
    if damaged:
        return damaged
    a, b = images
    if a.shape != b.shape:
        shape = (a if resize == "a" else b).shape[:2]
        a, b = (_resized(image, shape) for image in (a, b))
    write(np.concatenate([a, b], axis=1), folder / f"{sample.name}.png")
    return []


def _resized(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if image.shape[:2] == shape:
        return image
    return transforms.resize(tf.constant(image), *shape).numpy()
