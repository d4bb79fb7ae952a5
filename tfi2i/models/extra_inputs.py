"""What translators take beside an image, such as a label."""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from tfi2i.layers.constant import Constant


def as_batch(value, images, dtype=None):
    """A value for one image, as often as there are images.

    Args:
        value: number, nested sequence of numbers, or tensor.
        images: `(batch, ...)`.
        dtype: of the result; None is TensorFlow's for such a value.

    Returns:
        Tensor `(batch, *shape of value)`.
    """
    value = tf.convert_to_tensor(value, dtype)
    return tf.repeat(value[None], tf.shape(images)[0], axis=0)


def bind_defaults(
    generator: keras.Model, defaults: Mapping[str, Sequence]
) -> keras.Model:
    """A generator of an image alone, whose extra inputs have their defaults.

    Args:
        generator: functional, from a list of an image and the extra inputs.
        defaults: values for one image, by name; without any, `generator` is returned.
    """
    if not defaults:
        return generator
    image = keras.Input(generator.inputs[0].shape[1:], name="image")
    constants = [
        Constant(value, name=f"default_{name}", dtype=given.dtype)(image)
        for (name, value), given in zip(
            defaults.items(), generator.inputs[1:], strict=True
        )
    ]
    # Tiles and noise look at the layers one by one; a call would nest the generator,
    # behind operations that convert its inputs.
    outputs = generator._run_through_graph([image, *constants], lambda layer: layer)
    return keras.Model(image, outputs)
