"""The batches that a trainer takes."""

import keras
import numpy as np
import tensorflow as tf


def unpack_pair(batch):
    """A batch of `fit` as `(real_a, real_b)`, in float32.

    Raises:
        ValueError: it has one part only, or sample weights, or a part that is no
            tensor of floats.
    """
    real_a, real_b, weights = keras.utils.unpack_x_y_sample_weight(batch)
    if real_b is None:
        received = "a dictionary" if isinstance(real_a, dict) else "x alone"
        raise ValueError(
            "Training needs pairs: pass a dataset of (real_a, real_b), or real_a and "
            f"real_b as x and y. Received {received}."
        )
    if weights is not None:
        raise ValueError("Sample weights are not supported: leave sample_weight out.")
    return as_images(real_a), as_images(real_b)


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
    return tf.cast(images, tf.float32)
