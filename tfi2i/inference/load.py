"""A translator from a run folder, a SavedModel or a `.tflite` file."""

import logging
import re
from pathlib import Path

import keras

import tfi2i.models  # noqa: F401  (what a run's model.keras is made of)
import tfi2i.networks  # noqa: F401
from tfi2i.data.pixels import PixelType
from tfi2i.errors import reason
from tfi2i.inference import engines, tiles
from tfi2i.inference.described import described
from tfi2i.inference.noise import with_noise
from tfi2i.inference.shown import MadeInput, Size, Training, as_trained
from tfi2i.inference.translator import Translator
from tfi2i.recipes import stored
from tfi2i.recipes.config import ImportedConfig, TrainConfig

log = logging.getLogger(__name__)

DIRECTIONS = ("a2b", "b2a")

# How `tfi2i export` ends the names that it gives.
_NAME = re.compile(r"_(a2b|b2a)(_float16)?$")


def load(
    source: str | Path,
    direction: str | None = None,
    noise_seed: int | None = None,
    *,
    tile: int | None = None,
    tile_statistics: tiles.Statistics | None = None,
    size: Size = "native",
    input: MadeInput | None = None,
) -> Translator:
    """Loads a translator; its architecture comes from the files.

    Args:
        source: a run folder that `tfi2i train` made, a SavedModel folder (with or
            without its version), or a `.tflite` file.
        direction: `"a2b"` or `"b2a"`; None takes the one that there is, of two a2b.
        noise_seed: paints with dropout's noise, the paper's only source of variety
            (section 3), drawn from this seed; None paints without. Runs only.
        tile: side of the tiles, in pixels, in which larger images are painted, for
            images that memory does not hold at work; None paints images whole. What to
            expect of the seams is logged.
        tile_statistics: of what normalization takes its statistics where it takes them
            from what is painted: each tile (None) or, runs only, a small copy of the
            `"whole"` image.
        size: at which images are painted: `"native"` is their own; `"trained"` resizes
            them as training did, and what is painted back to their own size. The same
            for runs that were trained on crops at their own scale. Images of a run
            that another program trained are taken to have the size that it notes.
        input: `"edges"`, `"grayscale"` or `"downscale"` make the network's input from
            each image, such as a drawing from a photograph, as training does; None
            shows the image itself.

    Returns:
        A translator. Of a run it uses `model.keras`, or else an export. An export that
        is loaded by its own name shows white through transparent pixels; a run shows
        the background that it was trained with.

    Raises:
        FileNotFoundError: `source` does not exist.
        ValueError: it is none of the three, is not trained to the end, or lacks the
            direction or dropout; the tile is too small, an option does not apply, the
            trained size is not known, or the network takes no such input.
    """
    path = Path(source)
    _check_tiles(tile, tile_statistics, noise_seed)
    if tile is not None and size == "trained":
        raise ValueError(
            "--size trained paints small copies of images, and --tile large images in "
            "parts: leave one of the two out."
        )
    translator = _load(path, direction, noise_seed, tile, tile_statistics)
    training = Training.of(path, translator.direction or direction)
    return as_trained(translator, training, size, input)


def _load(path, direction, noise_seed, tile, tile_statistics):
    if direction not in (None, *DIRECTIONS):
        raise ValueError(f"--direction is {direction!r}; expected 'a2b' or 'b2a'.")
    if not path.exists():
        raise FileNotFoundError(f"'{path}' does not exist.")
    if (path / stored.CONFIG).is_file():
        return _from_run(path, direction, noise_seed, tile, tile_statistics)
    if not _is_export(path):
        raise ValueError(
            f"'{path}' is {_describe(path)}; expected a run folder (with "
            f"{stored.CONFIG}), a SavedModel folder (with saved_model.pb) or a .tflite "
            "file."
        )
    if noise_seed is not None:
        raise ValueError(
            f"'{path}' is an export, which paints without noise: --stochastic needs a "
            "run folder."
        )
    if direction is not None:
        _check_direction(path, direction)
    return _from_export(path, tile=tile, statistics=tile_statistics)


def trained_generators(run: Path) -> dict[str, keras.Model]:
    """The trained generators of a run by direction, as they paint.

    Where the run keeps running means of the weights, these are used.

    Raises:
        ValueError: the run is not trained to the end, or its model is damaged.
    """
    config = stored.read(run)
    path = run / stored.MODEL
    if not path.is_file():
        raise _unfinished(run, config)
    # The means are the optimizer's.
    has_means = config.optimizer.ema_momentum is not None
    try:
        model = keras.models.load_model(path, compile=has_means)
        if has_means:
            model.swap_averages()
        # What was imported is no trainer, but a generator itself.
        is_bare = isinstance(config.model, ImportedConfig)
        generators = [model] if is_bare else model.generators
        if config.precision != "float32":
            generators = [_in_float32(generator) for generator in generators]
        return dict(zip(stored.directions(config), generators, strict=True))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"Cannot read '{path}': {reason(error)}") from error


def _in_float32(generator):
    """A generator that was trained in mixed precision, whose weights are float32.

    Other runtimes take no bfloat16, and CPUs are not faster with it.
    """

    def copy(layer):
        return type(layer).from_config({**layer.get_config(), "dtype": "float32"})

    plain = keras.models.clone_model(generator, clone_function=copy)
    plain.set_weights(generator.get_weights())
    return plain


