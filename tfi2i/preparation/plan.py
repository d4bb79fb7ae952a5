"""What training would do with a folder, tried without decoding an image."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import os
import shlex
from collections.abc import Container, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfi2i.data import memory
from tfi2i.data.epochs import TwoDomains
from tfi2i.recipes import build, splits
from tfi2i.recipes.bounds import field_values, flag
from tfi2i.recipes.config import TrainConfig
from tfi2i.recipes.named import get
from tfi2i.recipes.resolve import resolve

_MIN_CROP, _MAX_CROP = 32, 256


@dataclasses.dataclass(frozen=True)
class Plan:
    """A configuration, and what training would read with it.

    Attributes:
        config: resolved; with the pixels of both domains where these are known.
        command: starts the training.
        data: the splits that training reads, by name, not decoded.
        notes: warnings about them.
        failure: why training would stop, one line; empty where it would not.
    """

    config: TrainConfig
    command: str
    data: dict[str, TwoDomains]
    notes: tuple[str, ...]
    failure: str

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self.data["train"].steps_per_epoch(self.config.data.batch_size)

    @property
    def cache(self) -> int:
        """Bytes of all decoded images that training reads."""
        return sum(
            images.size
            for data in self.data.values()
            for images in data.images.values()
        )

    @property
    def kept(self) -> str:
        """Where they are kept: `memory`, `disk` or `off`."""
        with _warnings_collected():
            return memory.choose(self.config.data.cache, self.cache)


def plan(
    recipe: str, changes: dict[str, Any], model: dict[str, Any] | None = None
) -> Plan:
    """Tries a recipe on a folder.

    Args:
        recipe: its name.
        changes: fields of `DataConfig` that differ from the recipe's.
        model: likewise of the model's configuration.

    Raises:
        ValueError: there is no such recipe, or it cannot train with such values.
    """
    given = get(recipe).config
    data = replace(given.data, **changes)
    if "crop_size" in changes and given.data.load_size is not None:
        scale = given.data.load_size / given.data.crop_size
        data = replace(data, load_size=round(data.crop_size * scale))
    wanted = replace(given, data=data, model=replace(given.model, **model or {}))
    config = resolve(wanted)
    read: dict[str, TwoDomains] = {}
    failure = ""
    with _warnings_collected() as notes:
        try:
            config = _try(config, read)
        except (OSError, ValueError) as error:
            failure = " ".join(str(error).split()).rstrip(".")
    return Plan(config, _command(wanted, given), read, tuple(notes), failure)


def crop_for(short_side: float) -> int:
    """The crop size that does not enlarge images, 256 at most.

    Args:
        short_side: of a typical image, in pixels.
    """
    power = 2 ** round(math.log2(max(short_side, 1)))
    return min(max(power, _MIN_CROP), _MAX_CROP)


def _try(config: TrainConfig, read: dict[str, TwoDomains]) -> TrainConfig:
    """Does what training does before it decodes; `read` gets the splits."""
    # Without a cache, images are decoded only when they are needed.
    undecoded = replace(config, data=replace(config.data, cache="off"))
    read["train"] = build.load_data(undecoded, "train")
    config = build.with_pixels(config, read["train"])
    read["train"].steps_per_epoch(config.data.batch_size)
    other = splits.held_out(config.data)
    if other is not None:
        read[other] = build.load_data(undecoded, other)
    return config


def _command(wanted: TrainConfig, given: TrainConfig) -> str:
    """The `train` command of a configuration that differs from a recipe's."""
    directory = wanted.data.dir or ""
    words = ["tfi2i", "train", given.recipe, "--data.dir", directory]
    words += flags(wanted, given)
    run = Path("saved_models") / Path(os.path.abspath(directory)).name
    return shlex.join([*words, "--run", str(run)])


def flags(
    wanted: Any, given: Any, named: Container[str] = (), prefix: str = ""
) -> list[str]:
    """The options that turn one configuration into another.

    Args:
        wanted: the second configuration.
        given: the first, of the same type.
        named: fields that are written though they are equal.
        prefix: of the fields, `data.` for a `DataConfig`.

    Returns:
        The words of a command line, without the folder of the images.
    """
    words, usual = [], field_values(given, prefix)
    for path, value in field_values(wanted, prefix).items():
        name = path.removeprefix(prefix).partition(".")[0]
        is_said = value != usual[path] or (name in named and "." not in name)
        if path == "data.dir" or not is_said:
            continue
        if isinstance(value, bool):
            section, _, last = flag(path)[2:].rpartition(".")
            no = "" if value else "no-"
            words.append(f"--{section}.{no}{last}" if section else f"--{no}{last}")
        else:
            words += [flag(path), str(value)]
    return words


@contextlib.contextmanager
def _warnings_collected() -> Iterator[list[str]]:
    """Collects the warnings of the data room instead of showing them."""
    notes: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record):
            notes.append(record.getMessage())

    log, handler = logging.getLogger("tfi2i.data"), Collector(logging.WARNING)
    log.addHandler(handler)
    propagates, log.propagate = log.propagate, False
    try:
        yield notes
    finally:
        log.propagate = propagates
        log.removeHandler(handler)
