"""A generator as a `.tflite` file for phones."""

from pathlib import Path

import tensorflow as tf

from tfi2i.files import stderr_aside

QUANTIZATIONS = ("none", "float16")


def write_tflite(saved_model: Path, path: Path, quantize: str) -> None:
    """Writes one input and one output, float32 in [-1, 1], NHWC.

    Args:
        saved_model: from `write_float_model`; straight from the Keras model the
            converter loses the weights.
        path: file to write.
        quantize: `"none"` keeps float32 weights, `"float16"` halves the file.
    """
    with stderr_aside():
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(saved_model), signature_keys=["float"]
        )
        if quantize == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        contents = converter.convert()
    path.write_bytes(contents)
