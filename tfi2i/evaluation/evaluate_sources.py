"""Scores of trained translators on pairs of images that they have not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tfi2i.data.pixels import from_float, to_float
from tfi2i.evaluation.protocol import Scores, score
from tfi2i.inference import load
from tfi2i.inference.generators import way_of
from tfi2i.inference.network_inputs import SIZES, Size
from tfi2i.recipes import splits, stored
from tfi2i.recipes.config import DataConfig, TrainConfig
from tfi2i.recipes.customize import checked_data
from tfi2i.recipes.imported import ImportedConfig
from tfi2i.recipes.named import usual_names
from tfi2i.recipes.trained import Weights
from tfi2i.ways import DIRECTIONS

# Whatever the batch, a translator paints the same; this many keep the cores busy.
BATCH_SIZE = 8

COPY = "copying the input"

LEAST_SIZE = 11
"""Side of the window of SSIM in pixels."""


class Evaluation(NamedTuple):
    """One line of results.

    Attributes:
        name: of the source, or `COPY`.
        direction: name of the way, such as `"a2b"`.
        size: height and width of the images in pixels; None where they differ.
        scores: against the truth.
        is_resized: whether images were resized for that, as for training.
    """

    name: str
    direction: str
    size: tuple[int | None, int | None]
    scores: Scores
    is_resized: bool = True


def evaluate(
    source: str | Path | Sequence[str | Path],
    data: Mapping[str, Any] | None = None,
    *,
    split: Literal["train", "val", "test"] = "test",
    direction: str | None = None,
    size: Size = "trained",
    weights: Weights | None = None,
) -> list[Evaluation]:
    """Scores translators, each on the images that its run would test on.

    Images are read as the run says: its folder, its layout, its input; whole, resized
    to its crop size, or at the scale that it was trained at where it does not resize.
    With `size="native"` they keep their own size, as `tfi2i translate` paints them.
    An export that lies in a run's folder has that run's configuration. A CycleGAN
    learns without pairs, but is scored on pairs, too.

    Args:
        source: one or several of those that `tfi2i.load` takes.
        data: fields of the run's `DataConfig` to change, such as `{"dir": "facades"}`
            if the images have moved. A source outside a run needs `dir` and
            `crop_size`.
        split: `"train"`, `"val"` or `"test"`.
        direction: `"a2b"` or `"b2a"`, if the source translates both ways; None is a2b.
        size: `"trained"` resizes images as training did, `"native"` does not.
        weights: of a run, the `"last"` (None) or the `"best"`.

    Returns:
        For each source its scores, and before them, where images or direction differ
        from those of the source before, what copying the input scores, if inputs and
        outputs have the same channels.

    Raises:
        ValueError: a source is not a translator, has no true outputs to compare with,
            lies outside a run where `data` does not say the crop size, or translates a
            way that only its run knows or within one domain; an argument does not
            apply.
        OSError: a source or the images are missing or damaged.
    """
    sources = [source] if isinstance(source, str | Path) else source
    if not sources:
        raise ValueError("evaluate needs at least one source.")
    changes = _with_size(checked_data(data or {}), size)
    return list(_scored(map(Path, sources), changes, split, direction, weights))


def _scored(sources, changes, split, direction, weights):
    compared, pairs = None, None
    for source in sources:
        translator = load(source, direction, weights=weights)
        config = _config(source, changes, translator.direction)
        way = way_of(config, translator.direction)
        if way.input == way.target:
            raise ValueError(
                f"'{source}' translates images within one domain ({way.label}), which "
                "have no true outputs to compare with: look at its samples instead."
            )
        data = _as_translated(config.data, translator, way)
        if (data, way) != compared:
            compared = data, way
            pairs = _pairs(data, split, way, "dir" in changes, config.recipe)
            taken, truth = pairs.images[way.input], pairs.images[way.target]
            shape = truth.image_shape[:2]
            # Images of several sizes go one by one.
            batches = pairs.evaluation(1 if None in shape else BATCH_SIZE)
            if taken.pixels.channels == truth.pixels.channels:
                scores = score(lambda images: images, batches, way, truth.pixels)
                yield Evaluation(COPY, way.label, shape, scores, data.is_resized)

        def translate(images, translator=translator):
            image = from_float(images, translator.input_pixels).numpy()
            return to_float(translator(image), translator.output_pixels)

        scores = score(translate, batches, way, truth.pixels)
        yield Evaluation(str(source), way.label, shape, scores, data.is_resized)


def _with_size(changes, size):
    """What is not as the runs say, `size` among it."""
    if size not in SIZES:
        raise ValueError(f"--size is {size!r}; expected 'trained' or 'native'.")
    if size == "trained":
        return changes
    resizing = {"preprocess": changes.get("preprocess", "none"), **changes}
    for name, value in resizing.items():
        if name == "crop_size" or (name == "preprocess" and value != "none"):
            raise ValueError(
                f"--size native keeps images as they are, but --data."
                f"{name.replace('_', '-')} is {value!r}: leave one of the two out."
            )
    return {**changes, "preprocess": "none"}


def _as_translated(data, translator, way):
    """The images that a translator takes and paints."""
    types = {way.input: translator.input_pixels, way.target: translator.output_pixels}
    domains = {
        f"domain_{domain}": replace(data.domain(domain), **vars(pixels))
        for domain, pixels in types.items()
    }
    return replace(data, **domains)


def _config(source, changes, direction):
    """The configuration of the run that a source is of, with other data."""
    if direction in DIRECTIONS:
        changes = {**changes, "direction": direction}
    run = stored.run_of(source)
    if run is not None:
        config = stored.read(run)
        if "dir" in changes:
            # The list is of the folder that the run was trained on.
            config = replace(config, data=replace(config.data, exclude=None))
        return replace(config, data=replace(config.data, **changes))
    if direction not in (None, *DIRECTIONS):
        raise ValueError(
            f"'{source}' translates {direction}, and lies in no run, which would say "
            "from which images to which: evaluate its run, or a copy in its folder."
        )
    has_size = "crop_size" in changes or changes.get("preprocess") == "none"
    if not has_size or "dir" not in changes:
        raise ValueError(
            f"'{source}' lies in no run, which would say how images are read: give "
            "--data.dir and --data.crop-size (or --size native)."
        )
    data = DataConfig(**{"load_size": changes.get("crop_size"), **changes})
    return TrainConfig(model=ImportedConfig(str(source)), data=data)


def _pairs(data, split, way, is_dir_given, recipe):
    least = min(data.crop_shape)
    if data.preprocess == "resize_and_crop" and least < LEAST_SIZE:
        raise ValueError(
            f"--data.crop-size is {least}; expected at least {LEAST_SIZE}, the window "
            "of SSIM."
        )
    try:
        how = splits.whole_images(data)
        pairs = splits.load_pairs(data, how, split, usual=usual_names(recipe))
    except FileNotFoundError as error:
        if is_dir_given:
            raise
        raise FileNotFoundError(
            f"{error}; say with --data.dir where the images are now"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"Scores need the true output of each input, and {error}"
        ) from error
    least = int(pairs.images[way.target].shapes.min())
    if least < LEAST_SIZE:
        raise ValueError(
            f"An image is {least} pixels small; expected at least {LEAST_SIZE}, the "
            "window of SSIM: leave it out with --data.exclude."
        )
    return pairs
