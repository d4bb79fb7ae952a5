"""Calls of networks in graphs of unknown height and width."""

import keras
import tensorflow as tf


def painted(network: keras.Model, images: tf.Tensor) -> tf.Tensor:
    """`network(images, training=False)`, with other operators for upsampling.

    Keras repeats rows and columns by a reshape, after which TFLite's converter does
    not know the number of channels and cannot convert a convolution. Its other
    interpolations need a known height and width.

    Args:
        network: functional or sequential.
        images: `(batch, height, width, channels)`.
    """
    if not any(map(_is_upsampling, _layers(network))):
        return network(images, training=False)
    if isinstance(network, keras.Sequential):
        for layer in network.layers:
            images = _call_of(layer)(images)
        return images
    (outputs,) = keras.tree.flatten(network._run_through_graph(images, _call_of))
    return outputs


def _call_of(layer):
    """The function to call instead of a layer."""

    def call(*inputs, **options):
        if _is_upsampling(layer):
            return _upsampled(layer, *inputs)
        if isinstance(layer, keras.Model):
            return painted(layer, *inputs)
        if getattr(layer, "_call_has_training_arg", False):
            options["training"] = False
        return layer(*inputs, **options)

    return call


def _upsampled(layer, images):
    images = tf.cast(images, layer.compute_dtype)
    size = tf.shape(images)[1:3] * layer.size
    if layer.interpolation == "nearest":
        return tf.raw_ops.ResizeNearestNeighbor(images=images, size=size)
    outputs = tf.image.resize(images, size, method=layer.interpolation)
    return tf.cast(outputs, images.dtype)


def _layers(model):
    """The layers of a model, and those of nested models."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _layers(layer)


def _is_upsampling(layer):
    return (
        isinstance(layer, keras.layers.UpSampling2D)
        and layer.data_format == "channels_last"
    )
