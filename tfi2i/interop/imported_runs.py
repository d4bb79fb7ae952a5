"""Makes run folders of generators that other programs trained."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras

from tfi2i.files import check_is_new, sha256, whole_folder
from tfi2i.interop.keras2 import from_addons
from tfi2i.interop.pytorch import checkpoint, identify
from tfi2i.interop.pytorch.conversion import Dropped, Used, convert
from tfi2i.network_sizes import unet_sizes
from tfi2i.recipes import stored
from tfi2i.recipes.config import DataConfig, DomainConfig, TrainConfig
from tfi2i.recipes.imported import ImportedConfig

CHOOSE_ANOTHER = "choose another folder"
"""What to do where the folder of a run is not new."""

_SIZE = 256
"""Training size of the reference, used if the network does not fix one."""


@dataclass(frozen=True)
class Imported:
    """A run made of a checkpoint.

    Attributes:
        run: the new folder.
        outline: the network in words.
        used: the checkpoint's tensors, and the weights that they became.
        dropped: tensors that were not needed, and why.
        notes: what the file did not tell and was assumed.
    """

    run: Path
    outline: str
    used: Sequence[Used]
    dropped: Sequence[Dropped]
    notes: Sequence[str]


def import_torch(
    source: Path,
    run: Path,
    *,
    direction: Literal["a2b", "b2a"] = "a2b",
    key: str | None = None,
    dropout: float | None = None,
    statistics: Literal["image", "stored"] | None = None,
) -> Imported:
    """Makes a run of a PyTorch generator, for translation and export.

    Args:
        source: checkpoint, such as `latest_net_G.pth`.
        run: folder to make.
        direction: which way it translates.
        key: which network, if the file holds several.
        dropout: rate that it was trained with, for `--stochastic`; None takes the
            reference's default: 0.5 with batch norm (pix2pix), else 0.
        statistics: what batch norm uses at inference; None takes `"image"`, as the
            reference's test script.

    Raises:
        OSError: `source` cannot be read, or `run` cannot be written.
        FileExistsError: `run` is not empty.
        ValueError: `source` is not a supported generator.
    """
    check_is_new(run, remedy=CHOOSE_ANOTHER)
    tensors = checkpoint.read(source, key)
    try:
        found = identify.infer(tensors)
        if found.kind != "generator":
            raise ValueError(
                f"it is a discriminator ({found}), which paints nothing; name the "
                "generator's file, or train a recipe with --init-from"
            )
        has_batch_norm = found.norm == "batch"
        if statistics is None:
            statistics = "image" if has_batch_norm else "stored"
        elif not has_batch_norm:
            raise ValueError(
                f"--statistics is {statistics!r}, but applies only with batch norm, "
                f"and this is a {found}; leave it out"
            )
        if dropout is None:
            dropout = 0.5 if has_batch_norm else 0.0
        converted = convert(
            tensors, dropout=dropout, statistics=statistics, consume=True
        )
    except ValueError as error:
        raise ValueError(f"Cannot import '{source}': {error}") from error
    outline = str(converted.architecture)
    model = ImportedConfig(source.name, sha256(source), outline)
    size = _SIZE
    if found.network == "unet":
        size = unet_sizes(found.num_downs).minimum
    _write_run(converted.network, model, run, direction, size)
    notes = (*converted.notes, *_channel_notes(converted.network))
    return Imported(run, outline, converted.used, converted.dropped, notes)


def import_keras2(
    source: Path,
    run: Path,
    *,
    direction: Literal["a2b", "b2a"] = "a2b",
    key: str | None = None,
    architecture: str | None = None,
) -> Imported:
    """Makes a run of a Keras 2 generator, as a rule with tensorflow-addons' layers.

    Args:
        source: `path` of `from_addons`.
        run: folder to make.
        direction: which way it translates.
        key: `part` of `from_addons`.
        architecture: see `from_addons`; a path or a name.

    Raises:
        OSError: `source` cannot be read, or `run` cannot be written.
        FileExistsError: `run` is not empty.
        ValueError: `source` is not a generator that can be rebuilt.
    """
    check_is_new(run, remedy=CHOOSE_ANOTHER)
    try:
        generator = from_addons(
            source, architecture=architecture, part=key, free_size=True
        )
    except ValueError as error:
        # On the command line, the arguments have other names.
        line = re.sub(r"\barchitecture=(?=\W|$)", "--architecture", str(error))
        line = re.sub(r"\bpart=(?=[\s.,;:]|$)", "--key", line)
        raise ValueError(line.replace("part=", "--key ")) from error
    taken, made = generator.input_shape, generator.output_shape
    if len(taken) != 4 or len(made) != 4 or made[-1] == 1 < taken[-1]:
        raise ValueError(
            f"'{source}' is no generator: it makes {made} of {taken}; expected images "
            "of images."
        )
    digest = sha256(source) if source.is_file() else ""
    outline = f"Keras 2 model, {taken[-1]} to {made[-1]} channels"
    model = ImportedConfig(source.name, digest, outline)
    _write_run(generator, model, run, direction, taken[1] or _SIZE)
    return Imported(run, outline, (), (), tuple(_channel_notes(generator)))


def _channel_notes(generator):
    count = generator.input_shape[-1]
    if count != 3:
        yield (
            f"it takes images of {count} channels, and tfi2i translate and evaluate "
            "read pictures with 3: use it in Python, with tfi2i.load"
        )


def _write_run(
    generator: keras.Model, model: ImportedConfig, run: Path, direction: str, size: int
) -> None:
    """Writes a run of a generator for images of `size` pixels, whole or not at all."""
    domains = [
        DomainConfig(channels=shape[-1], dtype="uint8", low=0.0, high=255.0)
        for shape in (generator.input_shape, generator.output_shape)
    ]
    domain_a, domain_b = domains if direction == "a2b" else reversed(domains)
    data = DataConfig(
        direction=direction,
        crop_size=size,
        load_size=size,
        domain_a=domain_a,
        domain_b=domain_b,
    )
    config = TrainConfig(recipe="imported", model=model, data=data, epochs=0)
    with whole_folder(run) as partial:
        stored.write(config, partial)
        generator.save(partial / stored.MODEL)
