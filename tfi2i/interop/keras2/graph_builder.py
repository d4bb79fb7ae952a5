"""State that nested networks share while they are rebuilt as one graph."""

import collections
import math
import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

import keras
import tensorflow as tf

from tfi2i.errors import reason
from tfi2i.interop.keras2.layer_conversion import FileLayer
from tfi2i.layers import DepthToSpace, ReflectionPadding2D


class GraphBuilder:
    """Names and calls layers, and tracks how much each has downsampled the image.

    Args:
        names: names of all layers of all networks in the file.
        custom_objects: the caller's layers, by the names of custom layers.
        max_parameters: how many parameters one layer may have.
    """

    def __init__(
        self,
        names: Iterable[str],
        custom_objects: Mapping[str, Callable[..., keras.layers.Layer]],
        max_parameters: float,
    ):
        self.custom_objects = custom_objects
        self.max_parameters = max_parameters
        self.guessed: list[FileLayer] = []
        self._counts = collections.Counter(map(valid_name, names))
        self._taken = set()
        self._scales = {}
        self._minimum = 1

    def unique_name(self, name: str, path: str) -> str:
        """Returns a layer's name, prefixed by its network's if others share it."""
        name = valid_name(name)
        if self._counts[name] > 1 and path:
            name = f"{valid_name(path)}_{name}"
        unique, number = name, 0
        while unique in self._taken:
            number += 1
            unique = f"{name}_{number}"
        self._taken.add(unique)
        return unique

    def record_scale(self, tensor: Any, scale: Fraction) -> Any:
        """Records how many input pixels one pixel of this tensor spans."""
        # Keeping the tensor keeps its id from being reused.
        self._scales[id(tensor)] = (tensor, scale)
        return tensor

    def scale(self, tensor: Any) -> Fraction:
        """Returns the scale recorded for a tensor."""
        return self._scales[id(tensor)][1]

    def call(self, layer: keras.layers.Layer, value: Any, kind: str) -> Any:
        """Calls a layer on a tensor or a list of tensors.

        Raises:
            ValueError: the layer does not fit its inputs.
        """
        tensors = value if isinstance(value, list) else [value]
        try:
            output = layer(value)
        except (ValueError, TypeError, OverflowError, tf.errors.OpError) as error:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
            raise ValueError(
                f"Layer '{layer.name}' ({kind}) does not fit its input of shape "
                f"{shapes}: {reason(error)}"
            ) from error
        scale = max(map(self.scale, tensors))
        if isinstance(layer, ReflectionPadding2D):
            self._minimum = max(self._minimum, math.ceil((layer.padding + 1) * scale))
        return self.record_scale(output, scale * _downsampling(layer))

    def size_rule(self) -> tuple[int, int]:
        """Returns what height and width must be multiples of, and their minimum."""
        multiple = math.lcm(*(scale.numerator for _, scale in self._scales.values()))
        return multiple, -(-self._minimum // multiple) * multiple


def valid_name(name: str) -> str:
    """Returns a name that Keras 3 accepts."""
    return re.sub(r"[^\w.-]+", "_", name)


def _downsampling(layer):
    """Returns a layer's downsampling factor; below 1 if it upsamples."""
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return Fraction(1, max(layer.strides))
    if isinstance(layer, keras.layers.UpSampling2D):
        return Fraction(1, max(layer.size))
    if isinstance(layer, DepthToSpace):
        return Fraction(1, layer.factor)
    strides = getattr(layer, "strides", 1)
    return Fraction(max(strides) if isinstance(strides, tuple) else strides)
