"""A generator as a `.tflite` file for phones."""

import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from tfi2i.export.saved_model import write_float_model
from tfi2i.files import stderr_aside

QUANTIZATIONS = ("none", "float16")


def write_tflite(
    generator: keras.Model, path: Path, quantize: str, size: int | None = None
) -> None:
    """Writes one input and one output, float32 in [-1, 1], NHWC.

    Args:
        generator: on [-1, 1].
        path: file to write.
        quantize: `"none"` keeps float32 weights, `"float16"` halves the file.
        size: side of the one image that it takes; None lets the runtime resize the
            input to any batch, height and width.
    """
    with tempfile.TemporaryDirectory() as folder, stderr_aside():
        # Straight from the Keras model the converter loses the weights.
        write_float_model(generator, Path(folder), size)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=["float"]
        )
        if quantize == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        path.write_bytes(converter.convert())
