"""What a run folder holds: its configuration, its numbers, its files' names."""

import contextlib
import json
import platform
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tfi2i._version import __version__
from tfi2i.files import whole
from tfi2i.recipes.config import TrainConfig
from tfi2i.recipes.serialize import from_dict, to_dict

CONFIG = "config.json"
MODEL = "model.keras"
BACKUP = "backup/state.npz"
BEST = "best.keras"
BEST_FACTS = "best.json"
METRICS = "metrics.jsonl"


def write(config: TrainConfig, run: Path) -> None:
    """Stores what makes a run, and for people the versions of what it depends on.

    Args:
        config: resolved, or of an import.
        run: the run's folder, made where missing.
    """
    versions = {"tfi2i": __version__, "python": platform.python_version()}
    for package in ("tensorflow", "keras", "numpy"):
        # Not known where a package of another name brings it (tensorflow-cpu).
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    stored = {**to_dict(config), "versions": versions}
    with whole(run / CONFIG) as path:
        path.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")


def read(run: Path) -> TrainConfig:
    """Reads what made a run.

    Raises:
        ValueError: the folder is no run, or its configuration cannot be read.
    """
    path = run / CONFIG
    if not path.is_file():
        raise ValueError(
            f"'{run}' is not a run: it has no {CONFIG}. Name a folder that "
            "'tfi2i train' made."
        )
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(stored, dict):
            stored.pop("versions", None)
        return _with_pixels(from_dict(stored))
    except RecursionError as error:
        raise ValueError(f"Cannot read '{path}': it is nested too deeply.") from error
    except ValueError as error:
        raise ValueError(f"Cannot read '{path}': {error}") from error


def _with_pixels(config):
    """What runs mean that were stored when all images were 8-bit colour."""
    data = config.data
    if not config.model.is_trained_here or data.domain_a.channels is not None:
        return config
    rgb = {"channels": 3, "dtype": "uint8", "low": 0.0, "high": 255.0}
    domains = {
        name: replace(getattr(data, name), **rgb) for name in ("domain_a", "domain_b")
    }
    return replace(config, data=replace(data, **domains))


def recorded_epochs(run: Path) -> list[dict[str, Any]]:
    """The numbers of each epoch that was trained to its end, in order."""
    path = run / METRICS
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [numbers for numbers in map(_numbers, lines) if numbers]


def _numbers(line):
    """The numbers of a line; {} where it is incomplete or something else."""
    try:
        numbers = json.loads(line)
        return numbers if type(numbers["epoch"]) is int else {}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}


def epochs_done(run: Path, config: TrainConfig) -> int:
    """How many epochs a finished run has trained.

    Args:
        run: the run's folder.
        config: of the run.
    """
    # Only early stopping ends a run before its last epoch.
    recorded = recorded_epochs(run) if config.early_stop is not None else []
    return recorded[-1]["epoch"] if recorded else config.epochs


def run_of(source: Path) -> Path | None:
    """The run that a source is or lies in, None where it is an export by itself.

    Args:
        source: run folder, SavedModel folder (with or without its version) or
            `.tflite` file.
    """
    path = source.absolute()
    # RUN/export/NAME_a2b/1 lies deepest.
    around = (path, *path.parents[:3])
    return next((place for place in around if (place / CONFIG).is_file()), None)
