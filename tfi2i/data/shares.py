"""A share of the training images, set aside for validation."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

from tfi2i.data.dealing import Unit, clusters, deal, group_names
from tfi2i.data.places import Names, available_splits

_SAMPLED = 2**16


@dataclasses.dataclass(frozen=True)
class Share:
    """How much of the training images becomes the validation split, and which.

    Attributes:
        val: share of the images, above 0 and below 1.
        seed: another one chooses others.
        group: as `dealing.group_names` takes it; None for no groups.
    """

    val: float
    seed: int = 0
    group: str | None = None

    def applies(self, root: Path, split: str, called: Names) -> bool:
        """Whether a split is a part of the training images.

        Args:
            root: the data set's folder.
            split: `train`, `val` or `test`.
            called: names of the folders.

        Raises:
            ValueError: there are images for validation, and training would not see
                those of the share.
        """
        has_val = "val" in available_splits(root, a=called.a, b=called.b)
        if has_val and split == "train":
            raise ValueError(
                f"--data.val-share is {self.val:g}, but '{root}' has a split 'val' of "
                "its own: leave it out"
            )
        return split != "test" and not has_val

    def note(self, count: int, total: int, split: str) -> str:
        """The size of a split, for a layout's reason."""
        use = "for validation" if split == "val" else "for training, the others not"
        return f"{count} of {total} {use} (--data.val-share {self.val:g})"

    def part(self, units: Sequence[Unit], split: str) -> list[Unit]:
        """Those units that are in a split.

        They follow from the seed and the names, and are those that `tfi2i data split
        --val SHARE --test 0` chooses, but where files differ and show the same.

        Args:
            units: all images or pairs.
            split: `train` or `val`.

        Raises:
            ValueError: too few; an expression that is none, or does not match.
        """
        groups = group_names(units, self.group, "--data.group")
        copies = _copies(units)

        def bonds(unit: Unit) -> list[str | bytes]:
            found = groups.get(unit.name), copies.get(unit.files)
            return [bond for bond in found if bond is not None]

        lots = clusters(units, bonds)
        remedy = "leave --data.val-share out"
        chosen = deal(lots, {"val": self.val}, self.seed, remedy)[split]
        kept = set(map(id, chosen))
        return [unit for unit in units if id(unit) in kept]


def _copies(units: Sequence[Unit]) -> dict[tuple[Path, ...], bytes]:
    """Digests of images, or whole pairs, of the same bytes as another's.

    Few others are read: one blank label may belong to many pairs, and does not join
    them.
    """
    alike = _several([unit.files for unit in units], _sizes)
    alike = _several(alike, _beginnings)
    digests = {}
    for files in alike:
        digest = hashlib.sha256()
        for path in files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        digests[files] = digest.digest()
    counts = collections.Counter(digests.values())
    return {files: found for files, found in digests.items() if counts[found] > 1}


def _several(lots, key) -> list[tuple[Path, ...]]:
    """Those that have something in common with another."""
    found = collections.defaultdict(list)
    for files in lots:
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
