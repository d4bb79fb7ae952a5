"""`tfi2i export`."""

import dataclasses
import typing
from pathlib import Path

from tfi2i.commands.parsing import parse
from tfi2i.commands.tensorflow_context import loaded_tensorflow


def export_options() -> type[typing.Any]:
    """Options of `tfi2i export`."""
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
        """Direction, if the source translates both ways; None exports both."""
        weights: typing.Literal["last", "best"] | None = None
        """Weights of a run: the last (None), or the best, which --keep-best keeps."""

    return ExportOptions


def export(words: list[str]) -> None:
    """Runs `tfi2i export`."""
    about = "Write a trained generator for other programs, proved equal to it."
    options = parse(export_options(), words, "tfi2i export", about)
    with loaded_tensorflow():
        from rich.console import Console

        from tfi2i import exports
        from tfi2i.exports.export_table import exports_table

        published = exports.export(**vars(options))
        folder = options.run if options.run.is_dir() else options.run.parent
        Console().print(exports_table(folder / "export", published))
