"""Checks and helpers that the layers share."""

import functools

import tensorflow as tf

PACKAGE = "tfi2i"
"""The package under which Keras registers our classes; part of stored files."""


def check_image_batch(layer, input_shape):
    """Refuses shapes other than a batch of images with a known number of channels.

    Raises:
        ValueError: naming the layer and the shape.
    """
    if len(input_shape) != 4 or input_shape[-1] is None:
        raise ValueError(
            f"{type(layer).__name__} needs images of shape (batch, height, width, "
            f"channels) with a known number of channels. Received shape "
            f"{tuple(input_shape)}."
        )


def on_cpu():
    """Whether graphs traced now will run on a CPU."""
    return not tf.config.get_visible_devices("GPU")


def compile_with_xla(function):
    """Compiles `function` with XLA, so that its operations share one pass over memory.

    Compiles one program for each combination of shapes.
    """
    compiled = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*args):
        # Calling `compiled` itself would make TensorFlow warn of retracing.
        return compiled.get_concrete_function(*args)(*args)

    return call
