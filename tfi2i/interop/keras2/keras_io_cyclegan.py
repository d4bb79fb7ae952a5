"""The networks of the CycleGAN example on keras.io, built on tensorflow-addons.

Source: A. K. Nain, https://keras.io/examples/generative/cyclegan (2020).
"""

from collections.abc import Sequence

import keras

from tfi2i.interop.keras2.layer_conversion import EPSILON
from tfi2i.interop.keras2.weighted_layers import RebuiltModel, weighted_layers
from tfi2i.layers import (
    InstanceNormalization,
    ReflectionPadding2D,
    RequireMultiple,
)
from tfi2i.networks.blocks import image_input

NAME = "keras-cyclegan"

_Shape = tuple[int, ...]


def build(kernels: Sequence[_Shape], what: str) -> RebuiltModel:
    """Builds the generator or discriminator that has these kernels.

    Args:
        kernels: shapes of all kernels in layer order.
        what: the file, for error messages.

    Raises:
        ValueError: neither network has such kernels.
    """
    sizes = [shape[:2] for shape in kernels]
    if len(sizes) > 2 and sizes[0] == sizes[-1] == (7, 7):
        model = _generator(kernels, what)
    elif len(sizes) == 5 and set(sizes) == {(4, 4)}:
        model = _discriminator(kernels)
    else:
        found = ", ".join(str(shape) for shape in kernels[:4]) or "none"
        raise ValueError(
            f"{what} is not of Keras' CycleGAN example, whose generator begins and "
            "ends with kernels of 7x7 and whose discriminator has five of 4x4: it has "
            f"{len(kernels)} kernels ({found}, ...). Pass a Keras 3 model as "
            "architecture=."
        )
    return RebuiltModel(model, weighted_layers(model))


def _generator(kernels, what):
    """Builds the ResNet; reflection padding, a bias in the last convolution only."""
    in_channels, filters = kernels[0][2:]
    inner = kernels[1:-1]
    widths = [shape[2:] for shape in inner]
    is_equal = [a == b for a, b in widths]
    blocks = sum(is_equal) // 2
    downs = is_equal.index(True) if blocks else len(inner) // 2
    ups = len(inner) - downs - 2 * blocks
    expected = [(filters * 2**i, filters * 2 ** (i + 1)) for i in range(downs)]
    bottom = filters * 2**downs
    expected += [(bottom, bottom)] * (2 * blocks)
    expected += [(bottom // 2 ** (i + 1), bottom // 2**i) for i in range(ups)]
    if [tuple(pair) for pair in widths] != expected or downs != ups:
        raise ValueError(
            f"{what} is not of Keras' CycleGAN example: the widths of its layers, "
            f"{widths}, are not those of halvings, residual blocks and as many "
            "doublings. Pass a Keras 3 model as architecture=."
        )
    inputs = image_input(in_channels)
    multiple = 2**downs
    x = RequireMultiple(
        multiple, "Resize, or crop", minimum=max(16, 4 * multiple), name="size"
    )(inputs)
    x = ReflectionPadding2D(3)(x)
    x = _normalized(keras.layers.Conv2D(filters, 7, use_bias=False)(x))
    for level in range(1, downs + 1):
        layer = _conv(filters * 2**level, 3, strides=2, padding="same")
        x = _normalized(layer(x))
    for _ in range(blocks):
        y = _normalized(_conv(bottom, 3)(ReflectionPadding2D(1)(x)))
        y = _normalized(_conv(bottom, 3)(ReflectionPadding2D(1)(y)), None)
        x = keras.layers.Add()([x, y])
    for level in range(ups):
        layer = keras.layers.Conv2DTranspose(
            bottom // 2 ** (level + 1), 3, strides=2, padding="same", use_bias=False
        )
        x = _normalized(layer(x))
    x = keras.layers.Conv2D(kernels[-1][3], 7)(ReflectionPadding2D(3)(x))
    outputs = keras.layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="keras_cyclegan_generator")


def _discriminator(kernels):
    """Builds the PatchGAN; biases in the first and last convolution, no sigmoid."""
    filters = [shape[3] for shape in kernels]
    inputs = image_input(kernels[0][2])
    x = keras.layers.Conv2D(filters[0], 4, strides=2, padding="same")(inputs)
    x = keras.layers.LeakyReLU(negative_slope=0.2)(x)
    for width, strides in zip(filters[1:4], (2, 2, 1), strict=True):
        x = _conv(width, 4, strides=strides, padding="same")(x)
        x = _normalized(x, keras.layers.LeakyReLU(negative_slope=0.2))
    outputs = keras.layers.Conv2D(filters[4], 4, padding="same")(x)
    return keras.Model(inputs, outputs, name="keras_cyclegan_discriminator")


def _conv(filters, size, **kwargs):
    return keras.layers.Conv2D(filters, size, use_bias=False, **kwargs)


def _normalized(x, activation="relu"):
    x = InstanceNormalization(affine=True, epsilon=EPSILON)(x)
    if activation == "relu":
        activation = keras.layers.ReLU()
    return x if activation is None else activation(x)
