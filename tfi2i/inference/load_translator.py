"""A translator from a run, a `.keras` file, or an export."""

import logging
from pathlib import Path
from typing import NamedTuple

from tfi2i.inference import engines, tiles
from tfi2i.inference.export_files import (
    check_direction,
    direction_of,
    exports_of,
    is_export,
    saved_model,
)
from tfi2i.inference.export_metadata import described
from tfi2i.inference.generators import (
    is_keras,
    pixel_types,
    read_trained,
    refuse_weights,
    trained_generators,
    unfinished,
)
from tfi2i.inference.network_inputs import MadeInput, Size, Training, as_trained
from tfi2i.inference.noise import with_noise
from tfi2i.inference.onnx_engine import OnnxEngine
from tfi2i.inference.translator import Translator
from tfi2i.recipes import stored, trained
from tfi2i.ways import DIRECTIONS

log = logging.getLogger(__name__)


def load(
    source: str | Path,
    direction: str | None = None,
    noise_seed: int | None = None,
    *,
    tile: int | None = None,
    tile_statistics: tiles.Statistics | None = None,
    weights: trained.Weights | None = None,
    size: Size = "native",
    input: MadeInput | None = None,
) -> Translator:
    """Loads a translator; its architecture comes from the files.

    Args:
        source: a run folder that `tfi2i train` made, of a finished run or one that was
            stopped or still trains; a `.keras` file that holds a Pix2Pix, a CycleGAN
            or a generator; a SavedModel folder (with or without its version), a
            `.tflite` or an `.onnx` file (extra `onnx`).
        direction: `"a2b"` or `"b2a"`; None takes the one that there is, of two a2b.
        noise_seed: paints with dropout's noise, the paper's only source of variety
            (section 3), drawn from this seed; None paints without. Runs and `.keras`
            files only.
        tile: side of the tiles, in pixels, in which larger images are painted, for
            images that memory does not hold at work; None paints images whole. What to
            expect of the seams is logged.
        tile_statistics: of what normalization takes its statistics where it takes them
            from what is painted: each tile (None) or, of runs and `.keras` files only,
            a small copy of the `"whole"` image.
        weights: of a run: the `"last"` (None) or the `"best"`, where it was trained
            with `--keep-best`. Which epoch's they are is logged.
        size: at which images are painted: `"native"` is their own; `"trained"` resizes
            them as training did, and what is painted back to their own size. The same
            for runs that were trained on crops at their own scale. Images of a run
            that another program trained are taken to have the size that it notes.
        input: `"edges"`, `"grayscale"` or `"downscale"` make the network's input from
            each image, such as a drawing from a photograph, as training does; None
            shows the image itself.

    Returns:
        A translator, safe to call from several threads. Of a run it uses `model.keras`,
        or else the last backup, or else an export. Images of a `.keras` file that is
        not a run's own have 8 bits. An export or a file that is loaded by its own name
        shows white through transparent pixels; a run shows the background that it was
        trained with.

    Raises:
        FileNotFoundError: `source` does not exist.
        ValueError: it is none of these, has nothing trained yet, is damaged, or lacks
            the direction, weights or dropout; the tile is too small, an option does
            not apply, the trained size is not known, the network takes no such input,
            or an extra is not installed.
    """
    path = Path(source)
    _check_tiles(tile, tile_statistics, noise_seed)
    if tile is not None and size == "trained":
        raise ValueError(
            "--size trained paints small copies of images, and --tile large images in "
            "parts: leave one of the two out."
        )
    cut = _Cut(tile, tile_statistics)
    translator = _load(path, direction, noise_seed, weights, cut)
    training = Training.of(path, translator.direction or direction)
    return as_trained(translator, training, size, input)


def _load(path, direction, noise_seed, weights, cut):
    if not path.exists():
        raise FileNotFoundError(f"'{path}' does not exist.")
    if (path / stored.CONFIG).is_file():
        return _from_run(path, direction, noise_seed, weights, cut)
    if is_keras(path):
        return _from_keras(path, direction, noise_seed, weights, cut)
    if not is_export(path):
        raise ValueError(
            f"'{path}' is {_describe(path)}; expected a run folder (with "
            f"{stored.CONFIG}), a .keras file, a SavedModel folder (with "
            "saved_model.pb), a .tflite or an .onnx file."
        )
    refuse_weights(path, weights)
    if noise_seed is not None:
        raise ValueError(
            f"'{path}' is an export, which paints without noise: --stochastic needs a "
            "run folder or a .keras file."
        )
    if direction is not None:
        _check_direction(direction, (direction_of(path),))
        check_direction(path, direction)
    return _from_export(path, "white", cut)


