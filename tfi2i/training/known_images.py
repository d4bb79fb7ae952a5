"""Detects that the images of a run changed between its start and a resume."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tfi2i.data import PairedData, UnpairedData
from tfi2i.data.headers import shortened
from tfi2i.data.threads import parallel_map
from tfi2i.files import whole

KNOWN = "images.json"
_FORMAT = 1


def files(
    split: str, data: PairedData | UnpairedData, limit: int | None = None
) -> dict[str, Path]:
    """The image files of a split.

    Args:
        split: `train` or `val`.
        data: of the split.
        limit: how many images of each domain, the first ones; None for all.

    Returns:
        Files by split, domain and name: `train/A/1.png`. One that holds both images of
        a pair occurs once.
    """
    found = data.image_files(limit)
    return {f"{split}/{name}": path for name, path in found.items()}


def record(run: Path, images: Mapping[str, Path]) -> None:
    """Stores sizes, times and digests of the images.

    Args:
        run: the run's folder.
        images: of `files`.

    Raises:
        OSError: one cannot be read.
    """
    digests = _digests(images.values())
    _write(run, {key: [*_status(path), digests[path]] for key, path in images.items()})


def check(run: Path, images: Mapping[str, Path]) -> None:
    """Refuses images that are others than the run began with.

    A file of the same size and times is taken to be the same; any other is read, so
    that images may be copied, moved or touched. Runs of earlier versions, which have
    no such record, get one.

    Args:
        run: the run's folder.
        images: of `files`.

    Raises:
        ValueError: naming files that changed, are missing or are new; or the record
            is damaged.
        OSError: a file cannot be read.
    """
    if not (run / KNOWN).is_file():
        record(run, images)
        return
    known = _read(run)
    missing, new = known.keys() - images.keys(), images.keys() - known.keys()
    now = {key: _status(path) for key, path in images.items()}
    common = known.keys() & images.keys()
    suspects = [key for key in common if known[key][:-1] != now[key]]
    changed = [key for key in suspects if known[key][0] != now[key][0]]
    same_size = set(suspects) - set(changed)
    digests = _digests(images[key] for key in same_size)
    changed += [key for key in same_size if known[key][-1] != digests[images[key]]]
    differences = [
        f"{what}: {shortened(sorted(keys))}"
        for what, keys in (("changed", changed), ("missing", missing), ("new", new))
        if keys
    ]
    if differences:
        raise ValueError(
            f"The images are others than those that '{run}' began with: {len(images)} "
            f"now, {len(known)} then; {'; '.join(differences)}. Restore them, or start "
            "a new run."
        )
    if same_size:
        # Next time they need not be read.
        _write(run, {key: [*now[key], entry[-1]] for key, entry in known.items()})


def _status(path):
    """Size and times of a file; writing changes the last, whatever it pretends."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _digests(paths: Iterable[Path]) -> dict[Path, str]:
    paths = list(dict.fromkeys(paths))

    def digest(path):
        with path.open("rb") as file:
            return hashlib.file_digest(file, _hash).hexdigest()

    return dict(zip(paths, parallel_map(digest, paths, "Noting images"), strict=True))


def _hash():
    return hashlib.blake2b(digest_size=16)


def _write(run, entries):
    with whole(run / KNOWN) as path:
        path.write_text(json.dumps({"format": _FORMAT, "files": entries}) + "\n")


def _read(run):
    path = run / KNOWN
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["format"] != _FORMAT:
            raise ValueError(f"its format is {stored['format']!r}")
        entries = stored["files"]
        if not all(len(entry) == 4 for entry in entries.values()):
            raise ValueError("an entry is incomplete")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"Cannot read '{path}' ({error}): delete it to go on without a look at "
            "whether the images are still the same."
        ) from error
    return entries
