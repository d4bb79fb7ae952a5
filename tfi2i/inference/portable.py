"""A generator made of operators that work where height and width are free."""

import keras
import tensorflow as tf


class FreeUpSampling2D(keras.layers.UpSampling2D):
    """As Keras' layer, in one operator, whose output keeps its number of channels.

    Keras repeats rows and columns by reshaping, behind which the TFLite converter knows
    no number of channels and then has no convolution. Other interpolations it does in
    graphs only where height and width are known.
    """

    def call(self, inputs):
        size = tf.shape(inputs)[1:3] * self.size
        if self.interpolation == "nearest":
            return tf.raw_ops.ResizeNearestNeighbor(images=inputs, size=size)
        outputs = tf.image.resize(inputs, size, method=self.interpolation)
        return tf.cast(outputs, inputs.dtype)


def portable(generator: keras.Model) -> keras.Model:
    """Replaces layers whose operators fail in graphs of free size.

    Args:
        generator: is left as it is.

    Returns:
        A generator with the same weights, which paints the same; `generator` itself
        where nothing is replaced.
    """
    if not any(map(_is_replaced, _leaves(generator))):
        return generator

    def kept_or_replaced(layer):
        if _is_replaced(layer):
            return FreeUpSampling2D.from_config(layer.get_config())
        return layer

    return keras.models.clone_model(
        generator, clone_function=kept_or_replaced, recursive=True
    )


def _leaves(model):
    """The layers of a model and of those within."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer


def _is_replaced(layer):
    return (
        type(layer) is keras.layers.UpSampling2D
        and layer.data_format == "channels_last"
    )