def _check_direction(direction, known=()):
    """Refuses a word that is no direction anywhere."""
    if direction not in (None, *DIRECTIONS, *known):
        expected = " or ".join(repr(name) for name in known if name) or "'a2b' or 'b2a'"
        raise ValueError(f"--direction is {direction!r}; expected {expected}.")


class _Cut(NamedTuple):
    """How images are cut into tiles."""

    tile: int | None
    statistics: tiles.Statistics | None


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


def _from_run(run, direction, noise_seed, weights, cut):
    config = stored.read(run)
    known = [way.label for way in config.ways]
    _check_direction(direction, known)
    if known and direction not in (None, *known):
        remedy = config.model.other_way(direction)
        raise ValueError(
            f"'{run}' translates {' and '.join(known)}, not {direction}: {remedy}."
        )
    direction = direction or next(iter(known), None)
    exports = exports_of(run)
    # A model of no ways is refused where it is read.
    if weights is not None or not exports or trained.has_weights(run) or not known:
        generator = trained_generators(run, weights)[direction]
        pixels = pixel_types(config, direction)
        engine = _engine(generator, noise_seed, cut, *pixels)
        return _translator(engine, config.data.background, direction)
    there = [path for path in exports if direction_of(path) == direction]
    if not there or noise_seed is not None:
        raise unfinished(run, config)
    return _from_export(there[0], config.data.background, cut)


def _from_keras(path, direction, noise_seed, weights, cut):
    generators, config, _ = read_trained(path, weights)
    _check_direction(direction, generators)
    known = direction_of(path)
    if None not in generators:
        known = direction if direction in generators else next(iter(generators))
    if direction not in (None, known or direction):
        raise ValueError(f"'{path}' translates {known}, not {direction}.")
    way = direction or known
    generator = generators[way if way in generators else None]
    if config is None:
        return _translator(_engine(generator, noise_seed, cut), "white", way)
    engine = _engine(generator, noise_seed, cut, *pixel_types(config, way))
    return _translator(engine, config.data.background, way)


def _engine(generator, noise_seed, cut, *pixels):
    """What runs a generator that is in memory."""
    if noise_seed is not None:
        generator = with_noise(generator, noise_seed)
    if cut.tile is None:
        return engines.KerasEngine(generator, *pixels)
    statistics: tiles.Statistics = cut.statistics or "tile"
    return _with_remark_logged(
        tiles.tiled_generator(generator, cut.tile, statistics, *pixels)
    )


def _from_export(path, background, cut):
    if cut.statistics == "whole":
        raise ValueError(
            f"'{path}' is an export, whose normalization cannot be told what to take: "
            "--tile-statistics whole needs a run folder with its model.keras, or a "
            ".keras file."
        )
    direction = direction_of(path)
    place = saved_model(path) or path
    pixels = described(place)
    run = stored.run_of(path)
    if None in pixels and run is not None:
        # What an older export does not say, its run does.
        config = stored.read(run)
        pixels = pixel_types(config, direction)
    engine = _ENGINES.get(place.suffix, engines.SavedModelEngine)(place, *pixels)
    if cut.tile is not None:
        if None in pixels and engine.input_pixels.dtype != "uint8":
            raise ValueError(
                f"'{path}' does not say which of its {engine.input_pixels.dtype} "
                "values are black and white, which --tile needs to know: export it "
                "again, or translate with its run."
            )
        engine = _with_remark_logged(tiles.tiled_export(engine, cut.tile))
    return _translator(engine, background, direction)


_ENGINES = {".tflite": engines.TFLiteEngine, ".onnx": OnnxEngine}


def _translator(engine, background, direction):
    return Translator(
        engine, engine.input_pixels, engine.output_pixels, background, direction
    )


def _with_remark_logged(tiled):
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
