"""`tfi2i evaluate`."""

import dataclasses
import typing
from pathlib import Path

from tfi2i.commands.parsing import CommandError, parse
from tfi2i.commands.tensorflow_context import loaded_tensorflow


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


def evaluate_options() -> type[typing.Any]:
    """Options of `tfi2i evaluate`."""
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
        """Images to score on."""
        direction: typing.Literal["a2b", "b2a"] | None = None
        """Direction, if the source translates both ways."""
        size: typing.Literal["trained", "native"] = "trained"
        """Score images resized as for training, or at their own size."""
        weights: typing.Literal["last", "best"] | None = None
        """Weights of a run: the last (None), or the best, which --keep-best keeps."""

    return EvaluateOptions


def evaluate(words: list[str]) -> None:
    """Runs `tfi2i evaluate`."""
    about = "Score translators against the true outputs of images they never saw."
    options = parse(evaluate_options(), words, "tfi2i evaluate", about)
    if not options.source:
        raise CommandError("tfi2i evaluate needs SOURCE; see tfi2i evaluate --help.")
    given = vars(options.data).items()
    data = {name: value for name, value in given if value is not None}
    with loaded_tensorflow():
        from rich.console import Console

        from tfi2i import evaluation
        from tfi2i.evaluation.score_table import scores_table

        results = evaluation.evaluate(**{**vars(options), "data": data})
        Console().print(scores_table(results))
