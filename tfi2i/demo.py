"""`tfi2i demo`: from bundled images to a picture that the network painted."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from rich.console import Console
from rich.table import Table

from tfi2i.data.pixels import to_uint8
from tfi2i.data.reading import read_image
from tfi2i.evaluation.protocol import mean_image, score
from tfi2i.exports import Export, export
from tfi2i.exports.export_table import exports_table
from tfi2i.files import whole
from tfi2i.inference import load, translate_files
from tfi2i.recipes import build, stored, trained
from tfi2i.recipes.named import get
from tfi2i.training.callbacks import format_seconds, panel
from tfi2i.training.run import resume, train

RECIPE = "edges2emoji"
PICTURE = "demo.png"
ROWS = 6


def demo(run: Path) -> None:
    """Trains `edges2emoji` on the bundled images, scores, paints and exports it.

    A run that is there already is continued, or scored again where it is finished.

    Args:
        run: folder of the run. The picture, `demo.png` in it, has one row per test
            image: input, output, truth. `inputs/` holds the inputs as files, and
            `translated/` what each export made of them.

    Raises:
        ValueError, OSError, Interrupted: of `tfi2i.training.run`.
    """
    console = Console(highlight=False, markup=False)
    model = _trained(console, run)
    config = stored.read(run)
    test = build.load_data(config, "test")
    _print_scores(console, model, test, build.load_data(config, "train"))
    batch = next(iter(test.evaluation(len(test)).map(_spread)))
    images = model.paint(batch)
    with whole(run / PICTURE) as path:
        Image.fromarray(panel(*images.values())).save(path)
    console.print(f"Input, output, truth: {run / PICTURE}", soft_wrap=True)
    published = export(run)
    console.print(exports_table(run / "export", published))
    inputs, painted = (to_uint8(images[n]).numpy() for n in ("real_a", "fake_b"))
    gap = translate_with_exports(published, inputs, painted, run)
    console.print(
        f"SavedModel and TFLite translated {run / 'inputs'} into "
        f"{run / 'translated'}: at most {gap} of 255 levels from the trained model.",
        soft_wrap=True,
    )


def translate_with_exports(
    published: Sequence[Export], inputs: np.ndarray, expected: np.ndarray, run: Path
) -> int:
    """Translates files with each export.

    Args:
        published: exports of a run.
        inputs: uint8 `(count, height, width, 3)`, written into `inputs/` of the run.
        expected: likewise, what the trained model makes of them.
        run: the run's folder; an export's images go into `translated/` of it.

    Returns:
        The largest difference in 8-bit levels.

    Raises:
        ValueError: a difference is larger than rounding.
    """
    for index, image in enumerate(inputs):
        with whole(run / "inputs" / f"{index}.png") as path:
            Image.fromarray(image).save(path)
    largest = 0
    for item in published:
        folder = run / "translated" / item.format
        translator = load(item.path)
        report = translate_files(translator, run / "inputs", folder, overwrite=True)
        for path, wanted in zip(report.translated, expected, strict=True):
            gap = int(np.abs(np.int32(read_image(path)) - wanted).max())
            if gap > 1:
                raise ValueError(
                    f"'{path}' is {gap} of 255 levels from what the trained model "
                    f"paints; expected at most 1 from '{item.path}'."
                )
            largest = max(largest, gap)
    return largest


def _trained(console, run):
    if not (run / stored.CONFIG).exists():
        config = get(RECIPE).config
        console.print(
            f"Training {RECIPE} for {config.epochs} epochs on the bundled emoji: about "
            "four minutes on two CPU cores.",
            soft_wrap=True,
        )
        began = time.monotonic()
        model = train(config, run)
        console.print(f"Trained in {format_seconds(time.monotonic() - began)}.")
        return model
    if stored.read(run).recipe != RECIPE:
        raise ValueError(f"'{run}' is another run: choose another --run.")
    if (run / stored.MODEL).exists():
        console.print(f"{run} is trained already.", soft_wrap=True)
        return trained.read_keras(run / stored.MODEL)
    return resume(run)


def _spread(batch):
    """A few test images from all over the alphabet of emoji."""
    stride = tf.shape(batch["a"])[0] // ROWS
    return {name: images[: ROWS * stride : stride] for name, images in batch.items()}


def _print_scores(console, model, test, training):
    """Scores of the model and of two ways to do without one."""
    guess = mean_image(training.images["b"])
    ways = {
        "copying the input": lambda images: images,
        "the mean image": lambda images: tf.repeat(guess, tf.shape(images)[0], axis=0),
        "edges2emoji": lambda images: model(images, training=False),
    }
    table = Table("test images", "L1 (0 is best)", "SSIM (1 is best)")
    for name, translate in ways.items():
        scores = score(translate, test.evaluation(16))
        table.add_row(name, f"{scores.l1:.4f}", f"{scores.ssim:.3f}")
    table.caption = f"{scores.images} images that training never saw"
    console.print(table)
