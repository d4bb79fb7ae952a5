"""Converts Keras 2 and tensorflow-addons layers to Keras 3 layers and our own.

Only the layers listed below are made; no name in a file is imported.
"""

import inspect
import logging
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from tfi2i.errors import reason
from tfi2i.layers import BatchNormalization, InstanceNormalization, ReflectionPadding2D

# Default of the normalizations of tensorflow-addons and of Keras.
EPSILON = 1e-3

_log = logging.getLogger(__name__)

# Same name, arguments and results in Keras 2 and Keras 3.
_UNCHANGED = (
    "Activation Add Average AveragePooling2D BatchNormalization Concatenate Conv2D "
    "Conv2DTranspose Cropping2D Dense DepthwiseConv2D Dropout ELU Embedding Flatten "
    "GaussianDropout GaussianNoise GlobalAveragePooling2D GlobalMaxPooling2D "
    "LayerNormalization LeakyReLU MaxPooling2D Maximum Minimum Multiply PReLU Permute "
    "ReLU Rescaling Reshape SeparableConv2D Softmax SpatialDropout2D Subtract "
    "UpSampling2D ZeroPadding2D"
).split()
_NORMALIZATIONS = (
    "Addons>InstanceNormalization Addons>GroupNormalization GroupNormalization"
).split()
_PADDINGS = ("padding", "pad", "paddings")
# Without hard_sigmoid, because Keras 3 changed its slope.
_ACTIVATIONS = (
    "elu exponential gelu leaky_relu linear mish relu selu sigmoid silu softmax "
    "softplus softsign swish tanh"
).split()
_INITIALIZERS = (
    "Constant GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform "
    "Ones Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros"
).split()
_REGULARIZERS = ("L1", "L2", "L1L2")
_DTYPES = ("float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16")
_CONSTRAINTS = ("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm")
# Arguments that Keras 2 stores and that do not affect a layer called on images.
_IGNORED = (
    "batch_input_shape batch_size data_format fused input_dtype input_length trainable"
).split()


@dataclass
class FileLayer:
    """A layer as a file describes it.

    Attributes:
        name: name in the file.
        kind: registered name, such as `"Conv2D"` or `"Addons>InstanceNormalization"`.
        config: plain values; tuples are lists.
        padding: padding of a custom layer inferred from stored shapes, in pixels.
        is_always_training: whether it is called with `training=True`.
    """

    name: str
    kind: str
    config: dict[str, Any]
    padding: int | None = None
    is_always_training: bool = False


def make_layer(
    layer: FileLayer,
    shape: tuple[int | None, ...],
    name: str,
    custom_objects: Mapping[str, Callable[..., keras.layers.Layer]],
    max_parameters: float,
) -> tuple[keras.layers.Layer, tuple[str, ...] | None]:
    """Makes the Keras 3 layer that computes the same on inputs of this shape.

    Returns:
        The layer, and the names of its variables in the file, in order; None if they
        are the layer's own.

    Raises:
        ValueError: the layer is unknown, not supported, or has more parameters than
            `max_parameters`, which the file can hold.
    """
    config = {key: value for key, value in layer.config.items() if key != "name"}
    if is_custom(layer, custom_objects):
        factory = custom_objects.get(layer.kind) or custom_objects[_short(layer.kind)]
        return _make_custom(factory, layer, name), None
    if config.get("data_format") == "channels_first":
        raise _refusal(layer, "has its channels first, which does not run on a CPU")
    if layer.kind in _NORMALIZATIONS:
        return _make_normalization(layer, config, shape, name)
    if is_reflection_padding(layer.kind):
        padding = _stored_padding(layer)
        return ReflectionPadding2D(padding, name=name, **_dtype_argument(layer)), None
    if layer.kind not in _UNCHANGED:
        raise _unknown_layer_error(layer)
    _check_parameters(layer, config, shape, max_parameters)
    return _make_unchanged(layer, config, shape, name), None


def _unknown_layer_error(layer):
    kind, name = layer.kind, layer.name
    if kind == "Lambda":
        return ValueError(
            f"Layer '{name}' is a Lambda, stored as program code, which is never run: "
            "pass a function that takes its configuration and returns a Keras 3 layer "
            "in its place, as custom_objects={'Lambda': ...}."
        )
    advice = (
        "pass its Keras 3 class, or a function that takes its configuration, as "
        f"custom_objects={{'{_short(kind)}': ...}}."
    )
    if kind == "InstanceNormalization":
        advice = (
            "tensorflow-addons' is 'Addons>InstanceNormalization', other packages' "
            f"compute otherwise; {advice}"
        )
    return ValueError(f"Layer '{name}' is of the unknown kind '{kind}': {advice}")


