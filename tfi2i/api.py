"""Public functions that need several rooms: `tfi2i.train` and `tfi2i.translate`.

Arguments have the names of the commands' flags; nested fields of a configuration are
mappings. Only progress bars are printed; the rest is logged by the logger `tfi2i`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import keras

from tfi2i.inference import Report, load, translate_files
from tfi2i.inference.network_inputs import MadeInput, Size
from tfi2i.inference.tiles import Statistics
from tfi2i.interop.initial_weights import initial_networks
from tfi2i.recipes.config import TrainConfig
from tfi2i.recipes.customize import checked_data, customize, ready_to_train, with_fields
from tfi2i.recipes.named import RECIPES
from tfi2i.recipes.trained import Weights
from tfi2i.training import run as training_run

__all__ = ["train", "translate"]


def train(
    recipe: str | TrainConfig | None = None,
    *,
    run: str | Path | None = None,
    resume: str | Path | None = None,
    **fields: Any,
) -> keras.Model:
    """Trains a recipe into a run folder, or goes on with a run.

    Args:
        recipe: name of a recipe (`tfi2i.recipes.RECIPES`), or a configuration.
        run: folder to make; None is `saved_models/RECIPE`.
        resume: folder of a run to go on with, exactly where its last backup was made.
            Its images may have moved (`data={"dir": ...}`), `devices` and `epochs` may
            change; everything else stays as the run's configuration says.
        **fields: fields of `TrainConfig` that differ from the recipe: `epochs`,
            `seed`, `devices`, `limit`, `init_from` (a run, or a folder of PyTorch
            checkpoints), `keep_best` and `early_stop` (a validation loss or score),
            `patience`, and so on; `data`, `model` and `optimizer` as mappings of what
            differs in them, nested ones too. Names with dots work as well:
            `**{"data.dir": "facades"}`.

    Returns:
        The trained model; the run folder holds it, too.

    Raises:
        ValueError: there is no such recipe or field, a value cannot train, `run`
            exists, `resume` is not a run that can go on, or training diverged.
        OSError: images are missing or damaged, or the run cannot be written.
        tfi2i.training.run.Interrupted: on Ctrl-C or SIGTERM, after saving.

    Example:
        >>> model = tfi2i.train(
        ...     "pix2pix-facades",
        ...     data={"dir": "facades", "batch_size": 4},
        ...     optimizer={"learning_rate": 1e-4},
        ... )
        >>> model = tfi2i.train(resume="saved_models/pix2pix-facades", epochs=300)
    """
    if resume is not None:
        given: dict[str, Any] = {"recipe": recipe, "run": run}
        given = {name: value for name, value in given.items() if value is not None}
        return _resume(Path(resume), **given, **fields)
    if recipe is None:
        raise ValueError(
            f"train needs a recipe, or resume=RUN. Recipes: {', '.join(RECIPES)}."
        )
    if isinstance(recipe, TrainConfig):
        config = with_fields(recipe, fields)
    else:
        config = customize(recipe, fields)
    folder = Path("saved_models", config.recipe) if run is None else Path(run)
    return training_run.train(ready_to_train(config), folder, initial_networks)


def _resume(
    resumed: Path,
    /,
    *,
    data: Mapping[str, Any] | None = None,
    devices: int | None = None,
    epochs: int | None = None,
    **kept: Any,
) -> keras.Model:
    moved = checked_data(data or {})
    if "data.dir" in kept:
        moved["dir"] = kept.pop("data.dir")
    directory = moved.pop("dir", None)
    kept |= {f"data.{name}": value for name, value in moved.items()}
    if kept:
        raise ValueError(
            "resume takes data.dir, devices and epochs, and nothing else, because the "
            f"run keeps its configuration: leave {', '.join(sorted(kept))} out."
        )
    return training_run.resume(resumed, directory, devices, epochs)


def translate(
    source: str | Path,
    images: str | Path,
    output: str | Path,
    *,
    direction: str | None = None,
    overwrite: bool = False,
    stochastic: bool = False,
    seed: int | None = None,
    tile: int | None = None,
    tile_statistics: Statistics | None = None,
    size: Size = "native",
    input: MadeInput | None = None,
    half: Literal["left", "right", "whole"] | None = None,
    alpha: Literal["flatten", "keep"] = "flatten",
    weights: Weights | None = None,
) -> Report:
    """Translates an image, the images below a folder, or those that a glob matches.

    To translate arrays, or many times, see `tfi2i.load`.

    Args:
        source: run folder, `.keras` file, SavedModel folder, `.tflite` or `.onnx`
            file.
        images: image, folder or glob (INPUT of the command).
        output: image to write, or folder.
        direction: `"a2b"` or `"b2a"`, where the source knows both; None is a2b.
        overwrite: whether to replace outputs that exist.
        stochastic: whether to draw dropout's noise, as the paper does (runs and
            `.keras` files trained with dropout).
        seed: of that noise; None is 0.
        tile: side in pixels of the tiles in which larger images are translated; None
            translates them whole.
        tile_statistics: what normalization sees of a tiled image: `"tile"` (None), or
            a small copy of the `"whole"` image.
        size: `"native"` translates images at their own size, `"trained"` at the size
            of training, and resizes the result back.
        input: `"edges"`, `"grayscale"` or `"downscale"` makes the network's input from
            each image.
        half: `"left"`, `"right"` or `"whole"` of side-by-side images; None is the
            input's half, where the training images were such.
        alpha: `"flatten"` drops the alpha of images, `"keep"` copies it to outputs.
        weights: of a run, the `"last"` (None) or the `"best"`.

    Returns:
        The outputs that were written, those that were there already, and a line for
        each image that could not be translated.

    Raises:
        FileNotFoundError: `source` or `images` does not exist.
        FileExistsError: the one output exists.
        ValueError: `source` is not a translator, an argument does not apply to it,
            there are no images, or `output` cannot take them.
        OSError: an output cannot be written.
    """
    if seed is not None and not stochastic:
        raise ValueError(
            f"--seed is {seed}, but applies only with --stochastic; add that, or leave "
            "it out."
        )
    translator = load(
        source,
        direction,
        (seed or 0) if stochastic else None,
        tile=tile,
        tile_statistics=tile_statistics,
        weights=weights,
        size=size,
        input=input,
    )
    return translate_files(
        translator, images, output, overwrite=overwrite, half=half, alpha=alpha
    )
