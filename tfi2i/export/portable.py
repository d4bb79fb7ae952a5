"""A generator made of operators that every runtime takes at any size."""

import keras
import tensorflow as tf


class NearestUpSampling2D(keras.layers.UpSampling2D):
    """As Keras' layer with nearest neighbours, in one operator.

    Keras repeats rows and columns by reshaping. From that, the TFLite converter cannot
    tell the number of channels where height and width are free, and then has no
    convolution for what follows.
    """

    def call(self, inputs):
        size = tf.shape(inputs)[1:3] * self.size
        return tf.raw_ops.ResizeNearestNeighbor(images=inputs, size=size)


def portable(generator: keras.Model) -> keras.Model:
    """Replaces layers whose operators some runtime does not take.

    Args:
        generator: is left as it is.

    Returns:
        A generator that paints the same; `generator` itself where nothing is replaced.
    """
    if not any(map(_is_replaced, generator._flatten_layers())):
        return generator

    def copied(layer):
        kind = NearestUpSampling2D if _is_replaced(layer) else type(layer)
        return kind.from_config(layer.get_config())

    copy = keras.models.clone_model(generator, clone_function=copied, recursive=True)
    copy.set_weights(generator.get_weights())
    return copy


def _is_replaced(layer):
    return (
        type(layer) is keras.layers.UpSampling2D
        and layer.interpolation == "nearest"
        and layer.data_format == "channels_last"
    )