def is_reflection_padding(kind: str) -> bool:
    """Whether a custom layer's name says that it pads by reflection."""
    name = _short(kind).replace("_", "")
    return re.fullmatch("reflect(ion)?pad(ding)?(2d)?(layer)?", name, re.I) is not None


def _make_custom(factory, layer, name):
    config = {**layer.config, "name": name}
    try:
        made = getattr(factory, "from_config", lambda config: factory(**config))(config)
    except (TypeError, KeyError) as error:
        raise ValueError(
            f"custom_objects['{layer.kind}'] does not take the configuration of layer "
            f"'{layer.name}', {', '.join(sorted(layer.config))}: {reason(error)}"
        ) from error
    if not isinstance(made, keras.layers.Layer):
        raise ValueError(
            f"custom_objects['{layer.kind}'] gave a {type(made).__name__}; expected a "
            "keras.layers.Layer."
        )
    return made


def _make_normalization(layer, config, shape, name):
    """Makes an instance normalization if each channel is a group, else a group one."""
    if len(shape) != 4 or config.get("axis", -1) not in (-1, 3):
        raise _refusal(
            layer,
            f"normalizes axis {config.get('axis', -1)} of inputs of shape {shape}, not "
            "the channels of images",
        )
    groups = config.get("groups", 32)
    for key in ("gamma", "beta"):
        for what in ("regularizer", "constraint"):
            if config.get(f"{key}_{what}"):
                _log.warning("'%s' loses its %s's %s.", layer.name, key, what)
    center, scale = config.get("center", True), config.get("scale", True)
    names = ("gamma",) * bool(scale) + ("beta",) * bool(center)
    options = {"epsilon": float(config.get("epsilon", EPSILON)), "name": name}
    options |= _dtype_argument(layer)
    if layer.kind.endswith("InstanceNormalization") or groups in (-1, shape[-1]):
        return InstanceNormalization(affine=bool(names), **options), names
    options |= {"groups": groups, "center": center, "scale": scale}
    return keras.layers.GroupNormalization(**options), names


def _stored_padding(layer):
    """Returns the padding of all sides in pixels, from any of its spellings."""
    value = next((layer.config[key] for key in _PADDINGS if key in layer.config), None)
    if value is not None:
        return uniform_padding(value, layer)
    if layer.padding is not None:
        return layer.padding
    # Keras 2.13 to 2.15 omit default arguments of layers without get_config.
    if layer.kind.endswith("ReflectionPadding2D"):
        return 1
    raise unknown_padding_error(layer)


def is_custom(layer: FileLayer, custom_objects: Mapping[str, Any]) -> bool:
    """Whether the caller replaces this layer by another."""
    return layer.kind in custom_objects or _short(layer.kind) in custom_objects


def is_padding_guessed(layer: FileLayer) -> bool:
    """Whether the layer pads by a number of pixels that the file does not hold."""
    return (
        is_reflection_padding(layer.kind)
        and layer.padding is None
        and not any(key in layer.config for key in _PADDINGS)
    )


def _short(kind):
    return kind.split(">")[-1]


def unknown_padding_error(layer: FileLayer) -> ValueError:
    """Returns the error for a layer that pads by an unknown number of pixels."""
    return _refusal(
        layer,
        "pads by a number of pixels that the file does not hold",
        f"pass it, custom_objects={{'{_short(layer.kind)}': lambda **config: "
        "tfi2i.layers.ReflectionPadding2D(3, name=config['name'])}, for example",
    )


def uniform_padding(value: Any, layer: FileLayer) -> int:
    """Reads `p`, `[p, p]`, `[[p, p], [p, p]]` or the four axes' pairs of `tf.pad`.

    Raises:
        ValueError: the sides differ.
    """
    rows = value if isinstance(value, list) else [value]
    if len(rows) == 4 and all(isinstance(row, list) for row in rows):
        if rows[0] != [0, 0] or rows[3] != [0, 0]:
            raise _refusal(layer, f"pads by {value}, not height and width alone")
        rows = rows[1:3]
    flat = [x for row in rows for x in (row if isinstance(row, list) else [row])]
    if not all(isinstance(x, int) and x >= 0 for x in flat) or len({*flat}) != 1:
        raise _refusal(layer, f"pads by {value}, not by the same on all sides")
    return flat[0]


