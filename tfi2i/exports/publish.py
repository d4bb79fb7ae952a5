"""From a run to its exports: write, compare with the trained model, publish."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import keras

from tfi2i.data.pixels import PixelType
from tfi2i.exports.comparison_images import real_images
from tfi2i.exports.export_report import Export, add_to_report, read_report
from tfi2i.exports.export_source import Origin, read_origin
from tfi2i.exports.onnx import check_onnx, write_onnx
from tfi2i.exports.progress import steps
from tfi2i.exports.saved_model import write_float_model, write_saved_model
from tfi2i.exports.tflite import write_tflite
from tfi2i.exports.verify import (
    Painted,
    Parity,
    Translate,
    check,
    compare,
    paint,
    sizes_to_compare,
)
from tfi2i.files import make_folder, temporary_folder, whole
from tfi2i.inference.engines import KerasEngine, SavedModelEngine, TFLiteEngine
from tfi2i.inference.export_metadata import describe
from tfi2i.inference.onnx_engine import OnnxEngine
from tfi2i.inference.size_padding import size_rule
from tfi2i.recipes.trained import Weights

Format = Literal["savedmodel", "tflite", "onnx"]
Quantization = Literal["none", "float16"]
IMAGES = 32


def export(
    run: str | Path,
    *,
    formats: Format | Sequence[Format] = ("savedmodel", "tflite"),
    quantize: Quantization | Sequence[Quantization] = "none",
    tflite_size: int | None = None,
    direction: str | None = None,
    weights: Weights | None = None,
) -> list[Export]:
    """Exports trained generators; nothing that differs from them is published.

    Each export is written under a temporary name, compared with the trained model on
    32 real images at four sizes, and renamed. SavedModels get the next version; a
    file is replaced.

    Args:
        run: folder of a run, finished or stopped, whose exports go into its folder
            `export`; or a `.keras` file of a trainer or a generator, whose exports go
            into a folder `export` beside it, under the file's name.
        formats: of `"savedmodel"`, `"tflite"` and `"onnx"` (extra `onnx`).
        quantize: weights of the `.tflite` files, `"none"` or `"float16"`, one file
            for each.
        tflite_size: side in pixels of the one image that a `.tflite` takes; None for
            any size.
        direction: `"a2b"` or `"b2a"`; None exports every generator that there is. It
            names the exports of a `.keras` file that does not say which way it paints.
        weights: of a run: the `"last"` (None) or the `"best"`.

    Returns:
        What was published; `export/report.json` says the same.

    Raises:
        ValueError: an unknown format or one whose extra is missing, a run without
            trained weights or those asked for, a damaged file, a direction that it has
            not, an older report that is damaged, or an export that differs from the
            model.
        OSError: something cannot be written, or lies in the way.
    """
    formats = [formats] if isinstance(formats, str) else formats
    quantize = [quantize] if isinstance(quantize, str) else quantize
    _check_choice("--formats", formats, get_args(Format))
    _check_choice("--quantize", quantize, get_args(Quantization))
    if "onnx" in formats:
        check_onnx()
    origin = read_origin(Path(run), direction, weights)
    for generator in origin.generators.values():
        _check_size(tflite_size, size_rule(generator))
    make_folder(origin.folder)
    read_report(origin.folder)
    published = []
    generators = origin.generators
    with steps(len(generators) * _step_count(formats, quantize)) as begin:
        for way, generator in generators.items():
            # What exports are compared with may not depend on how often it is asked.
            engine = KerasEngine(generator, *origin.pixels(way), own_graphs=False)
            trained = Trained(generator, engine, origin.base(way), way, begin)
            # Written down one by one: a later one may fail, or be interrupted.
            for item in _publish(trained, origin, way, formats, quantize, tflite_size):
                item = replace(item, weights=weights or "last")
                add_to_report(origin.folder, item)
                published.append(item)
    return published


class Trained(NamedTuple):
    """A trained generator, what runs it, and where its exports go.

    Attributes:
        generator: `keras.Model` on [-1, 1].
        engine: knows what its images are made of.
        base: path with which the names of its exports begin.
        way: name of what it translates; None where nothing says it.
        begin: called with the name of each step.
    """

    generator: keras.Model
    engine: KerasEngine
    base: Path
    way: str | None
    begin: Callable[[str], None]

    @property
    def pixels(self) -> tuple[PixelType, PixelType]:
        """Of inputs and of outputs."""
        return self.engine.input_pixels, self.engine.output_pixels

    def compare(
        self,
        path: Path,
        painted: Sequence[Painted],
        on_floats: Translate,
        on_stored: Translate,
        on_files: Callable[[list[bytes]], list[bytes]] | None = None,
        quantize: str = "none",
    ) -> Parity:
        """What `verify.compare` finds, where `verify.check` lets it pass."""
        self.begin(f"comparing {path.name} with the trained model")
        parity = compare(painted, on_floats, on_stored, on_files)
        check(path, parity, self.generator, quantize)
        return parity


def _step_count(formats, quantize):
    files = ("savedmodel" in formats) + ("onnx" in formats)
    # Each is written and compared, after images have been painted once.
    return 1 + 2 * (files + len(quantize) * ("tflite" in formats))


def _publish(trained, origin, way, formats, quantize, size):
    """Exports one generator."""
    trained.begin(f"painting images with the trained model, {trained.base.name}")
    config = origin.config
    photos = real_images(config, way, IMAGES, trained.engine.input_pixels)
    stride = size_rule(trained.generator).multiple
    sizes = sizes_to_compare(config.data.crop_shape, stride)
    painted = paint(trained.engine, photos, sizes)
    if "savedmodel" in formats:
        yield _publish_saved_model(trained, origin, painted)
    if "onnx" in formats:
        yield _publish_onnx(trained, origin, painted)
    if "tflite" in formats:
        if size is not None:
            painted = paint(trained.engine, photos, [(size, size)] * 4)
        yield from _publish_tflites(trained, origin, painted, quantize, size)


def _publish_saved_model(
    trained: Trained, origin: Origin, painted: Sequence[Painted]
) -> Export:
    base, background = trained.base, origin.config.data.background
    trained.begin(f"writing {base.name}")
    with temporary_folder(base) as partial:
        extras = origin.extras.get(trained.way)
        write_saved_model(
            trained.generator, partial, background, *trained.pixels, extras=extras
        )
        describe(partial, *trained.pixels, trained.way)
        engine = SavedModelEngine(partial, *trained.pixels)
        on_files = engine.encoded if engine.takes_files else None
        parity = trained.compare(base, painted, engine.run, engine, on_files)
        path = _next_version(base, partial)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return Export(path, "savedmodel", "none", size, parity)


def _next_version(base, partial):
    """Renames a SavedModel to the first version that is free."""
    make_folder(base)
    while True:
        versions = [int(f.name) for f in base.iterdir() if f.name.isdecimal()]
        path = base / str(max(versions, default=0) + 1)
        try:
            return partial.rename(path)
        except OSError:
            # Another process may have published this version meanwhile.
            if not path.exists():
                raise


def _publish_onnx(
    trained: Trained, origin: Origin, painted: Sequence[Painted]
) -> Export:
    path = trained.base.with_name(f"{trained.base.name}.onnx")
    origin.check_free(path)
    trained.begin(f"writing {path.name}")
    with whole(path) as partial:
        write_onnx(trained.generator, partial)
        describe(partial, *trained.pixels, trained.way)
        engine = OnnxEngine(partial, *trained.pixels)
        parity = trained.compare(path, painted, engine.run, engine)
    return Export(path, "onnx", "none", path.stat().st_size, parity)


def _publish_tflites(
    trained: Trained,
    origin: Origin,
    painted: Sequence[Painted],
    quantize: Sequence[str],
    size: int | None,
) -> Iterator[Export]:
    with tempfile.TemporaryDirectory() as folder:
        write_float_model(trained.generator, Path(folder), size)
        for kind in quantize:
            suffix = "" if kind == "none" else f"_{kind}"
            path = trained.base.with_name(f"{trained.base.name}{suffix}.tflite")
            origin.check_free(path)
            trained.begin(f"writing {path.name}")
            with whole(path) as partial:
                write_tflite(Path(folder), partial, kind)
                describe(partial, *trained.pixels, trained.way)
                engine = TFLiteEngine(partial, *trained.pixels)
                parity = trained.compare(
                    path, painted, engine.run, engine, quantize=kind
                )
            yield Export(path, "tflite", kind, path.stat().st_size, parity)


def _check_size(size, rule):
    if size is not None and not rule.fits(size):
        raise ValueError(
            f"--tflite-size is {size}; expected a multiple of {rule.multiple}, at "
            f"least {rule.minimum}."
        )


def _check_choice(flag, values, choices):
    for value in values:
        if value not in choices:
            raise ValueError(
                f"{flag} is {value!r}; expected {' or '.join(map(repr, choices))}."
            )