def pixel_types(
    config: TrainConfig, direction: str
) -> tuple[PixelType | None, PixelType | None]:
    """What a run's inputs and outputs are made of; None where it does not say.

    Args:
        config: of the run.
        direction: `"a2b"` or `"b2a"`.
    """
    domains = [config.data.domain_a, config.data.domain_b]
    if direction == "b2a":
        domains.reverse()
    return tuple(
        PixelType.of(domain.channels, domain.dtype, domain.low, domain.high)
        if domain.channels is not None
        else None
        for domain in domains
    )


def _check_tiles(tile, statistics, noise_seed):
    if statistics is not None and tile is None:
        raise ValueError(
            f"--tile-statistics is '{statistics}', but applies only with --tile; add "
            "that, or leave it out."
        )
    if tile is not None and noise_seed is not None:
        raise ValueError(
            "--stochastic draws a mask for a whole image, and --tile would draw one "
            "for each tile: leave one of the two out."
        )


def _from_run(run, direction, noise_seed, tile, statistics):
    config = stored.read(run)
    known = stored.directions(config)
    if direction not in (None, *known):
        remedy = f"train a run with --data.direction {direction}"
        if isinstance(config.model, ImportedConfig):
            remedy = f"import the generator of that way with --direction {direction}"
        raise ValueError(f"'{run}' translates {known[0]}, not {direction}: {remedy}.")
    direction = direction or known[0]
    if (run / stored.MODEL).is_file():
        generator = trained_generators(run)[direction]
        if noise_seed is not None:
            generator = with_noise(generator, noise_seed)
        pixels = pixel_types(config, direction)
        if tile is None:
            engine = engines.KerasEngine(generator, *pixels)
        else:
            statistics = statistics or "tile"
            engine = _told(tiles.tiled_generator(generator, tile, statistics, *pixels))
        return _translator(engine, config.data.background, direction)
    exports = [path for path in _exports(run) if _direction(path) == direction]
    if not exports or noise_seed is not None:
        raise _unfinished(run, config)
    return _from_export(exports[0], config.data.background, tile, statistics)


def _unfinished(run, config):
    exports = _exports(run)
    if exports:
        names = ", ".join(path.name for path in exports)
        return ValueError(
            f"'{run}' has no {stored.MODEL}, only exports ({names}): noise, other "
            "directions and further exports need it, so copy it here from where the "
            "run was trained."
        )
    if isinstance(config.model, ImportedConfig):
        return ValueError(
            f"'{run}' has no {stored.MODEL}: import {config.model.source} again."
        )
    return ValueError(
        f"'{run}' has no {stored.MODEL} yet. Train it to the end: "
        f"tfi2i train --resume {run}"
    )


def _exports(run):
    """What a run holds for other programs, SavedModels and exact files first."""
    paths = [path for path in (run / "export").glob("*") if _is_export(path)]
    return sorted(
        # A name with a dot is one that is being written, or was when it was killed.
        (path for path in paths if not path.name.startswith(".")),
        key=lambda path: (path.is_file(), path.stem.endswith("_float16"), path.name),
    )


def _is_export(path):
    if path.is_file():
        return path.suffix == ".tflite"
    return _saved_model(path) is not None


def _check_direction(path, direction):
    known = _direction(path)
    if known is None:
        raise ValueError(
            f"--direction is {direction!r}, but '{path}' does not say which way it "
            "translates, by a name that ends in _a2b or _b2a: leave --direction out."
        )
    if direction != known:
        raise ValueError(f"'{path}' translates {known}, not {direction}.")


def _direction(path):
    """Which way an export translates, None where its name does not say."""
    path = path.absolute()
    if path.suffix == ".tflite":
        name = path.stem
    else:
        # A SavedModel's folder may be that of one version.
        name = path.parent.name if path.name.isdecimal() else path.name
    found = _NAME.search(name)
    return found and found[1]


def _saved_model(path):
    """The folder of the newest version, None where there is no SavedModel."""
    if (path / "saved_model.pb").is_file():
        return path
    if not path.is_dir():
        return None
    versions = [
        folder
        for folder in path.iterdir()
        if folder.name.isdecimal() and (folder / "saved_model.pb").is_file()
    ]
    return max(versions, key=lambda folder: int(folder.name), default=None)


def _from_export(path, background="white", tile=None, statistics=None):
    if statistics == "whole":
        raise ValueError(
            f"'{path}' is an export, whose normalization cannot be told what to take: "
            "--tile-statistics whole needs a run folder with its model.keras."
        )
    direction = _direction(path)
    place = path if path.is_file() else _saved_model(path)
    pixels = described(place)
    run = stored.run_of(path)
    if None in pixels and run is not None:
        # What an older export does not say, its run does.
        config = stored.read(run)
        pixels = pixel_types(config, direction or stored.directions(config)[0])
    if path.is_file():
        engine = engines.TFLiteEngine(place, *pixels)
    else:
        engine = engines.SavedModelEngine(place, *pixels)
    if tile is not None and None in pixels and engine.input_pixels.dtype != "uint8":
        raise ValueError(
            f"'{path}' does not say which of its {engine.input_pixels.dtype} values "
            "are black and white, which --tile needs to know: export it again, or "
            "translate with its run."
        )
    if tile is not None:
        engine = _told(tiles.tiled_export(engine, tile))
    return _translator(engine, background, direction)


def _translator(engine, background, direction):
    return Translator(
        engine, engine.input_pixels, engine.output_pixels, background, direction
    )


def _told(tiled):
    engine, remark = tiled
    if remark is not None:
        log.info(remark)
    return engine


def _describe(path):
    if path.is_file():
        return f"a file of {path.stat().st_size} bytes"
    names = sorted(entry.name for entry in path.iterdir())
    if not names:
        return "an empty folder"
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"a folder with {shown}"
