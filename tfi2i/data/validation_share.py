"""Sets a share of the training images aside for validation (`--data.val-share`)."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from tfi2i.data.grouped_splits import Unit, clusters, deal, group_names
from tfi2i.data.split_folders import FolderNames, available_splits
from tfi2i.files import sha256

_SAMPLED = 2**16


@dataclasses.dataclass(frozen=True)
class Share:
    """Which training images become the validation split.

    Attributes:
        val: share of the images, above 0 and below 1.
        seed: determines which images are chosen.
        group: regular expression of `grouped_splits.group_names`; None for no groups.
    """

    val: float
    seed: int = 0
    group: str | None = None

    def applies(self, root: Path, split: str, called: FolderNames) -> bool:
        """Whether a split is a part of the training images.

        Args:
            root: folder of the data set.
            split: `train`, `val` or `test`.
            called: names of the folders.

        Raises:
            ValueError: the data set has a validation split of its own, so that the
                share would only be lost to training.
        """
        has_val = "val" in available_splits(root, a=called.a, b=called.b)
        if has_val and split == "train":
            raise ValueError(
                f"--data.val-share is {self.val:g}, but '{root}' has a split 'val' of "
                "its own: leave it out"
            )
        return split != "test" and not has_val

    def note(self, count: int, total: int, split: str) -> str:
        """The size of a split, for the reason of a layout."""
        use = "for validation" if split == "val" else "for training, the others not"
        return f"{count} of {total} {use} (--data.val-share {self.val:g})"

    def part(self, units: Sequence[Unit], split: str) -> list[Unit]:
        """Selects the units of a split.

        Equal to the choice of `tfi2i data split --val SHARE --test 0`, except where
        unlike files show the same pixels.

        Args:
            units: all images or pairs.
            split: `train` or `val`.

        Raises:
            ValueError: too few units; an invalid or unmatched expression.
        """
        groups = group_names(units, self.group, "--data.group")
        copies = _copies(units)

        def bonds(unit: Unit) -> list[str]:
            found = groups.get(unit.name), copies.get(unit.files)
            return [bond for bond in found if bond is not None]

        lots = clusters(units, bonds)
        remedy = "leave --data.val-share out"
        chosen = deal(lots, {"val": self.val}, self.seed, remedy)[split]
        kept = set(map(id, chosen))
        return [unit for unit in units if id(unit) in kept]


def _copies(units: Sequence[Unit]) -> dict[tuple[Path, ...], str]:
    """Finds images, or whole pairs, whose bytes equal those of another.

    Only files of equal sizes and beginnings are read in full. Pairs are compared as a
    whole, because one blank label may belong to many of them.

    Returns:
        Their files to a digest of these.
    """
    alike = _repeated([unit.files for unit in units], _sizes)
    alike = _repeated(alike, _beginnings)
    digests = {files: "".join(map(sha256, files)) for files in alike}
    counts = collections.Counter(digests.values())
    return {files: found for files, found in digests.items() if counts[found] > 1}


def _repeated(units: Iterable[tuple[Path, ...]], key) -> list[tuple[Path, ...]]:
    """Those whose key another one has, too."""
    found = collections.defaultdict(list)
    for files in units:
        found[key(files)].append(files)
    return [files for same in found.values() if len(same) > 1 for files in same]


def _sizes(files: tuple[Path, ...]) -> tuple[int, ...]:
    return tuple(path.stat().st_size for path in files)


def _beginnings(files: tuple[Path, ...]) -> tuple[bytes, ...]:
    found = []
    for path in files:
        with path.open("rb") as file:
            found.append(file.read(_SAMPLED))
    return tuple(found)
