"""How a run's images were shown to its generator, and translation in the same way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

from tfi2i.data import transforms
from tfi2i.data.derived_inputs import Derivation
from tfi2i.data.geometry import Geometry
from tfi2i.data.pixels import PixelType
from tfi2i.inference.generators import way_of
from tfi2i.inference.translator import Translator
from tfi2i.recipes import stored
from tfi2i.recipes.config import DataConfig
from tfi2i.recipes.named import usual_names
from tfi2i.ways import A2B, Way

Size = Literal["native", "trained"]
SIZES = ("native", "trained")
MadeInput = Literal["edges", "grayscale", "downscale"]
INPUTS = ("edges", "grayscale", "downscale")

# Methods of resizing, of inputs and of outputs.
_Methods = tuple[transforms.Method, transforms.Method]


@dataclasses.dataclass(frozen=True)
class Training:
    """The images of a run's training, by its configuration.

    Attributes:
        data: resolved.
        way: that is translated.
        is_ours: false where another program trained, whose sizes may be a guess.
        usual: names of the folders that nobody gave, but the recipe.
    """

    data: DataConfig
    way: Way = A2B
    is_ours: bool = True
    usual: tuple[str, str] = ("A", "B")

    @classmethod
    def of(cls, source: Path, direction: str | None = None) -> Training | None:
        """Reads it from the run that a source is, or lies in; None where there is none.

        Args:
            source: of `load`.
            direction: which way is translated; None is the run's first.
        """
        run = stored.run_of(source)
        if run is None:
            return None
        try:
            config = stored.read(run)
        except ValueError:
            # Above an export there may be somebody else's config.json.
            return None
        way = way_of(config, direction)
        is_ours = config.model.is_trained_here
        return cls(config.data, way, is_ours, usual_names(config.recipe))

    @property
    def geometry(self) -> Geometry | None:
        """Sizes of whole images; None where training did not resize them."""
        if not self.data.is_resized:
            return None
        return Geometry(
            self.data.preprocess, self.data.load_shape, self.data.crop_shape, 1
        ).whole()

    @property
    def methods(self) -> _Methods:
        """How inputs and outputs are resized."""
        taken, painted = map(self.data.domain, (self.way.input, self.way.target))
        return taken.resize, painted.resize


@dataclasses.dataclass(frozen=True)
class Shown:
    """How a translator's images are shown to its network.

    Attributes:
        training: how they were in training; None where that is not known.
        size: of `as_trained`.
        input: likewise.
    """

    training: Training | None = None
    size: str = "native"
    input: str | None = None


def as_trained(
    translator: Translator,
    training: Training | None,
    size: str = "native",
    input: str | None = None,
) -> Translator:
    """A translator that shows images to its network as training did.

    Args:
        translator: that paints images of any size, as they are.
        training: None where it is not known.
        size: `"trained"` resizes images to the size that they had in training, and
            what is painted back to their own; `"native"` does not.
        input: `"edges"`, `"grayscale"` or `"downscale"` make the network's input from
            the image, after it is resized; None shows the image itself.

    Raises:
        ValueError: another word, a size that is not known, or an input that this
            network does not take.
    """
    if size not in SIZES:
        raise ValueError(f"--size is {size!r}; expected 'native' or 'trained'.")
    if size == "trained" and training is None:
        raise ValueError(
            "--size is 'trained', but this source lies in no run, which would say what "
            "size it was trained at: translate with its run, or leave --size out."
        )
    methods = ("bicubic", "bicubic") if training is None else training.methods
    geometry = training.geometry if training is not None and size == "trained" else None
    derivation, taken = None, translator.input_pixels
    if input is not None:
        factor = 4 if training is None else training.data.downscale
        # Derived inputs are resized as the targets that they are made from.
        methods = methods[1], methods[1]
        derivation, taken = _derivation(input, factor, methods[1], taken)
    if geometry is not None or derivation is not None:
        painted = translator.output_pixels
        translator = Translator(
            AsTrained(translator, geometry, methods, derivation, painted),
            taken,
            painted,
            translator.background,
            translator.direction,
        )
    translator.shown = Shown(training, size, input)
    return translator


class AsTrained:
    """Resizes images, makes inputs of them, and resizes outputs back.

    Args:
        translate: from a batch of inputs to as many outputs, of any size.
        geometry: which size images get; None leaves them theirs.
        methods: how inputs and outputs are resized.
        derivation: how inputs are made; None takes the images.
        output_pixels: of what is painted.
    """

    def __init__(
        self,
        translate: Callable[[np.ndarray], np.ndarray],
        geometry: Geometry | None,
        methods: _Methods,
        derivation: Derivation | None,
        output_pixels: PixelType,
    ):
        self.together = getattr(translate, "together", False)
        self._translate = translate
        self._geometry = geometry
        self._methods = methods
        self._derivation = derivation
        self._output_pixels = output_pixels

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Translates a batch, `(batch, height, width, channels)`."""
        height, width = images.shape[1:3]
        shape = height, width
        if self._geometry is not None:
            shape = self._geometry.loaded(height, width)
        painted = self._translate(np.stack([self._input(i, shape) for i in images]))
        if shape == (height, width):
            return painted
        method = self._methods[1]
        enlarged = [transforms.resized(one, height, width, method) for one in painted]
        # Bicubic interpolation overshoots.
        pixels = self._output_pixels
        return np.clip(np.stack(enlarged), pixels.low, pixels.high).astype(pixels.dtype)

    def _input(self, image, shape):
        image = transforms.resized(image, *shape, self._methods[0])
        if self._derivation is None:
            return image
        return self._derivation(tf.constant(image)).numpy()


def _derivation(kind, factor, method, taken):
    """The derivation of inputs of a kind, and the pixels of its source images."""
    if kind not in INPUTS:
        expected = ", ".join(map(repr, INPUTS[:-1])) + f" or {INPUTS[-1]!r}"
        raise ValueError(f"--input is {kind!r}; expected {expected}.")
    derivation = Derivation(kind, factor, method)
    source = taken
    if kind == "grayscale":
        source = dataclasses.replace(taken, channels=3)
    try:
        makes = derivation.pixels(source)
    except ValueError:
        makes = None
    if makes != taken:
        wanted = {"edges": "3 channels of uint8", "grayscale": "1 channel"}[kind]
        raise ValueError(
            f"--input {kind} makes images of {wanted}, but this network takes "
            f"{taken.channels} of {taken.dtype}: leave --input out."
        )
    return derivation, source
