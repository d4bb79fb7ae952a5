"""Writes `.onnx` files; needs the extra `onnx`."""

from pathlib import Path

import keras
import tensorflow as tf

from tfi2i.errors import not_installed
from tfi2i.files import stderr_aside
from tfi2i.inference.size_padding import at_inference

OPSET = 18
"""Version of the operators; runtimes since 2023 have it."""


def check_onnx() -> None:
    """Refuses if the packages that write and run `.onnx` files are missing.

    Raises:
        ValueError: naming the extra to install.
    """
    try:
        import onnxruntime  # noqa: F401
        import tf2onnx  # noqa: F401
    except ImportError as error:
        raise not_installed("--formats onnx", error, "onnx") from error


def write_onnx(generator: keras.Model, path: Path) -> None:
    """Writes a model with one input, `image`, and one output, `translated`.

    Both are float32 `(batch, height, width, channels)` in [-1, 1]; batch, height and
    width are free.

    Args:
        generator: on [-1, 1].
        path: file to write.
    """
    import onnx
    import tf2onnx

    shape = (None, None, None, generator.input_shape[-1])
    spec = tf.TensorSpec(shape, tf.float32, name="image")
    paint = tf.function(at_inference(generator), input_signature=[spec])
    with stderr_aside():
        model, _ = tf2onnx.convert.from_function(
            paint, input_signature=[spec], opset=OPSET
        )
    _name(model.graph, "translated")
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def _name(graph, output):
    """Names the output and the free dimensions."""
    (given,) = graph.output
    for node in graph.node:
        for index, name in enumerate(node.output):
            if name == given.name:
                node.output[index] = output
    given.name = output
    for value in (*graph.input, *graph.output):
        dimensions = value.type.tensor_type.shape.dim
        for axis, name in enumerate(("batch", "height", "width")):
            dimensions[axis].dim_param = name
