"""Engines run generators: in Keras, as a SavedModel, or in LiteRT."""

import collections
import contextlib
import functools
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tfi2i.data.pixels import DTYPES, PixelType, from_float, to_float
from tfi2i.errors import reason
from tfi2i.files import stderr_aside
from tfi2i.inference.noise import Noise
from tfi2i.inference.size_padding import at_inference, size_rule
from tfi2i.layers.convolution import fast_inference

# Calls with a shape before it gets a graph of its own, which takes a second to make.
_CALLS_BEFORE_GRAPH = 4
_MAX_GRAPHS = 4


class Engine:
    """Runs a generator on images of any size; several threads may call it.

    Attributes:
        input_pixels: pixel type of the images that it takes.
        output_pixels: pixel type of the images that it returns.
        together: whether a batch takes less time than its images one by one.
    """

    input_pixels: PixelType
    output_pixels: PixelType
    together: bool = False

    def run(self, images: np.ndarray) -> np.ndarray:
        """Translates float32 `(batch, height, width, channels)` in [-1, 1].

        Raises:
            ValueError: the generator does not take images of this size.
        """
        raise NotImplementedError

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Translates a batch of `input_pixels` to one of `output_pixels`; see `run`."""
        painted = self.run(to_float(images, self.input_pixels).numpy())
        return from_float(painted, self.output_pixels).numpy()


class KerasEngine(Engine):
    """A generator in memory.

    Args:
        generator: `keras.Model` on [-1, 1].
        input_pixels: pixel type of inputs; None is 8 bits of its channels.
        output_pixels: pixel type of outputs; likewise.
        own_graphs: whether frequent shapes get graphs of their own, which are faster
            and round in another way.
    """

    def __init__(
        self,
        generator,
        input_pixels: PixelType | None = None,
        output_pixels: PixelType | None = None,
        own_graphs: bool = True,
    ):
        self.input_pixels = input_pixels or PixelType.of(generator.input_shape[-1])
        self.output_pixels = output_pixels or PixelType.of(generator.output_shape[-1])
        # Noise draws one mask for a whole batch.
        self.together = not any(isinstance(one, Noise) for one in generator.layers)
        self._any_size = (None, None, None, self.input_pixels.channels)
        self._generator = generator
        self._calls = collections.Counter()
        self._own_graphs = {}
        self._max_graphs = _MAX_GRAPHS if own_graphs else 0
        self._lock = threading.Lock()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        with _explained(images.shape):
            paint = self._own_graph(images.shape)
            if paint is None:
                return self._translate(tf.constant(images)).numpy()
            painted = paint(to_float(images, self.input_pixels))
            return from_float(painted, self.output_pixels).numpy()

    def run(self, images: np.ndarray) -> np.ndarray:
        with _explained(images.shape):
            paint = self._own_graph(images.shape) or self._paint
            return paint(tf.constant(images)).numpy()

    # As concrete functions: TensorFlow warns of a `tf.function` made again and again.
    @functools.cached_property
    def _paint(self):
        """From float32 in [-1, 1] to the same."""
        return tf.function(at_inference(self._generator)).get_concrete_function(
            tf.TensorSpec(self._any_size, tf.float32)
        )

    @functools.cached_property
    def _translate(self):
        """From `input_pixels` to `output_pixels`."""

        def translate(images):
            painted = self._paint(to_float(images, self.input_pixels))
            return from_float(painted, self.output_pixels)

        return tf.function(translate).get_concrete_function(
            tf.TensorSpec(self._any_size, self.input_pixels.dtype)
        )

    def _own_graph(self, shape):
        """A faster graph for batches of one shape.

        None where the shape is not expected again, or needs padding.
        """
        with self._lock:
            return self._find_graph(shape)

    def _find_graph(self, shape):
        if shape not in self._own_graphs:
            self._calls[shape] += 1
            fits = all(map(size_rule(self._generator).fits, shape[1:3]))
            # Batches are repeated, except a last one that is not full.
            is_first = all(shape[1:] != known[1:] for known in self._own_graphs)
            comes_again = (
                shape[0] > 1 and is_first or self._calls[shape] > _CALLS_BEFORE_GRAPH
            )
            if not (fits and comes_again) or len(self._own_graphs) >= self._max_graphs:
                return None
            self._own_graphs[shape] = self._make_graph(shape)
        return self._own_graphs[shape]

    def _make_graph(self, shape):
        def paint(images):
            return self._generator(images, training=False)

        with fast_inference():
            return tf.function(paint).get_concrete_function(
                tf.TensorSpec(shape, tf.float32)
            )


class SavedModelEngine(Engine):
    """A SavedModel that `tfi2i export` wrote.

    Args:
        path: folder with `saved_model.pb`.
        input_pixels: pixel type of inputs; None reads channels and dtype off the
            signature, whose graph knows their range.
        output_pixels: pixel type of outputs; likewise.

    Raises:
        ValueError: it cannot be read, or has none of our signatures.
    """

    def __init__(
        self,
        path: Path,
        input_pixels: PixelType | None = None,
        output_pixels: PixelType | None = None,
    ):
        if set("[]*?") & set(str(path)):
            # TensorFlow reads the path of the variables as a pattern.
            raise ValueError(
                "TensorFlow reads no SavedModel below a path with one of [ ] * ?, such "
                f"as '{path}': rename the folder."
            )
        try:
            self._model = tf.saved_model.load(str(path))
        except (MemoryError, tf.errors.ResourceExhaustedError):
            raise
        # TensorFlow raises all kinds of errors for damaged files.
        except Exception as error:
            raise refusal(path, reason(error)) from error
        signature = self._model.signatures.get("serving_default")
        if signature is None:
            raise refusal(path, "it has no signature serving_default")
        inputs = signature.structured_input_signature[1]
        if "image" not in inputs or "translated" not in signature.structured_outputs:
            raise refusal(path, "its serving_default has other inputs and outputs")
        self.together = inputs["image"].shape[0] is None
        painted = signature.structured_outputs["translated"]
        self.input_pixels = input_pixels or _pixels_of(path, inputs["image"])
        self.output_pixels = output_pixels or _pixels_of(path, painted)
        self.takes_files = "encoded" in self._model.signatures

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return self._translated("serving_default", images)

    def run(self, images: np.ndarray) -> np.ndarray:
        return self._translated("float", images)

    def encoded(self, contents: Sequence[bytes]) -> list[bytes]:
        """Translates PNG or JPEG files of any sizes into PNG files."""
        signature = self._model.signatures["encoded"]
        outputs = signature(image_bytes=tf.constant(contents))
        return list(outputs["translated_bytes"].numpy())

    def _translated(self, name, images):
        with _explained(images.shape):
            signature = self._model.signatures[name]
            return signature(image=tf.constant(images))["translated"].numpy()


class TFLiteEngine(Engine):
    """A `.tflite` file on [-1, 1], of fixed or free size.

    Args:
        path: of the file.
        input_pixels: pixel type of inputs; None is 8 bits of its channels.
        output_pixels: pixel type of outputs; likewise.

    Raises:
        ValueError: it cannot be read, or is not an image translator.
    """

    def __init__(
        self,
        path: Path,
        input_pixels: PixelType | None = None,
        output_pixels: PixelType | None = None,
    ):
        try:
            # The runtime reports its delegates on stderr.
            with stderr_aside():
                self._interpreter = Interpreter(
                    model_path=str(path), num_threads=os.cpu_count()
                )
            (self._input,) = self._interpreter.get_input_details()
            (self._output,) = self._interpreter.get_output_details()
        except MemoryError:
            raise
        except Exception as error:
            raise refusal(path, reason(error)) from error
        self._signature = tuple(map(int, self._input["shape_signature"]))
        if len(self._signature) != 4 or self._input["dtype"] != np.float32:
            kind = self._input["dtype"].__name__
            raise refusal(path, f"its input is {kind} of shape {self._signature}")
        self._shape = None
        self._lock = threading.Lock()
        painted = int(self._output["shape_signature"][-1])
        self.input_pixels = input_pixels or PixelType.of(self._signature[-1])
        self.output_pixels = output_pixels or PixelType.of(painted)

    def run(self, images: np.ndarray) -> np.ndarray:
        if self._signature[0] == 1 and len(images) > 1:
            return np.concatenate([self.run(image[None]) for image in images])
        self._check(images.shape)
        # An interpreter holds one image, and runs on all cores. One for each thread
        # would be faster for small images only, and need more memory.
        with self._lock, self._explained(images.shape):
            if images.shape != self._shape:
                self._resize(images.shape)
            self._interpreter.set_tensor(self._input["index"], images)
            self._interpreter.invoke()
            return self._interpreter.get_tensor(self._output["index"])

    def _check(self, shape):
        for wanted, side in zip(shape, self._signature, strict=True):
            if side not in (-1, wanted):
                raise ValueError(
                    f"This .tflite takes images of shape {self._signature}. Received "
                    f"{shape}: resize them, or export one of free size."
                )

    def _resize(self, shape):
        # If this fails, the next image has to resize again.
        self._shape = None
        with stderr_aside(), self._explained(shape):
            self._interpreter.resize_tensor_input(self._input["index"], shape)
            self._interpreter.allocate_tensors()
        self._shape = shape

    @contextlib.contextmanager
    def _explained(self, shape):
        """Explains an error of the runtime, whose message may be empty."""
        try:
            yield
        except RuntimeError as error:
            self._shape = None
            raise ValueError(
                f"LiteRT does not run at {shape[1]}x{shape[2]} pixels "
                f"({reason(error)}): not enough memory, or a size that this .tflite "
                "does not take."
            ) from error


@contextlib.contextmanager
def _explained(shape):
    """Explains an error of TensorFlow in one line."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(
            f"The network does not paint images of {shape[1]}x{shape[2]} pixels "
            f"({reason(error)}): resize them to what it takes."
        ) from error


def _pixels_of(path, tensor):
    """Pixel type of a signature's tensor; the graph knows the range."""
    if tensor.dtype.name not in DTYPES:
        raise refusal(path, f"its images are {tensor.dtype.name}")
    limits = (0.0, 1.0) if tensor.dtype == tf.float32 else ()
    return PixelType.of(tensor.shape[-1], tensor.dtype.name, *limits)


def refusal(path: Path, why: str) -> ValueError:
    """The error for a file that `tfi2i export` did not write."""
    return ValueError(
        f"'{path}' is no image translator ({why}): expected what 'tfi2i export' writes."
    )
