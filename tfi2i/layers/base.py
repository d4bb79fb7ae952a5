"""What the layers share."""

import functools

import tensorflow as tf

PACKAGE = "tfi2i"
"""Under which Keras registers the package's classes."""


def check_image_batch(layer, input_shape):
    """Refuses what is no batch of images with a known number of channels.

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
    """Whether graphs that are made now will run on a CPU."""
    return not tf.config.get_visible_devices("GPU")


def compiled(function):
    """`function` compiled by XLA, which makes one pass over memory of many.

    It keeps a program for every shape.
    """
    made = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*args):
        # TensorFlow would warn a caller of `made` of the many programs.
        return made.get_concrete_function(*args)(*args)

    return call