def _make_unchanged(layer, config, shape, name):
    cls = getattr(keras.layers, layer.kind)
    if layer.kind == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    axes = config.get("axis")
    if layer.kind == "BatchNormalization" and isinstance(axes, list):
        (config["axis"],) = axes
    if layer.kind == "LayerNormalization" and isinstance(axes, list):
        config["axis"] = [a - len(shape) if a > 0 else a for a in axes]
    arguments = _dtype_argument(layer)
    if layer.is_always_training and layer.kind == "BatchNormalization":
        cls, arguments["statistics"] = BatchNormalization, "image"
    elif layer.is_always_training:
        _log.warning("'%s' was always on; it drops in training alone now.", name)
    accepted = inspect.signature(getattr(keras.layers, layer.kind)).parameters
    for key, value in config.items():
        if key in arguments:
            continue
        if key in accepted:
            arguments[key] = _argument(layer, key, value)
        elif not _is_ignorable(key, value):
            raise _refusal(layer, f"has {key}={value!r}, which Keras 3 lacks")
    try:
        return cls(name=name, **arguments)
    except (ValueError, TypeError, OverflowError) as error:
        raise _refusal(layer, f"cannot be made ({reason(error)})") from error


def _is_ignorable(key, value):
    if key in _IGNORED or key.endswith("_initializer") or key == "dtype":
        return True
    return value in (None, False) or (key == "groups" and value == 1)


def _argument(layer, key, value):
    if key == "activation":
        return _activation(layer, value)
    for suffix, module, names in (
        ("_initializer", keras.initializers, _INITIALIZERS),
        ("_regularizer", keras.regularizers, _REGULARIZERS),
        ("_constraint", keras.constraints, _CONSTRAINTS),
    ):
        if key.endswith(suffix) and value is not None:
            return _make_object(layer, key, value, module, names)
    return value


def _activation(layer, value):
    if isinstance(value, dict):
        value = value.get("registered_name") or value.get("config")
    name = "linear" if value is None else value
    if name not in _ACTIVATIONS:
        raise _refusal(
            layer,
            f"has the activation {name!r}, not one of {', '.join(_ACTIVATIONS)}",
        )
    return name


def _make_object(layer, key, value, module, names):
    """Makes an initializer, regularizer or constraint; None if it is unknown."""
    found = value.get("class_name") if isinstance(value, dict) else None
    if found in names:
        cls = getattr(module, found)
        config = {k: v for k, v in value.get("config", {}).items() if k != "dtype"}
        try:
            return cls(**config)
        except (TypeError, ValueError) as error:
            raise _refusal(layer, f"has {key}={value!r} ({error})") from error
    if key.endswith("_initializer"):
        # The file provides the weights.
        return "zeros"
    _log.warning("'%s' loses its %s, which is unknown here.", layer.name, key)
    return None


def _dtype_argument(layer):
    """Returns the `dtype` argument; empty for Keras' default."""
    value = layer.config.get("dtype")
    if isinstance(value, dict):
        value = value.get("config", {}).get("name")
    if value in (None, "float32"):
        return {}
    if value not in _DTYPES:
        raise _refusal(layer, f"computes in {value}, not in {', '.join(_DTYPES)}")
    return {"dtype": value}


def _check_parameters(layer, config, shape, max_parameters):
    """Refuses a layer with more parameters than the file can hold."""
    outputs = config.get("filters", config.get("units", config.get("output_dim", 1)))
    inputs = config.get("input_dim", shape[-1])
    kernel = _product(config.get("kernel_size", 1))
    inputs = _product([inputs, config.get("depth_multiplier", 1)])
    if layer.kind == "SeparableConv2D":
        parameters = inputs * (kernel + _product(outputs))
    elif layer.kind == "PReLU":
        shared = config.get("shared_axes") or []
        sides = [side for axis, side in enumerate(shape) if axis not in (0, *shared)]
        parameters = _product(sides)
    else:
        parameters = inputs * kernel * _product(outputs)
    if parameters > max_parameters * _product(config.get("groups", 1)):
        raise _refusal(
            layer, f"would have {parameters} parameters, more than the file can hold"
        )


def _product(value):
    values = value if isinstance(value, list) else [value]
    return math.prod(factor for factor in values if isinstance(factor, int))


def _refusal(layer, why, remedy=None):
    remedy = remedy or (
        "rebuild the model with Keras 3 and tfi2i.layers and pass it as architecture="
    )
    return ValueError(f"Layer '{layer.name}' ({layer.kind}) {why}: {remedy}.")
