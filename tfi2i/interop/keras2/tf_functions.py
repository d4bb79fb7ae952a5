"""Converts TensorFlow functions in Keras 2 graphs (TFOpLambda) to Keras 3 layers.

Keras 2 stores `tf.pad(x, ...)` or `x + y` by the function's name. Only the names below
are supported; nothing is looked up in TensorFlow.
"""

from typing import Any

import keras

from tfi2i.interop.keras2.layer_conversion import FileLayer, uniform_padding
from tfi2i.layers import DepthToSpace, ReflectionPadding2D

_ACTIVATIONS = (
    "nn.relu nn.elu nn.selu nn.silu nn.softplus math.softplus nn.tanh math.tanh tanh "
    "nn.sigmoid math.sigmoid sigmoid"
).split()
_SUMS = ("__operators__.add", "math.add", "add")
_DIFFERENCES = ("math.subtract", "subtract", "__operators__.sub")
_PRODUCTS = ("math.multiply", "multiply", "__operators__.mul")
_QUOTIENTS = ("math.truediv", "math.divide", "truediv", "divide")


def make_layer(
    layer: FileLayer, value: Any, arguments: dict[str, Any], name: str
) -> tuple[keras.layers.Layer, Any]:
    """Makes the layer that computes a function of `value` and named arguments.

    Returns:
        The layer, and the tensor or list of tensors to call it on.

    Raises:
        ValueError: the function or one of its arguments is not supported.
    """
    function = layer.config.get("function")
    arguments = {k: x for k, x in arguments.items() if k != "name" and x is not None}
    if function in _SUMS + _DIFFERENCES + _PRODUCTS + _QUOTIENTS:
        made, value = _make_arithmetic(
            layer, function, value, arguments.pop("y", None), name
        )
    else:
        made = _make_unary(layer, function, value, arguments, name)
    if arguments:
        raise _unsupported(layer, f"arguments {sorted(arguments)}")
    return made, value


def _make_unary(layer, function, value, arguments, name):
    """Makes the layer for a function, and pops supported arguments."""
    if function in _ACTIVATIONS:
        return keras.layers.Activation(function.split(".")[-1], name=name)
    if function == "nn.leaky_relu":
        slope = arguments.pop("alpha", 0.2)
        return keras.layers.LeakyReLU(negative_slope=slope, name=name)
    if function in ("concat", "compat.v1.concat"):
        return keras.layers.Concatenate(axis=arguments.pop("axis", 0), name=name)
    if function in ("compat.v1.pad", "pad"):
        return _make_padding(layer, arguments, name)
    if function == "nn.depth_to_space":
        return DepthToSpace(arguments.pop("block_size"), name=name)
    if function in ("image.resize", "compat.v1.image.resize"):
        return _make_resizing(layer, value, arguments, name)
    raise ValueError(
        f"Layer '{layer.name}' is TensorFlow's '{function}', which has no layer in its "
        "place here: rebuild the model with Keras 3 and tfi2i.layers and pass it as "
        "architecture=."
    )


def _make_arithmetic(layer, function, left, right, name):
    for side in (left, right):
        if not isinstance(side, keras.KerasTensor | int | float):
            raise _unsupported(layer, f"{side!r}")
    tensors = [side for side in (left, right) if isinstance(side, keras.KerasTensor)]
    if len(tensors) == 2 and function not in _QUOTIENTS:
        made = keras.layers.Multiply
        if function in _SUMS:
            made = keras.layers.Add
        elif function in _DIFFERENCES:
            made = keras.layers.Subtract
        return made(name=name), tensors
    is_first = tensors[0] is left
    number = right if is_first else left
    scale, offset = 1.0, 0.0
    if function in _SUMS:
        offset = number
    elif function in _DIFFERENCES:
        scale, offset = (1.0, -number) if is_first else (-1.0, number)
    elif function in _PRODUCTS:
        scale = number
    elif len(tensors) == 1 and is_first and number:
        scale = 1.0 / number
    else:
        raise _unsupported(layer, "a divisor that is a layer or zero")
    return keras.layers.Rescaling(scale, offset, name=name), tensors[0]


def _make_padding(layer, arguments, name):
    mode = arguments.pop("mode", "CONSTANT").upper()
    paddings = arguments.pop("paddings", None)
    value = arguments.pop("constant_values", 0)
    if mode == "REFLECT":
        return ReflectionPadding2D(uniform_padding(paddings, layer), name=name)
    rows = paddings if isinstance(paddings, list) else []
    if mode != "CONSTANT" or value or len(rows) != 4 or rows[::3] != [[0, 0], [0, 0]]:
        raise _unsupported(layer, f"mode {mode}, {paddings}, {value}")
    return keras.layers.ZeroPadding2D([tuple(row) for row in rows[1:3]], name=name)


def _make_resizing(layer, value, arguments, name):
    """Makes an upsampling layer; only for whole multiples of the input's size."""
    size = arguments.pop("size", None)
    method = arguments.pop("method", "bilinear")
    shape = value.shape[1:3]
    known = isinstance(size, list) and len(size) == 2 and None not in shape
    if not known or method not in ("bilinear", "nearest"):
        raise _unsupported(layer, f"{method} to {size}")
    factors = tuple(new // old for new, old in zip(size, shape, strict=True))
    if 0 in factors or [size[0] % shape[0], size[1] % shape[1]] != [0, 0]:
        raise _unsupported(layer, f"images of {shape} to {size}")
    return keras.layers.UpSampling2D(factors, interpolation=method, name=name)


def _unsupported(layer, what):
    return ValueError(
        f"Layer '{layer.name}' is TensorFlow's '{layer.config.get('function')}' of "
        f"{what}, which has no layer in its place here: rebuild the model with Keras 3 "
        "and tfi2i.layers and pass it as architecture=."
    )
