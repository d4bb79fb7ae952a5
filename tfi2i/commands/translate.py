"""`tfi2i translate`."""

import dataclasses
import sys
import typing
from pathlib import Path

from tfi2i.commands.parsing import parse
from tfi2i.commands.tensorflow_context import loaded_tensorflow
from tfi2i.files import check_exist


def translate_options() -> type[typing.Any]:
    """Options of `tfi2i translate`."""
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
        """Direction, if the source translates both ways."""
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
        """Translate images at their own size, or at that of training, resized back."""
        input: typing.Literal["edges", "grayscale", "downscale"] | None = None
        """Make the network's input from images; edges draws those of photographs."""
        half: typing.Literal["left", "right", "whole"] | None = None
        """Part of side-by-side images; None: the input's, if trained on such."""
        alpha: typing.Literal["flatten", "keep"] = "flatten"
        """Whether outputs keep the alpha of their inputs."""
        weights: typing.Literal["last", "best"] | None = None
        """Weights of a run: the last (None), or the best, which --keep-best keeps."""

    return TranslateOptions


def translate(words: list[str]) -> None:
    """Runs `tfi2i translate`.

    Raises:
        SystemExit: with status 1, where an image could not be translated.
    """
    about = "Translate an image, a folder or a glob; outputs keep their inputs' sizes."
    options = parse(translate_options(), words, "tfi2i translate", about)
    check_exist(options.source, options.images)
    with loaded_tensorflow():
        from tfi2i import api

        report = api.translate(**vars(options))
    for line in report.failed:
        print(f"tfi2i: error: {line}", file=sys.stderr)
    print(report.summary())
    if report.failed:
        sys.exit(1)
