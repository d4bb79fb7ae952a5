"""What runs a generator: Keras, a SavedModel, or the runtime of phones.

Each is called with a uint8 array `(batch, height, width, channels)` and returns one.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tfi2i.data.transforms import to_float, to_uint8
from tfi2i.files import stderr_aside
from tfi2i.inference.sizes import at_inference


class KerasEngine:
    """A generator in memory.

    Args:
        generator: `keras.Model` on [-1, 1].
    """

    def __init__(self, generator):
        paint = at_inference(generator)
        images = tf.TensorSpec((None, None, None, generator.input_shape[-1]), tf.uint8)

        @tf.function(input_signature=[images])
        def translate(images):
            return to_uint8(paint(to_float(images)))

        self._translate = translate

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Translates a batch."""
        return self._translate(images).numpy()


class SavedModelEngine:
    """A SavedModel that `tfi2i export` wrote.

    Args:
        path: folder with `saved_model.pb`.

    Raises:
        ValueError: it cannot be read, or has no signature of ours.
    """

    def __init__(self, path: Path):
        try:
            self._model = tf.saved_model.load(str(path))
            self._signature = self._model.signatures["serving_default"]
            inputs = self._signature.structured_input_signature[1]
            self.in_channels = inputs["image"].shape[-1]
            self._signature.structured_outputs["translated"]
        except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
            reason = str(error).split("\n")[0]
            raise ValueError(
                f"'{path}' is no SavedModel of an image translator ({reason}): "
                "expected what 'tfi2i export' writes."
            ) from error

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Translates a batch."""
        return self._signature(image=tf.constant(images))["translated"].numpy()


class TFLiteEngine:
    """A `.tflite` file on [-1, 1], of fixed or free size.

    Args:
        path: of the file.

    Raises:
        ValueError: it cannot be read, or is no image translator.
    """

    def __init__(self, path: Path):
        try:
            # The runtime tells of its delegates on stderr.
            with stderr_aside():
                self._interpreter = Interpreter(model_path=str(path))
            (self._input,) = self._interpreter.get_input_details()
            (self._output,) = self._interpreter.get_output_details()
            signature = self._input["shape_signature"]
            if len(signature) != 4 or self._input["dtype"] != np.float32:
                raise ValueError(
                    f"its input is {self._input['dtype'].__name__} of shape {signature}"
                )
        except (ValueError, RuntimeError) as error:
            reason = str(error).split("\n")[0]
            raise ValueError(
                f"'{path}' is no image translator ({reason}): expected what "
                "'tfi2i export' writes."
            ) from error
        self._signature = tuple(int(side) for side in signature)
        self._shape = None
        self.in_channels = self._signature[-1]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Translates a batch."""
        outputs = self.run(to_float(images).numpy())
        return to_uint8(outputs).numpy()

    def run(self, images: np.ndarray) -> np.ndarray:
        """Translates float32 images in [-1, 1]."""
        self._resize(images.shape)
        self._interpreter.set_tensor(self._input["index"], images)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output["index"])

    def _resize(self, shape):
        if shape == self._shape:
            return
        for wanted, side in zip(shape, self._signature, strict=True):
            if side not in (-1, wanted):
                raise ValueError(
                    f"This .tflite takes images of shape {self._signature}. Received "
                    f"{shape}: resize them, or export one of free size."
                )
        with stderr_aside():
            self._interpreter.resize_tensor_input(self._input["index"], shape)
            self._interpreter.allocate_tensors()
        self._shape = shape
