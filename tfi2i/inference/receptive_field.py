"""Receptive fields of generators: which input pixels change an output pixel."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import keras

from tfi2i.inference.noise import Noise
from tfi2i.layers import (
    BatchNormalization,
    Constant,
    DepthToSpace,
    InstanceNormalization,
    ReflectionPadding2D,
    RequireMultiple,
)

# Layers whose output pixel depends on the same pixel of the input.
_POINTWISE = (
    RequireMultiple,
    Noise,
    keras.layers.Activation,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.LeakyReLU,
    keras.layers.ReLU,
    InstanceNormalization,
)
_MERGES = (keras.layers.Add, keras.layers.Concatenate, keras.layers.Multiply)


@dataclass(frozen=True)
class _Field:
    """Pixel `i` of a map depends on inputs `step * i + first` to `step * i + last`.

    Steps are fractions where a map is larger than the input.
    """

    step: Fraction
    first: Fraction
    last: Fraction

    def shifted(self, pixels):
        by = self.step * pixels
        return _Field(self.step, self.first + by, self.last + by)

    def convolved(self, kernel, stride, before):
        """The field after a convolution that pads `before` pixels at the top."""
        padded = self.shifted(-before)
        last = padded.last + self.step * (kernel - 1)
        return _Field(self.step * stride, padded.first, last)

    def spread(self, kernel, stride, crop):
        """The field after a transposed convolution that crops `crop` rows."""
        step = self.step / stride
        first = self.first - step * (kernel - 1)
        return _Field(step, first, self.last).shifted(crop)

    def merged(self, other):
        if self.step != other.step:
            raise _Unknown
        return _Field(
            self.step, min(self.first, other.first), max(self.last, other.last)
        )


class _Unknown(ValueError):
    """A layer whose receptive field is not known here."""


def reach(generator: keras.Model) -> int | None:
    """Distance, to any side, of the farthest input pixel that changes an output pixel.

    Statistics of the whole image are not counted: see `statistics_layers`. The reach
    of a U-Net with 8 halvings is 765 pixels, of a ResNet with 9 blocks 84.

    Args:
        generator: a functional model.

    Returns:
        Pixels; None where the model contains a layer that is not known here.
    """
    # None for tensors that do not depend on pixels.
    fields: dict[int, _Field | None] = {}
    try:
        for layer, inputs, output in calls(generator):
            seen = [fields[id(tensor)] for tensor in inputs]
            fields[id(output)] = _field_after(layer, seen)
        field = fields[id(generator.outputs[0])]
    except (_Unknown, KeyError):
        return None
    if field is None or field.step != 1:
        return None
    return max(math.ceil(-field.first), math.ceil(field.last), 0)


def statistics_layers(generator: keras.Model) -> list[keras.layers.Layer]:
    """Layers that normalize by statistics of the image that is translated."""
    return [
        layer
        for layer in generator.layers
        if isinstance(layer, InstanceNormalization)
        or (isinstance(layer, BatchNormalization) and layer.statistics == "image")
    ]


def calls(generator: keras.Model) -> Iterator[tuple[keras.layers.Layer, list, Any]]:
    """Every call of a layer, in order, with its input tensors and its output.

    Raises:
        ValueError: `generator` is not a functional model.
    """
    if not hasattr(generator, "_nodes_by_depth"):
        raise _Unknown
    for depth in sorted(generator._nodes_by_depth, reverse=True):
        for node in generator._nodes_by_depth[depth]:
            yield node.operation, node.input_tensors, node.outputs[0]


def _field_after(layer, seen):
    if isinstance(layer, keras.layers.InputLayer):
        return _Field(Fraction(1), Fraction(0), Fraction(0))
    if isinstance(layer, Constant):
        return None
    seen = [field for field in seen if field is not None]
    if not seen:
        return None
    if isinstance(layer, _MERGES):
        merged = seen[0]
        for field in seen[1:]:
            merged = merged.merged(field)
        return merged
    (field,) = seen
    if isinstance(layer, keras.layers.SpectralNormalization):
        layer = layer.layer
    if isinstance(layer, _POINTWISE):
        return field
    if isinstance(layer, ReflectionPadding2D):
        return field.shifted(-layer.padding)
    if isinstance(layer, keras.layers.ZeroPadding2D):
        return field.shifted(-layer.padding[0][0])
    if isinstance(layer, keras.layers.Cropping2D):
        return field.shifted(layer.cropping[0][0])
    if isinstance(layer, keras.layers.Conv2DTranspose):
        kernel, stride = layer.kernel_size[0], layer.strides[0]
        same = layer.padding == "same"
        return field.spread(kernel, stride, (kernel - stride) // 2 if same else 0)
    if isinstance(layer, keras.layers.Conv2D):
        kernel = (layer.kernel_size[0] - 1) * layer.dilation_rate[0] + 1
        stride = layer.strides[0]
        same = layer.padding == "same"
        before = max(kernel - stride, 0) // 2 if same else 0
        return field.convolved(kernel, stride, before + getattr(layer, "pad", 0))
    if isinstance(layer, keras.layers.UpSampling2D):
        return field.spread(layer.size[0], layer.size[0], 0)
    if isinstance(layer, DepthToSpace):
        return field.spread(layer.factor, layer.factor, 0)
    raise _Unknown
