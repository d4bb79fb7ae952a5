"""The generators of a run or of a `.keras` file, and their pixel types."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import keras

from tfi2i.data.pixels import PixelType
from tfi2i.inference.export_files import exports_of
from tfi2i.models.extra_inputs import bind_defaults
from tfi2i.models.trainer import Trainer
from tfi2i.recipes import stored, trained
from tfi2i.recipes.config import TrainConfig
from tfi2i.ways import A2B, Way

SUFFIX = ".keras"


class Trained(NamedTuple):
    """Generators of a run or a `.keras` file, with the run's configuration.

    Attributes:
        generators: as they paint, by direction, which is None where the file does not
            say it; extra inputs have their defaults.
        config: of the run; None of a file that is not a run's own.
        extras: generators with extra inputs, by direction, as `Extras`.
    """

    generators: dict[str | None, keras.Model]
    config: TrainConfig | None
    extras: "dict[str | None, Extras]"


class Extras(NamedTuple):
    """A generator with all its inputs.

    Attributes:
        generator: from a list of an image and the extra inputs.
        defaults: values of the extra inputs for one image, by name, in order.
    """

    generator: keras.Model
    defaults: Mapping[str, Sequence]


def is_keras(source: Path) -> bool:
    """Whether a source is a `.keras` file."""
    return source.suffix == SUFFIX and source.is_file()


def read_trained(source: Path, weights: trained.Weights | None = None) -> Trained:
    """Reads trained generators.

    Where running means of the weights are kept, these are used.

    Args:
        source: folder of a run, or `.keras` file of a trainer or of a generator.
        weights: of a run; None are the last ones.

    Raises:
        ValueError: there is no model yet, it is damaged, or is no image translator;
            `weights` are not kept, or asked of a file.
    """
    if is_keras(source):
        refuse_weights(source, weights)
        config = _config_around(source)
        model = trained.read_keras(source, averaged=source.name != stored.BEST)
        if config is not None:
            model = trained.completed(model, config)
    else:
        config = stored.read(source)
        try:
            model = trained.model_of(source, config, weights, averaged=True)
        except FileNotFoundError:
            raise unfinished(source, config) from None
    # What was imported is no trainer, but a generator itself.
    is_trainer = isinstance(model, Trainer)
    if config is not None:
        ways = config.ways
    else:
        ways = model.ways if is_trainer else (A2B._replace(name=None),)
    if is_trainer and not model.ways:
        raise ValueError(
            f"'{source}' holds a {type(model).__name__}, which translates no images: "
            f"{model.instead}."
        )
    if is_trainer and [way.name for way in model.ways] != [way.name for way in ways]:
        raise ValueError(f"'{source}' holds another model than {stored.CONFIG} says.")
    generators, extras = {}, {}
    for way in ways:
        generator = model.translator(way) if is_trainer else model
        if way.defaults:
            extras[way.name] = Extras(_in_float32(generator), way.defaults)
            generator = bind_defaults(*extras[way.name])
        _check(source, generator)
        generators[way.name] = _in_float32(generator)
    return Trained(generators, config, extras)


def trained_generators(
    source: Path, weights: trained.Weights | None = None
) -> dict[str | None, keras.Model]:
    """`read_trained(source, weights).generators`."""
    return read_trained(source, weights).generators


def unfinished(run: Path, config: TrainConfig) -> ValueError:
    """The error for a run that has neither a model nor a backup.

    Args:
        run: its folder.
        config: of the run.
    """
    exports = exports_of(run)
    if exports:
        names = ", ".join(path.name for path in exports)
        return ValueError(
            f"'{run}' has no {stored.MODEL}, only exports ({names}): noise, other "
            "directions and further exports need it, so copy it here from where the "
            "run was trained."
        )
    remedy = config.model.untrained(shlex.quote(str(run)))
    return ValueError(f"'{run}' has no {stored.MODEL}{remedy}")


def refuse_weights(source: Path, weights: trained.Weights | None) -> None:
    """Refuses a choice of weights where a source has one set of them.

    Raises:
        ValueError: `weights` is not None.
    """
    if weights is not None:
        raise ValueError(
            f"'{source}' is no run, so it has one set of weights: leave --weights "
            f"{weights} out, or name the run's folder."
        )


def way_of(config: TrainConfig, direction: str | None) -> Way:
    """The way of a run that is called so; the first where nothing is asked."""
    ways = {way.name: way for way in config.ways}
    return ways.get(direction, config.ways[0])


def pixel_types(
    config: TrainConfig, direction: str | None
) -> tuple[PixelType | None, PixelType | None]:
    """Pixel types of a run's inputs and outputs; None where it does not say.

    Args:
        config: of the run.
        direction: name of a way; None is the first.
    """
    way = way_of(config, direction)
    domains = map(config.data.domain, (way.input, way.target))
    return tuple(
        PixelType.of(domain.channels, domain.dtype, domain.low, domain.high)
        if domain.channels is not None
        else None
        for domain in domains
    )


def _config_around(file):
    """The configuration of the run whose own model a file is."""
    is_own = file.name in (stored.MODEL, stored.BEST)
    run = file.absolute().parent
    return stored.read(run) if is_own and (run / stored.CONFIG).is_file() else None


def _check(source, generator):
    """Refuses all but functional models from images to images of the same size."""
    shapes = [getattr(generator, f"{end}_shape", None) for end in ("input", "output")]
    for shape in shapes:
        is_image = isinstance(shape, tuple) and len(shape) == 4
        if not is_image or not isinstance(shape[-1], int):
            raise ValueError(
                f"'{source}' holds no image translator, but a {_outline(shapes)}: "
                "expected a Pix2Pix, a CycleGAN, or a generator from (batch, height, "
                "width, channels) to the same."
            )
    if shapes[0][1:3] != shapes[1][1:3]:
        raise ValueError(
            f"'{source}' holds a {_outline(shapes)}: expected one that paints images "
            "of its inputs' size."
        )


def _outline(shapes):
    taken, made = shapes
    return f"model from {taken} to {made}"


def _in_float32(generator):
    """A generator that was trained in mixed precision, whose weights are float32.

    Other runtimes take no bfloat16, and CPUs are not faster with it.
    """
    if all(layer.compute_dtype == "float32" for layer in generator.layers):
        return generator

    def copy(layer):
        config = layer.get_config()
        # Operations, such as a sum that is written with +, have no numbers of theirs.
        if isinstance(layer, keras.layers.Layer):
            config["dtype"] = "float32"
        return type(layer).from_config(config)

    plain = keras.models.clone_model(generator, clone_function=copy)
    plain.set_weights(generator.get_weights())
    return plain
