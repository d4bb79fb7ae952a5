"""Writes `.tflite` files, for phones."""

import re
from pathlib import Path

import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from tfi2i.errors import reason
from tfi2i.files import stderr_aside

_MISSING = re.compile(r"'(tf\.\w+)' op is neither")


def write_tflite(saved_model: Path, path: Path, quantize: str) -> None:
    """Writes a model with one input and one output, float32 in [-1, 1], NHWC.

    Args:
        saved_model: from `write_float_model`; from a Keras model the converter
            loses the weights.
        path: file to write.
        quantize: `"none"` keeps float32 weights, `"float16"` halves the file.

    Raises:
        ValueError: TFLite lacks an operator of the model.
    """
    with stderr_aside():
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(saved_model), signature_keys=["float"]
        )
        if quantize == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        try:
            contents = converter.convert()
        except ConverterError as error:
            missing = sorted(set(_MISSING.findall(str(error))))
            why = f"it has no {', '.join(missing)}" if missing else reason(error)
            raise ValueError(
                f"TFLite does not hold this network ({why}): leave tflite out of "
                "--formats."
            ) from error
    path.write_bytes(contents)
