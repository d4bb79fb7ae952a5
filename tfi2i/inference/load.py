"""A translator from a run folder, a SavedModel or a `.tflite` file."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from PIL import Image

import tfi2i.models  # noqa: F401  (what a run's model.keras is made of)
import tfi2i.networks  # noqa: F401
from tfi2i.inference import engines
from tfi2i.inference.noise import with_noise
from tfi2i.recipes import stored

DIRECTIONS = ("a2b", "b2a")


class Translator:
    """Translates images of any size, one direction.

    Arrays are uint8, `(height, width, channels)` or
    `(batch, height, width, channels)`; what comes back has the same form. A
    `PIL.Image` gives a `PIL.Image`.

    Args:
        translate: from uint8 `(batch, height, width, in_channels)` to uint8
            `(batch, height, width, out_channels)`.
        in_channels: of images that it takes.

    Example:
        >>> translator = tfi2i.load("saved_models/facades")
        >>> painted = translator(drawing)
    """

    def __init__(self, translate: Callable[[np.ndarray], np.ndarray], in_channels: int):
        self._translate = translate
        self.in_channels = in_channels

    def __call__(self, image: np.ndarray | Image.Image) -> np.ndarray | Image.Image:
        """Translates one image or a batch of images of one size.

        Raises:
            TypeError: the array is not uint8.
            ValueError: its shape or number of channels does not fit, or it is empty.
        """
        if isinstance(image, Image.Image):
            return Image.fromarray(self(np.asarray(image.convert("RGB"))))
        batch = self._checked(np.asarray(image))
        output = self._translate(batch)
        return output if np.ndim(image) == 4 else output[0]

    def _checked(self, array):
        if array.dtype != np.uint8:
            raise TypeError(
                f"Images are uint8 arrays with values from 0 to 255. Received "
                f"{array.dtype}: convert with np.uint8(np.clip(image, 0, 255))."
            )
        if array.ndim not in (3, 4) or array.shape[-1] != self.in_channels:
            raise ValueError(
                f"This translator takes arrays of shape (height, width, "
                f"{self.in_channels}) or (batch, height, width, {self.in_channels}). "
                f"Received shape {array.shape}."
            )
        if 0 in array.shape:
            raise ValueError(f"The image is empty: its shape is {array.shape}.")
        return array if array.ndim == 4 else array[None]


def load(
    source: str | Path, direction: str | None = None, noise_seed: int | None = None
) -> Translator:
    """Loads a translator; its architecture comes from the files.

    Args:
        source: a run folder that `tfi2i train` made, a SavedModel folder (with or
            without its version), or a `.tflite` file.
        direction: `"a2b"` or `"b2a"`; None takes the one that there is.
        noise_seed: paints with dropout's noise, the paper's only source of variety
            (section 3), drawn from this seed; None paints without. Runs only.

    Returns:
        A translator. Of a run it uses `model.keras`, or else an export.

    Raises:
        FileNotFoundError: `source` does not exist.
        ValueError: it is none of the three, is not trained to the end, or lacks the
            direction or dropout.
    """
    path = Path(source)
    if direction not in (None, *DIRECTIONS):
        raise ValueError(f"--direction is {direction!r}; expected 'a2b' or 'b2a'.")
    if not path.exists():
        raise FileNotFoundError(f"'{path}' does not exist.")
    if (path / stored.CONFIG).is_file():
        return _from_run(path, direction, noise_seed)
    if noise_seed is not None:
        raise ValueError(
            f"'{path}' is an export, which paints without noise: --stochastic needs a "
            "run folder."
        )
    if path.is_file() and path.suffix == ".tflite":
        return _from_tflite(path)
    saved_model = _saved_model(path)
    if saved_model is not None:
        return _from_saved_model(saved_model)
    raise ValueError(
        f"'{path}' is {_describe(path)}; expected a run folder (with {stored.CONFIG}), "
        "a SavedModel folder (with saved_model.pb) or a .tflite file."
    )


def generator_of(run: Path) -> keras.Model:
    """The trained generator of a run.

    Raises:
        ValueError: the run is not trained to the end, or its model is damaged.
    """
    path = run / stored.MODEL
    if not path.is_file():
        raise ValueError(
            f"'{run}' has no {stored.MODEL} yet. Train it to the end: "
            f"tfi2i train --resume {run}"
        )
    try:
        return keras.models.load_model(path, compile=False).generator
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"Cannot read '{path}': {reason}") from error


def _from_run(run, direction, noise_seed):
    trained = stored.read(run).data.direction
    if direction not in (None, trained):
        raise ValueError(
            f"'{run}' translates {trained}, not {direction}: train a run with "
            f"--data.direction {direction}."
        )
    if (run / stored.MODEL).is_file() or noise_seed is not None:
        generator = generator_of(run)
        if noise_seed is not None:
            generator = with_noise(generator, noise_seed)
        channels = generator.input_shape[-1]
        return Translator(engines.KerasEngine(generator), channels)
    exports = run / "export"
    saved_model = _saved_model(next(exports.glob(f"*_{trained}"), exports))
    if saved_model is not None:
        return _from_saved_model(saved_model)
    for path in sorted(exports.glob(f"*_{trained}.tflite")):
        return _from_tflite(path)
    generator_of(run)


def _saved_model(path):
    """The folder of the newest version, None where there is no SavedModel."""
    if (path / "saved_model.pb").is_file():
        return path
    if not path.is_dir():
        return None
    versions = [
        folder
        for folder in path.iterdir()
        if folder.name.isdecimal() and (folder / "saved_model.pb").is_file()
    ]
    return max(versions, key=lambda folder: int(folder.name), default=None)


def _from_saved_model(path):
    engine = engines.SavedModelEngine(path)
    return Translator(engine, engine.in_channels)


def _from_tflite(path):
    engine = engines.TFLiteEngine(path)
    return Translator(engine, engine.in_channels)


def _describe(path):
    if path.is_file():
        return f"a file of {path.stat().st_size} bytes"
    names = sorted(entry.name for entry in path.iterdir())
    if not names:
        return "an empty folder"
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"a folder with {shown}"
