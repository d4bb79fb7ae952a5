"""The words after a command, read as dataclasses; mistakes explained in one line.

tyro parses. It explains mistakes in boxes over many lines, so where it refuses, the
words are walked again here to say the same in one.
"""

import contextlib
import dataclasses
import io
import typing
from pathlib import Path
from typing import TypeVar

from tfi2i.home import with_home
from tfi2i.mistakes import explain

if typing.TYPE_CHECKING:
    from tfi2i.recipes.config import TrainConfig
    from tfi2i.recipes.named import Recipe

Options = TypeVar("Options")


class CommandError(ValueError):
    """A command line that cannot be carried out, explained in one line."""


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """A command without options."""


@dataclasses.dataclass(frozen=True)
class MovedData:
    """Where the images of a run are now."""

    dir: str | None = None
    """Folder of the images, if they have moved; None is where they were."""


@dataclasses.dataclass(frozen=True)
class ResumeOptions:
    """What `tfi2i train --resume` takes."""

    resume: Path
    """Folder of the run to go on with."""
    epochs: int | None = None
    """Epochs to have in all, more or fewer than were asked for; None is as before. The
    learning rate falls over the last ones of these, over as many as before."""
    devices: int | None = None
    """GPUs to use now; None is as many as before."""
    data: MovedData = dataclasses.field(default_factory=MovedData)
    """Images."""


@dataclasses.dataclass(frozen=True)
class DemoOptions:
    """What `tfi2i demo` takes."""

    run: Path = Path("saved_models/demo")
    """Folder of the run."""


def parse(
    kind: type[Options],
    words: list[str],
    program: str,
    about: str,
    default: Options | None = None,
) -> Options:
    """Read `words` as the fields of the dataclass `kind`.

    Args:
        kind: a dataclass whose field docstrings are the help.
        words: what follows the command.
        program: the command, as help shows it.
        about: one sentence for the help.
        default: an instance whose values hold where no flag says otherwise.

    Returns:
        An instance of `kind`; `~` at the beginning of a path is the home folder, which
        shells leave alone in `--run=~/r`.

    Raises:
        CommandError: for words that do not fit.
        SystemExit: after showing help.
    """
    import tyro

    boxes = io.StringIO()
    given = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(boxes):
            said = tyro.cli(kind, args=words, prog=program, description=about, **given)
            return with_home(said)
    except SystemExit as stop:
        if not stop.code:
            raise
    # tyro explains in a box over many lines; its text is the last resort.
    text = " ".join(
        boxes.getvalue().translate(dict.fromkeys(map(ord, "╭─╮│╰╯"))).split()
    )
    raise CommandError(explain(kind, words, program) or text)


def parse_training(
    name: str, recipe: "Recipe", words: list[str]
) -> tuple["TrainConfig", Path]:
    """Read the options of `tfi2i train RECIPE`.

    Args:
        name: of the recipe.
        recipe: whose configuration holds where no flag says otherwise.
        words: what follows RECIPE.

    Returns:
        The configuration, not resolved, and the folder of the run.

    Raises:
        CommandError: for words that do not fit.
        SystemExit: after showing help.
    """
    import tyro

    from tfi2i.recipes.config import TrainConfig
    from tfi2i.recipes.resolve import without_unused

    fields = [field.name for field in dataclasses.fields(TrainConfig)]
    model_kind = type(recipe.config.model)

    @dataclasses.dataclass(frozen=True)
    class TrainOptions(TrainConfig):
        recipe: typing.Annotated[str, tyro.conf.Suppress] = ""
        # Of all models' options, those of this recipe's.
        model: model_kind = dataclasses.field(default_factory=model_kind)
        """Networks and losses."""
        run: Path = Path("saved_models") / name
        """Folder of the run."""

    recipe_values = {field: getattr(recipe.config, field) for field in fields}
    options = parse(
        TrainOptions,
        words,
        f"tfi2i train {name}",
        f"Learn {recipe.summary}.\nCost: {recipe.cost}.\nScores: {recipe.scores}.",
        TrainOptions(**recipe_values),
    )
    values = {field: getattr(options, field) for field in fields}
    return without_unused(TrainConfig(**values), recipe.config), options.run


