"""Matches the names of image files in two folders.

The files of a pair have the same name without extension; composed and decomposed
Unicode are the same (macOS writes `é` as two characters, others as one). Where no name
is in both folders, the names may differ by a prefix or suffix that the files of a
folder share: `im0_A.png` and `im0_B.png`, `photo_1.jpg` and `label_1.png`. Such names
also show that one folder holds both sides of pairs.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path

_SEPARATORS = "_-. "

# Prefixes, and suffixes, of a name that are tried, the shortest first.
_MOST_ENDS = 6

# Words that name a side. Others may number images of two kinds: cat_1, dog_1.
_SIDES = frozenset(
    "a b in out input output source target label labels mask masks".split()
)


def stem(path: Path) -> str:
    """A file's name without its extension, accents composed (Unicode's NFC)."""
    return unicodedata.normalize("NFC", path.stem)


def spelled_on_disk(root: Path, name: str, exists: Callable[[Path], bool]) -> Path:
    """The path of a name below a folder, with accents composed as on the disk.

    Args:
        root: the folder.
        name: relative path.
        exists: whether a path is what is looked for.
    """
    forms = (name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD")))
    return next(filter(exists, (root / form for form in forms)), root / name)


@dataclasses.dataclass(frozen=True)
class Ends:
    """The prefix and suffix that the names of a folder share."""

    before: str = ""
    after: str = ""

    def key(self, name: str) -> str:
        """A name without these ends; the whole name where it has others or no rest."""
        if len(name) <= len(self):
            return name
        if not (name.startswith(self.before) and name.endswith(self.after)):
            return name
        return name[len(self.before) : len(name) - len(self.after)]

    def __len__(self) -> int:
        """Number of characters."""
        return len(self.before) + len(self.after)

    def __str__(self) -> str:
        """A pattern such as `'*_A'`, for messages."""
        return f"'{self.before}*{self.after}'" if len(self) else "any"


@dataclasses.dataclass(frozen=True)
class Matching:
    """How the names of two folders are compared.

    Attributes:
        a: ends that the names of the first folder share.
        b: likewise, the second.
    """

    a: Ends = Ends()
    b: Ends = Ends()

    def key(self, side: int, path: Path) -> str:
        """The part of a file's name that its partner has, too.

        Args:
            side: 0 for a file of A, 1 for one of B.
            path: the file.
        """
        return (self.a, self.b)[side].key(stem(path))

    def keys(self, sides: Sequence[Iterable[Path]]) -> tuple[set[str], set[str]]:
        """The keys of all files of A and of B."""
        first, second = (
            {self.key(side, path) for path in paths} for side, paths in enumerate(sides)
        )
        return first, second

    def without(
        self, sides: Sequence[Sequence[Path]], out: Container[Path]
    ) -> list[list[Path]]:
        """Leaves files out, with their partners unless another file of the name stays.

        Args:
            sides: files of A and of B.
            out: files to leave out.

        Returns:
            The files of A and of B that stay.
        """
        kept = [[path for path in paths if path not in out] for paths in sides]
        before, after = self.keys(sides), self.keys(kept)
        gone = (before[0] - after[0]) | (before[1] - after[1])
        return [
            [path for path in paths if self.key(side, path) not in gone]
            for side, paths in enumerate(kept)
        ]

    @property
    def is_plain(self) -> bool:
        """Whether names are the same as they are."""
        return not (len(self.a) or len(self.b))

    @property
    def is_by_beginnings(self) -> bool:
        """Whether names begin differently, as those of two unrelated sets may."""
        return self.a.before != self.b.before

    @property
    def note(self) -> str:
        """How names match, for a layout's reason; empty where they are the same."""
        if self.is_plain:
            return ""
        return f"; names match where A's are {self.a} and B's {self.b}"


