"""The batches that a trainer takes."""

import functools
import re

import keras
import numpy as np
import tensorflow as tf

_FURTHEST = 10.0
"""Images are in [-1, 1]; standardized ones seldom pass 5, pixels of 0 to 255 do."""

_RANGE = "Batches must be float, in [-1, 1], but one has images up to"


def unpack(batch, ways, others=()):
    """A batch of `fit` as a dictionary, with its images in float32.

    Args:
        batch: a dictionary with an image for each domain of `ways`, or `(x, y)`: the
            input of the first way and its target.
        ways: of the trainer.
        others: names of the other entries that the trainer asks for.

    Returns:
        Dictionary of tensors, without entries that are not asked for.

    Raises:
        ValueError: an entry is missing, there are sample weights, or an image is no
            tensor of floats.
    """
    x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
    if weights is not None:
        raise ValueError("Sample weights are not supported: leave sample_weight out.")
    images = list(dict.fromkeys(name for w in ways for name in (w.input, w.target)))
    given = x if y is None or not ways else {ways[0].input: x, ways[0].target: y}
    if not isinstance(given, dict) or not {*images, *others} <= given.keys():
        received = "x alone" if y is None else "x and y"
        if isinstance(x, dict):
            received = f"a dictionary of {', '.join(map(repr, x))}"
        raise ValueError(_missing(images, others, received))
    unpacked = {name: as_images(given[name]) for name in sorted(images)}
    return unpacked | {name: tf.convert_to_tensor(given[name]) for name in others}


def _missing(images, others, received):
    names = ", ".join(f'"{name}": ...' for name in (*sorted(images), *others))
    needed = f"Training needs batches with names: pass a dataset of {{{names}}}."
    if not others:
        needed = (
            "Training needs pairs: pass a dataset of (real_a, real_b), or of "
            f"{{{names}}}, or x and y."
        )
    return f"{needed} Received {received}."


def refuse_class_weight(class_weight):
    """Refuses weights of classes, which would become sample weights.

    Raises:
        ValueError: there are any.
    """
    if class_weight is not None:
        raise ValueError(
            "class_weight is not supported: images have no classes. Leave it out."
        )


def as_images(images):
    """`images` as float32, whatever floats they were.

    In a graph, values far beyond [-1, 1] are an error where it runs: `refusing`.

    Args:
        images: float tensor or array `(batch, height, width, channels)` in [-1, 1].

    Raises:
        ValueError: it is no tensor or array, or not of floats.
    """
    if isinstance(images, np.ndarray):
        images = tf.convert_to_tensor(images)
    # Ragged and sparse ones are no tf.Tensor either.
    if not isinstance(images, tf.Tensor):
        raise ValueError(
            "Images of a batch must be one tensor (batch, height, width, channels). "
            f"Received {type(images).__name__}."
        )
    if not images.dtype.is_floating:
        raise ValueError(
            f"Batches must be float, in [-1, 1]. Received {images.dtype.name}: where "
            "pixels are 0 to 255, pass images / 127.5 - 1."
        )
    images = tf.cast(images, tf.float32)
    furthest = tf.reduce_max(tf.abs(images))
    # NaN and infinity are left to what looks for them.
    is_beyond = tf.logical_and(furthest > _FURTHEST, tf.math.is_finite(furthest))
    tf.debugging.Assert(tf.logical_not(is_beyond), [_RANGE, furthest])
    return images


def refusing(method):
    """`method` of a trainer, which says in one line that a batch is not in [-1, 1].

    Raises:
        ValueError: it is not.
    """

    @functools.wraps(method)
    def wrapped(*args, **kwargs):
        try:
            return method(*args, **kwargs)
        except tf.errors.InvalidArgumentError as error:
            found = re.search(rf"{re.escape(_RANGE)}[^0-9]*([0-9.e+]+)", str(error))
            if not found:
                raise
        raise ValueError(
            f"{_RANGE} {float(found[1]):.0f}: where pixels are 0 to 255, pass "
            "images / 127.5 - 1."
        )

    return wrapped