def translate_options() -> type:
    """What `tfi2i translate` takes."""
    from tyro.conf import Positional, arg

    @dataclasses.dataclass(frozen=True)
    class TranslateOptions:
        source: typing.Annotated[Positional[Path], arg(metavar="SOURCE")]
        """Run folder, .keras file, SavedModel folder, .tflite or .onnx file."""
        images: typing.Annotated[Positional[str], arg(metavar="INPUT")]
        """Image, folder of images, or glob in quotes."""
        output: typing.Annotated[Positional[Path], arg(metavar="OUTPUT")]
        """Image to write, or folder."""
        direction: typing.Literal["a2b", "b2a"] | None = None
        """Which way, where the source knows both."""
        overwrite: bool = False
        """Replace outputs that exist."""
        stochastic: bool = False
        """Paint with dropout's noise, as the paper does (runs trained with dropout)."""
        seed: int | None = None
        """Seed of that noise; None is 0."""
        tile: int | None = None
        """Side of the tiles, in pixels, in which larger images are painted; None paints
        images whole."""
        tile_statistics: typing.Literal["tile", "whole"] | None = None
        """What normalization sees of a tiled image: each tile (None), or a small copy
        of the whole."""
        size: typing.Literal["native", "trained"] = "native"
        """Paint at images' own size, or at that of training, enlarged back."""
        input: typing.Literal["edges", "grayscale", "downscale"] | None = None
        """Make the network's input from images: edges draws photographs."""
        half: typing.Literal["left", "right", "whole"] | None = None
        """Part of side-by-side images; None: the input's, if training's were such."""
        alpha: typing.Literal["flatten", "keep"] = "flatten"
        """Whether outputs keep the alpha of their inputs."""
        weights: typing.Literal["last", "best"] | None = None
        """Of a run: the last ones (None), or the best, which --keep-best keeps."""

    return TranslateOptions


def export_options() -> type:
    """What `tfi2i export` takes."""
    from tyro.conf import Positional, arg

    @dataclasses.dataclass(frozen=True)
    class ExportOptions:
        run: typing.Annotated[Positional[Path], arg(metavar="SOURCE")]
        """Run folder, or .keras file; exports go to export/ in it, or beside it."""
        formats: tuple[typing.Literal["savedmodel", "tflite", "onnx"], ...] = (
            "savedmodel",
            "tflite",
        )
        """What to write; onnx needs the extra of that name."""
        quantize: tuple[typing.Literal["none", "float16"], ...] = ("none",)
        """Weights of the .tflite files; one file each."""
        tflite_size: int | None = None
        """Side of the one image that the .tflite takes; None: any size."""
        direction: typing.Literal["a2b", "b2a"] | None = None
        """Which way, where the source knows both; None exports both."""
        weights: typing.Literal["last", "best"] | None = None
        """Of a run: the last ones (None), or the best, which --keep-best keeps."""

    return ExportOptions


@dataclasses.dataclass(frozen=True)
class EvaluationData:
    """The images to compare with; None takes what the run was trained with."""

    dir: str | None = None
    """Folder of the images."""
    layout: typing.Literal["auto", "side_by_side", "folders", "targets"] | None = None
    """How images lie on disk; auto looks at the folder."""
    a: str | None = None
    """Name of domain A's folder."""
    b: str | None = None
    """Name of domain B's folder."""
    exclude: str | None = None
    """File that lists images to leave out."""
    input: typing.Literal["files", "edges", "grayscale", "downscale"] | None = None
    """Where inputs come from: files, or made from the target image (edges by Canny)."""
    preprocess: typing.Literal["resize_and_crop", "none"] | None = None
    """Whether images are resized to the crop size, or scored at their own."""
    crop_size: int | None = None
    """Side to which images are resized, in pixels."""


def evaluate_options() -> type:
    """What `tfi2i evaluate` takes."""
    from tyro.conf import Positional, arg

    @dataclasses.dataclass(frozen=True)
    class EvaluateOptions:
        source: typing.Annotated[
            Positional[tuple[Path, ...]], arg(metavar="SOURCE [SOURCE ...]")
        ]
        """Run folders, .keras files, SavedModel folders, .tflite or .onnx files."""
        data: EvaluationData = dataclasses.field(default_factory=EvaluationData)
        """Images, pairs of input and truth."""
        split: typing.Literal["train", "val", "test"] = "test"
        """Which images."""
        direction: typing.Literal["a2b", "b2a"] | None = None
        """Which way, where the source knows both."""
        size: typing.Literal["trained", "native"] = "trained"
        """Score images resized as for training, or at their own size."""
        weights: typing.Literal["last", "best"] | None = None
        """Of a run: the last ones (None), or the best, which --keep-best keeps."""

    return EvaluateOptions


def import_options() -> type:
    """What `tfi2i import` takes."""
    from tyro.conf import Positional, arg

    @dataclasses.dataclass(frozen=True)
    class ImportOptions:
        source: typing.Annotated[Positional[str], arg(metavar="SOURCE")]
        """PyTorch checkpoint, Keras 2 model, or the name of a published generator
        (tfi2i import --list)."""
        run: typing.Annotated[Positional[Path], arg(metavar="RUN")]
        """Folder to make."""
        direction: typing.Literal["a2b", "b2a"] = "a2b"
        """Which way it translates."""
        key: str | None = None
        """Which network, where the file holds several."""
        dropout: float | None = None
        """Rate it was trained with; None: 0.5 with batch norm, else 0 (PyTorch)."""
        statistics: typing.Literal["image", "stored"] | None = None
        """What batch norm uses when painting; None is image (PyTorch)."""
        architecture: str | None = None
        """Of weights alone: model.json, or keras-cyclegan (Keras 2)."""
        mirror: str | None = None
        """Host to fetch published generators from; None is their authors'."""

    return ImportOptions