def matching(paths_a: Iterable[Path], paths_b: Iterable[Path]) -> Matching:
    """Finds out how the names of two folders match.

    Args:
        paths_a: images of A.
        paths_b: images of B.

    Returns:
        No ends where a name is in both folders, or where fewer than half of the
        smaller folder's names would match without ends; else the ends, shared by most
        names of a folder, without which the most names match.
    """
    stems = [list(dict.fromkeys(map(stem, paths))) for paths in (paths_a, paths_b)]
    least = min(map(len, stems))
    if not least or set(stems[0]) & set(stems[1]):
        return Matching()
    choices = [[*_choices(names)] for names in stems]
    best, best_rank = Matching(), (0, 0)
    for (a, keys_a), (b, keys_b) in itertools.product(*choices):
        alike = len(keys_a & keys_b)
        rank = alike, -len(a) - len(b)
        if 2 * alike >= least and rank > best_rank:
            best, best_rank = Matching(a, b), rank
    return best


def sides(paths: Iterable[Path]) -> tuple[Ends, Ends] | None:
    """Finds out by file names whether one folder holds both sides of pairs.

    Args:
        paths: its images.

    Returns:
        The ends of the two sides, in alphabetical order, where every name has one of
        them, behind or before a separator, and both sides have the same rests; None
        for other names, such as those of images that are only numbered.
    """
    names = list(dict.fromkeys(map(stem, paths)))
    half, odd = divmod(len(names), 2)
    if odd or half < 2:
        return None
    for cut, make in ((_last_words, _ending), (_beginnings, Ends)):
        counts = collections.Counter(end for name in names for end in cut(name))
        found = sorted(end for end, count in counts.items() if count == half)
        for pair in itertools.combinations(found, 2):
            a, b = map(make, pair)
            keys = {a.key(name) for name in names if a.key(name) != name}
            others = {b.key(name) for name in names if b.key(name) != name}
            if keys == others and _are_sides(pair, keys if cut is _beginnings else ()):
                return a, b
    return None


def _ending(text: str) -> Ends:
    return Ends(after=text)


def _are_sides(ends: tuple[str, str], keys: Iterable[str]) -> bool:
    """Whether two ends differ by words and not by numbers.

    Args:
        ends: both ends.
        keys: rests of the names. If they differ by numbers alone, the ends must
            contain a word of `_SIDES`. Empty where this does not matter.
    """
    words = [re.split(f"[{re.escape(_SEPARATORS)}]", end.lower()) for end in ends]
    own = [{*one} - {*other} for one, other in (words, words[::-1])]
    if not any(own) or any(side and "".join(side).isdigit() for side in own):
        return False
    numbered = len({re.sub(r"\d+", "", key) for key in keys}) == 1
    return not numbered or any(side & _SIDES for side in own)


def _choices(names: Sequence[str]) -> Iterator[tuple[Ends, set[str]]]:
    """Pairs of a common prefix and suffix, each with the rests of all names."""
    for before in ("", *_common(names, _beginnings)):
        for after in ("", *_common(names, _endings)):
            ends = Ends(before, after)
            keys = set(map(ends.key, names))
            # Two files of one folder must not become the same.
            if len(keys) == len(names):
                yield ends, keys


def _common(names, ends) -> list[str]:
    """Ends that more than half of the names have."""
    counts = collections.Counter(end for name in names for end in ends(name))
    return [end for end, count in counts.items() if 2 * count > len(names)]


def _beginnings(name: str) -> list[str]:
    """Prefixes up to and with a separator."""
    cuts = (i for i in range(1, len(name)) if name[i - 1] in _SEPARATORS)
    return [name[:i] for i in itertools.islice(cuts, _MOST_ENDS)]


def _last_words(name: str) -> list[str]:
    """Suffixes from a separator."""
    return [end for end in _endings(name) if end[0] in _SEPARATORS]


def _endings(name: str) -> list[str]:
    """Suffixes from a separator, or from the first letter behind a number."""
    cuts = (
        i
        for i in range(len(name) - 1, 0, -1)
        if name[i] in _SEPARATORS or (name[i].isalpha() and name[i - 1].isdigit())
    )
    return [name[i:] for i in itertools.islice(cuts, _MOST_ENDS)]
