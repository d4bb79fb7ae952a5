"""Normalization by statistics that are computed once, for all tiles of an image."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfi2i.inference.receptive_field import calls, statistics_layers
from tfi2i.inference.size_padding import run_padded, size_rule
from tfi2i.layers import FixedNormalization


class FixedStatistics:
    """A copy of a generator that normalizes by statistics of another image.

    Args:
        generator: with layers that normalize by the statistics of each image.

    Attributes:
        generator: the copy, with the same weights; `take` sets its statistics.
    """

    def __init__(self, generator: keras.Model):
        layers = statistics_layers(generator)
        names = [layer.name for layer in layers]

        def copy(layer):
            if layer.name in names:
                return FixedNormalization(
                    layer.epsilon, name=layer.name, dtype=layer.dtype_policy
                )
            return layer.__class__.from_config(layer.get_config())

        self.generator = keras.models.clone_model(generator, clone_function=copy)
        for layer in generator.layers:
            target = self.generator.get_layer(layer.name)
            if layer.name not in names:
                target.set_weights(layer.get_weights())
                continue
            for given, name in (("gamma", "scale"), ("beta", "offset")):
                if getattr(layer, given, None) is not None:
                    getattr(target, name).assign(getattr(layer, given))
        # The graph does not keep its variables alive.
        self._generator = generator
        self._fixed = [self.generator.get_layer(name) for name in names]
        self._measure = _measurement(generator, layers)

    def take(self, image: np.ndarray) -> None:
        """Sets the statistics to those that the generator computes of an image.

        Args:
            image: float32 `(1, height, width, channels)` in [-1, 1].
        """
        for layer, (mean, variance) in zip(
            self._fixed, self._measure(tf.constant(image)), strict=True
        ):
            layer.mean.assign(mean)
            layer.variance.assign(variance)


def _measurement(generator, layers) -> Callable:
    """A function from an image to mean and variance of each layer's input."""
    seen = {layer.name: inputs for layer, inputs, _ in calls(generator)}
    inner = keras.Model(generator.inputs, [seen[layer.name][0] for layer in layers])
    rule = size_rule(generator)

    @tf.function(
        input_signature=[
            tf.TensorSpec((1, None, None, generator.input_shape[-1]), tf.float32)
        ]
    )
    def measure(image):
        found = []

        def network(padded):
            for value in keras.tree.flatten(inner(padded, training=False)):
                value = tf.cast(value, tf.float32)
                mean = _mean(value)
                found.append((mean, _mean((value - mean) ** 2)))
            return padded

        run_padded(network, image, rule)
        return found

    def _mean(value):
        # In the order of the layers, which rounds the same.
        return tf.reduce_mean(tf.reduce_mean(value, 2, keepdims=True), (0, 1, 2))

    return measure.get_concrete_function()
