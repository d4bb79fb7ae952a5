"""What the networks inside a network share while they are rebuilt."""

import collections
import math
import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

import keras
import tensorflow as tf

from tfi2i.errors import reason
from tfi2i.interop.keras2.layers import FileLayer
from tfi2i.layers import DepthToSpace, ReflectionPadding2D


class Builder:
    """Gives names, calls layers, and follows how they shrink an image.

    Args:
        names: of all layers of all networks in the file.
        custom_objects: of the caller, by the names of custom layers.
        budget: how many parameters one layer may have.
    """

    def __init__(
        self,
        names: Iterable[str],
        custom_objects: Mapping[str, Callable[..., keras.layers.Layer]],
        budget: float,
    ):
        self.custom_objects = custom_objects
        self.budget = budget
        self.guessed: list[FileLayer] = []
        self._counts = collections.Counter(map(plain, names))
        self._taken = set()
        self._scales = {}
        self._minimum = 1

    def name(self, name: str, path: str) -> str:
        """A layer's own name where it is the only one, else with its network's."""
        name = plain(name)
        if self._counts[name] > 1 and path:
            name = f"{plain(path)}_{name}"
        unique, number = name, 0
        while unique in self._taken:
            number += 1
            unique = f"{name}_{number}"
        self._taken.add(unique)
        return unique

    def remember(self, tensor: Any, scale: Fraction) -> Any:
        """Notes how many of the input's pixels one of this tensor's spans."""
        # Together with the tensor, whose id another could get else.
        self._scales[id(tensor)] = (tensor, scale)
        return tensor

    def scale(self, tensor: Any) -> Fraction:
        """As `remember` was told."""
        return self._scales[id(tensor)][1]

    def call(self, layer: keras.layers.Layer, value: Any, kind: str) -> Any:
        """Calls a layer on a tensor or a list of tensors.

        Raises:
            ValueError: it does not fit.
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
        return self.remember(output, scale * _factor(layer))

    def size_rule(self) -> tuple[int, int]:
        """Of which number height and width must be multiples, and their minimum."""
        multiple = math.lcm(*(scale.numerator for _, scale in self._scales.values()))
        return multiple, -(-self._minimum // multiple) * multiple


def plain(name: str) -> str:
    """A name as Keras 3 takes it."""
    return re.sub(r"[^\w.-]+", "_", name)


def _factor(layer):
    """By which a layer shrinks height and width, below 1 where it enlarges them."""
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return Fraction(1, max(layer.strides))
    if isinstance(layer, keras.layers.UpSampling2D):
        return Fraction(1, max(layer.size))
    if isinstance(layer, DepthToSpace):
        return Fraction(1, layer.factor)
    strides = getattr(layer, "strides", 1)
    return Fraction(max(strides) if isinstance(strides, tuple) else strides)
