"""`tfi2i demo`: from bundled images to a picture that the network painted."""

import time
from pathlib import Path

import keras
import tensorflow as tf
from PIL import Image
from rich.console import Console
from rich.table import Table

from tfi2i.evaluation import mean_image, score
from tfi2i.files import whole
from tfi2i.recipes import build, stored
from tfi2i.recipes.named import get
from tfi2i.training.callbacks import format_seconds, panel
from tfi2i.training.run import MODEL, resume, train

RECIPE = "edges2emoji"
PICTURE = "demo.png"
ROWS = 6


def demo(run: Path) -> None:
    """Trains `edges2emoji` on the bundled images, scores it and paints a picture.

    A run that is there already is continued, or scored again where it is finished.

    Args:
        run: folder of the run. The picture, `demo.png` in it, has one row per test
            image: input, output, truth.

    Raises:
        ValueError, OSError, Interrupted: of `tfi2i.training.run`.
    """
    console = Console(highlight=False)
    model = _trained(console, run)
    config = stored.read(run)
    test = build.load_data(config.data, "test")
    _print_scores(console, model, test, build.load_data(config.data, "train"))
    real_a, real_b = next(iter(test.evaluation(len(test)).map(_spread)))
    fake_b = model(real_a, training=False)
    with whole(run / PICTURE) as path:
        Image.fromarray(panel(real_a, fake_b, real_b)).save(path)
    console.print(f"Input, output, truth: {run / PICTURE}", soft_wrap=True)


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
    if (run / MODEL).exists():
        console.print(f"{run} is trained already.", soft_wrap=True)
        return keras.models.load_model(run / MODEL)
    return resume(run)


def _spread(real_a, real_b):
    """A few test images from all over the alphabet of emoji."""
    stride = tf.shape(real_a)[0] // ROWS
    return real_a[: ROWS * stride : stride], real_b[: ROWS * stride : stride]


def _print_scores(console, model, test, training):
    """Scores of the model and of two ways to do without one."""
    guess = mean_image(training.real_b)
    ways = {
        "copying the input": lambda real_a: real_a,
        "the mean image": lambda real_a: tf.repeat(guess, tf.shape(real_a)[0], axis=0),
        "edges2emoji": lambda real_a: model(real_a, training=False),
    }
    table = Table("test images", "L1 (0 is best)", "SSIM (1 is best)")
    for name, translate in ways.items():
        scores = score(translate, test.evaluation(16))
        table.add_row(name, f"{scores.l1:.4f}", f"{scores.ssim:.3f}")
    table.caption = f"{scores.images} images that training never saw"
    console.print(table)
