"""How far a generator looks: which pixels of its input reach one of its output."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import keras

from tfi2i.inference.noise import Noise
from tfi2i.layers import (
    BatchNormalization,
    Default,
    InstanceNormalization,
    ReflectionPadding2D,
)
from tfi2i.networks.blocks import DepthToSpace, RequireMultiple

_ALONG = (
    RequireMultiple,
    Noise,
    keras.layers.Activation,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.LeakyReLU,
    keras.layers.ReLU,
    InstanceNormalization,
)
_JOINS = (keras.layers.Add, keras.layers.Concatenate, keras.layers.Multiply)


@dataclass(frozen=True)
class _View:
    """Pixel `i` of a map sees the input from `step * i + first` to `step * i + last`.

    Steps are fractions where a map is larger than the input.
    """

    step: Fraction
    first: Fraction
    last: Fraction

    def shifted(self, pixels):
        by = self.step * pixels
        return _View(self.step, self.first + by, self.last + by)

    def convolved(self, kernel, stride, before):
        """As a convolution sees it that pads so many pixels before the first."""
        padded = self.shifted(-before)
        last = padded.last + self.step * (kernel - 1)
        return _View(self.step * stride, padded.first, last)

    def spread(self, kernel, stride, crop):
        """As a transposed convolution sees it that crops so many off its output."""
        step = self.step / stride
        first = self.first - step * (kernel - 1)
        return _View(step, first, self.last).shifted(crop)

    def joined(self, other):
        if self.step != other.step:
            raise _Unknown
        return _View(
            self.step, min(self.first, other.first), max(self.last, other.last)
        )


class _Unknown(ValueError):
    """A layer whose reach is not known here."""


def reach(generator: keras.Model) -> int | None:
    """The farthest pixel, to any side, that can change a pixel of the output.

    What normalization takes from the whole image is not counted: see
    `statistics_layers`. A U-Net that halves 8 times reaches 765 pixels, a ResNet of 9
    blocks 84.

    Args:
        generator: a functional model of this package.

    Returns:
        Pixels; None where it holds a layer that is not known here.
    """
    # Tensors that no pixel reaches have None.
    views: dict[int, _View | None] = {}
    try:
        for layer, inputs, output in calls(generator):
            seen = [views[id(tensor)] for tensor in inputs]
            views[id(output)] = _seen_by(layer, seen)
        view = views[id(generator.outputs[0])]
    except (_Unknown, KeyError):
        return None
    if view is None or view.step != 1:
        return None
    return max(math.ceil(-view.first), math.ceil(view.last), 0)


def statistics_layers(generator: keras.Model) -> list[keras.layers.Layer]:
    """The layers that normalize by statistics of the very image that they paint."""
    return [
        layer
        for layer in generator.layers
        if isinstance(layer, InstanceNormalization)
        or (isinstance(layer, BatchNormalization) and layer.statistics == "image")
    ]


def calls(generator: keras.Model) -> Iterator[tuple[keras.layers.Layer, list, Any]]:
    """Every call of a layer, in order, with the tensors that it takes and gives.

    Raises:
        ValueError: `generator` is not a functional model.
    """
    if not hasattr(generator, "_nodes_by_depth"):
        raise _Unknown
    for depth in sorted(generator._nodes_by_depth, reverse=True):
        for node in generator._nodes_by_depth[depth]:
            yield node.operation, node.input_tensors, node.outputs[0]


def _seen_by(layer, seen):
    if isinstance(layer, keras.layers.InputLayer):
        return _View(Fraction(1), Fraction(0), Fraction(0))
    if isinstance(layer, Default):
        return None
    seen = [view for view in seen if view is not None]
    if not seen:
        return None
    if isinstance(layer, _JOINS):
        joined = seen[0]
        for view in seen[1:]:
            joined = joined.joined(view)
        return joined
    (view,) = seen
    if isinstance(layer, keras.layers.SpectralNormalization):
        layer = layer.layer
    if isinstance(layer, _ALONG):
        return view
    if isinstance(layer, ReflectionPadding2D):
        return view.shifted(-layer.padding)
    if isinstance(layer, keras.layers.ZeroPadding2D):
        return view.shifted(-layer.padding[0][0])
    if isinstance(layer, keras.layers.Cropping2D):
        return view.shifted(layer.cropping[0][0])
    if isinstance(layer, keras.layers.Conv2DTranspose):
        kernel, stride = layer.kernel_size[0], layer.strides[0]
        same = layer.padding == "same"
        return view.spread(kernel, stride, (kernel - stride) // 2 if same else 0)
    if isinstance(layer, keras.layers.Conv2D):
        kernel = (layer.kernel_size[0] - 1) * layer.dilation_rate[0] + 1
        stride = layer.strides[0]
        same = layer.padding == "same"
        before = max(kernel - stride, 0) // 2 if same else 0
        return view.convolved(kernel, stride, before + getattr(layer, "pad", 0))
    if isinstance(layer, keras.layers.UpSampling2D):
        return view.spread(layer.size[0], layer.size[0], 0)
    if isinstance(layer, DepthToSpace):
        return view.spread(layer.factor, layer.factor, 0)
    raise _Unknown
