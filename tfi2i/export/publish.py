"""From a run to its exports: write, compare with the trained model, publish."""

import json
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfi2i.export.saved_model import write_saved_model
from tfi2i.export.tflite import QUANTIZATIONS, write_tflite
from tfi2i.export.verify import Parity, compare, test_images
from tfi2i.files import whole
from tfi2i.inference.engines import TFLiteEngine
from tfi2i.inference.load import generator_of
from tfi2i.inference.sizes import at_inference, size_rule
from tfi2i.recipes import build, stored

log = logging.getLogger(__name__)

FORMATS = ("savedmodel", "tflite")
IMAGES = 32
REPORT = "report.json"

_EXACT = {"mean": 1e-5, "worst": 2e-4, "worst_levels": 1}
_ROUNDED = {"mean": 2e-3, "worst": 5e-2, "worst_levels": 8}


@dataclass(frozen=True)
class Export:
    """One published export.

    Attributes:
        path: of the SavedModel's version folder or the file.
        format: `"savedmodel"` or `"tflite"`.
        quantize: `"none"` or `"float16"`.
        bytes: on disk.
        parity: with the trained model.
    """

    path: Path
    format: str
    quantize: str
    bytes: int
    parity: Parity


def export(
    run: Path,
    formats: Sequence[str] = FORMATS,
    quantize: Sequence[str] = ("none",),
    size: int | None = None,
) -> list[Export]:
    """Exports a run's generator; nothing that differs from it is published.

    Each export is written under a temporary name, compared with the trained model on
    32 real images at four sizes, and renamed. SavedModels get the next version; a
    `.tflite` file is replaced.

    Args:
        run: folder of a finished run.
        formats: of `FORMATS`.
        quantize: forms of the TFLite weights, of `"none"` and `"float16"`.
        size: side of the one image that the `.tflite` takes; None for any size.

    Returns:
        What was published; `export/report.json` says the same.

    Raises:
        ValueError: an unknown format, an unfinished run, or an export that differs
            from the model.
        OSError: something cannot be written.
    """
    _check("--formats", formats, FORMATS)
    _check("--quantize", quantize, QUANTIZATIONS)
    config = stored.read(run)
    generator = generator_of(run)
    name = f"{run.resolve().name}_{config.data.direction}"
    rule = size_rule(generator)
    if size is not None and (size % rule.multiple or size < rule.minimum):
        raise ValueError(
            f"--tflite-size is {size}; expected a multiple of {rule.multiple}, at "
            f"least {rule.minimum}."
        )
    trained = _trained(generator)
    batches = test_images(_photos(config), config.data.crop_size, rule.multiple)
    folder = run / "export"
    published = []
    if "savedmodel" in formats:
        published.append(
            _publish_saved_model(generator, folder / name, trained, batches)
        )
    for kind in quantize if "tflite" in formats else ():
        suffix = "" if kind == "none" else f"_{kind}"
        path = folder / f"{name}{suffix}.tflite"
        published.append(_publish_tflite(generator, path, kind, size, trained, batches))
    _report(folder, published)
    return published


def _publish_saved_model(generator, base, trained, batches):
    partial = base.with_name(f".partial-{base.name}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        write_saved_model(generator, partial)
        exported = _float_signature(partial)
        parity = compare(trained, exported, batches)
        _check_parity(base, parity, _EXACT)
        base.mkdir(exist_ok=True)
        versions = [int(f.name) for f in base.iterdir() if f.name.isdecimal()]
        path = base / str(max(versions, default=0) + 1)
        os.rename(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return Export(path, "savedmodel", "none", size, parity)


def _publish_tflite(generator, path, kind, size, trained, batches):
    if size is not None:
        batches = [_squares(batch, size) for batch in batches]
    with whole(path) as partial:
        write_tflite(generator, partial, kind, size)
        engine = TFLiteEngine(partial)
        one_by_one = size is not None

        def exported(images):
            if one_by_one:
                return np.concatenate([engine.run(image[None]) for image in images])
            return engine.run(images)

        parity = compare(trained, exported, batches)
        _check_parity(path, parity, _EXACT if kind == "none" else _ROUNDED)
    return Export(path, "tflite", kind, path.stat().st_size, parity)


def _squares(batch, size):
    return np.uint8(tf.image.resize(batch, (size, size), method="nearest"))


def _trained(generator) -> Callable[[np.ndarray], np.ndarray]:
    """The model in memory, at the images' own sizes."""
    paint = tf.function(at_inference(generator), reduce_retracing=True)
    return lambda images: paint(tf.constant(images)).numpy()


def _float_signature(path):
    model = tf.saved_model.load(str(path))
    signature = model.signatures["float"]
    # The signature does not keep its model alive.
    return lambda images, model=model: signature(image=tf.constant(images))[
        "translated"
    ].numpy()


def _photos(config) -> np.ndarray:
    """Inputs that the run has not trained on, or bundled ones where it has moved."""
    try:
        splits = build.splits(config.data)
        split = next(name for name in ("val", "test", "train") if name in splits)
        images = build.load_data(config, split).real_a
    except (OSError, ValueError, StopIteration):
        log.info("the run's images are not here: comparing on bundled ones")
        moved = replace(config, data=replace(config.data, dir=None))
        images = build.load_data(moved, "test").real_a
    images = images[:IMAGES].numpy()
    return images[np.arange(IMAGES) % len(images)]


def _check(flag, values, choices):
    for value in values:
        if value not in choices:
            raise ValueError(
                f"{flag} is {value!r}; expected {' or '.join(map(repr, choices))}."
            )


def _check_parity(path, parity, bounds):
    for name, bound in bounds.items():
        value = getattr(parity, name)
        if not value <= bound:
            raise ValueError(
                f"'{path}' would not paint what the model paints: {name} differs by "
                f"{value:.2g}, expected at most {bound:.2g}. It was not published."
            )


def _report(folder, published):
    path = folder / REPORT
    entries = {}
    if path.is_file():
        entries = {entry["path"]: entry for entry in json.loads(path.read_text())}
    for item in published:
        relative = item.path.relative_to(folder).as_posix()
        entries[relative] = {
            **asdict(item),
            "path": relative,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        }
    with whole(path) as partial:
        partial.write_text(json.dumps(list(entries.values()), indent=2) + "\n")
