"""Images of any size, for networks that take certain sizes only."""

from collections.abc import Callable

import tensorflow as tf

from tfi2i.inference.free_size import painted
from tfi2i.network_sizes import ANY_SIZE, SizeRule


def size_rule(generator) -> SizeRule:
    """The rule of a generator's layer `size`; any size where it has none."""
    for layer in generator.layers:
        if layer.name == "size":
            return SizeRule(layer.multiple, layer.minimum)
    return ANY_SIZE


def run_padded(
    network: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, rule: SizeRule
) -> tf.Tensor:
    """Runs a network on images of any size.

    Images are padded by reflection to the next size that the network takes, evenly,
    with an odd pixel at bottom and right; the output is cropped.

    Args:
        network: from `(batch, height, width, channels)` to the same height and width.
        images: `(batch, height, width, channels)`, at least 1x1.
        rule: of the network.

    Returns:
        `(batch, height, width, channels')`.
    """
    shape = tf.shape(images)
    height, width = shape[1], shape[2]
    top, rows = reflection_indices(height, rule)
    left, columns = reflection_indices(width, rule)
    padded = tf.gather(tf.gather(images, rows, axis=1), columns, axis=2)
    outputs = network(padded)
    return outputs[:, top : top + height, left : left + width]


def at_inference(generator) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function that all engines and exports of a generator compute.

    Args:
        generator: `keras.Model` on [-1, 1].

    Returns:
        Function from float `(batch, height, width, channels)` in [-1, 1], of any size,
        to the same height and width.
    """
    rule = size_rule(generator)

    def network(padded):
        return painted(generator, padded)

    return lambda images: run_padded(network, images, rule)


def reflection_indices(length: int, rule: SizeRule) -> tuple[tf.Tensor, tf.Tensor]:
    """Offset of the image inside its padding, and the source index of each pixel.

    Indices rather than `tf.pad`, which fails where the padding exceeds the image and
    loses the channels' number in TFLite.
    """
    # Positive numbers only: ONNX divides negative ones in another way.
    rounded = (length + rule.multiple - 1) // rule.multiple * rule.multiple
    padding = tf.maximum(rounded, rule.minimum) - length
    before = padding // 2
    period = tf.maximum(2 * (length - 1), 1)
    index = tf.abs(tf.range(-before, length + padding - before)) % period
    return before, tf.minimum(index, period - index) % length
