"""Loads Keras 2 and tensorflow-addons models as Keras 3 models of this package."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfi2i.errors import reason
from tfi2i.interop.keras2 import keras_io_cyclegan, model_files
from tfi2i.interop.keras2.layer_conversion import EPSILON
from tfi2i.interop.keras2.rebuilding import rebuild
from tfi2i.interop.keras2.weighted_layers import (
    RebuiltModel,
    StoredLayer,
    WeightedLayer,
    weighted_layers,
)
from tfi2i.layers import InstanceNormalization

_log = logging.getLogger(__name__)

# What inconsistent configurations and h5py raise.
_DAMAGE_ERRORS = (
    AttributeError,
    IndexError,
    KeyError,
    OSError,
    RuntimeError,
    TypeError,
)
_FLOATS = ("float16", "float32", "float64", "bfloat16")


def from_addons(
    path: str | Path,
    *,
    architecture: keras.Model | str | Path | None = None,
    part: str | None = None,
    custom_objects: Mapping[str, Callable[..., keras.layers.Layer]] | None = None,
    free_size: bool = False,
) -> keras.Model:
    """Loads a Keras 2 model, as a rule one with tensorflow-addons' normalizations.

    Instance normalization (`Addons>InstanceNormalization`, and group normalization
    with one group per channel) becomes `tfi2i.layers.InstanceNormalization`, with a
    scale and an offset if the file has either, and the file's epsilon, or 1e-3, the
    default of tensorflow-addons, if it has none. All other layers become Keras 3
    layers, nested networks are flattened, and every layer is trainable, even if it was
    frozen when the file was saved. Nothing in the file is executed.

    Args:
        path: a whole model (`.h5`, Keras 2's `.keras`, a SavedModel folder), or weights
            only (`.h5`, `.weights.h5`, a TensorFlow checkpoint by its prefix, such as
            `"model_checkpoints/cyclegan_checkpoints.001"`, or its folder).
        architecture: the model that the weights belong to, if the file does not
            describe it or describes one that cannot be rebuilt: a built Keras 3 model,
            which is filled and returned; a file written by Keras 2's `model.to_json()`;
            or `"keras-cyclegan"`, the generator and discriminator of Keras' CycleGAN
            example (keras.io/examples/generative/cyclegan), whose numbers of filters
            and blocks are inferred from the weights.
        part: which of several networks, by its name in the file: `"gen_G"` in a
            checkpoint of the example, `"generator_G"` in its `.h5`.
        custom_objects: Keras 3 classes of custom layers, or functions that take their
            configurations, by layer name. Reflection padding layers with a usual name
            need none.
        free_size: whether to make height and width free if the file fixes them; the
            network then begins with a layer that checks their multiple.
            `"keras-cyclegan"` generators are always free.

    Returns:
        A functional `keras.Model`.

    Raises:
        OSError: `path` cannot be read.
        ValueError: it is not a Keras 2 file; a layer is a Lambda, unknown or not
            supported; the model is subclassed; or weights are missing, left over, not
            finite or of another shape.

    Example:
        >>> generator = tfi2i.interop.from_addons(
        ...     "cyclegan_checkpoints.090", architecture="keras-cyclegan", part="gen_G"
        ... )
    """
    path = Path(path)
    what = f"'{path}'"
    try:
        with model_files.open_model(path) as file:
            # Keras 2 compresses nothing, so a parameter takes two bytes or more.
            options = custom_objects or {}, free_size, file.size
            if architecture is None:
                part, config = file.network(part, what)
                built = rebuild(config, *options)
            elif isinstance(architecture, keras.Model):
                _warn_of_epsilon(architecture)
                built = RebuiltModel(architecture, weighted_layers(architecture))
            elif architecture == keras_io_cyclegan.NAME:
                shapes = _kernel_shapes(file.weights.layers(part, None))
                built = keras_io_cyclegan.build(shapes, what)
            else:
                config = model_files.read_json(_json_path(architecture))
                built = rebuild(config, *options)
            stored = file.weights.layers(part, built.layers)
            _assign_weights(built.layers, stored, what)
    except _DAMAGE_ERRORS as error:
        is_missing = isinstance(error, FileNotFoundError)
        if is_missing or getattr(error, "errno", None) is not None:
            raise
        raise ValueError(
            f"{what} is damaged, or not as Keras 2 writes it ({type(error).__name__}: "
            f"{reason(error)})."
        ) from error
    return built.model


def _json_path(architecture):
    path = Path(architecture)
    if path.suffix != ".json":
        raise ValueError(
            f"architecture='{architecture}' is unknown: expected a Keras 3 model, the "
            f"path of a model.json of Keras 2, or '{keras_io_cyclegan.NAME}'."
        )
    return path


def _warn_of_epsilon(model):
    for layer in model.layers:
        if isinstance(layer, InstanceNormalization) and layer.epsilon != EPSILON:
            _log.warning(
                "Layer '%s' of the architecture has epsilon=%g; tensorflow-addons' "
                "default is %g.",
                layer.name,
                layer.epsilon,
                EPSILON,
            )
            return


def _kernel_shapes(stored: list[StoredLayer]):
    shapes = [array.shape for layer in stored for array in layer.arrays]
    return [shape for shape in shapes if len(shape) == 4]


def _assign_weights(layers: list[WeightedLayer], stored: list[StoredLayer], what: str):
    """Assigns all variables, or none if one does not fit."""
    found = []
    for layer, source in _match(layers, stored, what):
        names = list(layer.variables)
        arrays = {array.name: array for array in source.arrays}
        if None in arrays or len(arrays) < len(source.arrays):
            arrays = dict(zip(names, source.arrays, strict=False))
        if set(arrays) != set(names) or len(source.arrays) != len(names):
            given = [array.name or str(array.shape) for array in source.arrays]
            raise ValueError(
                f"{what} has {', '.join(given)} for layer '{layer.name}'; expected "
                f"{', '.join(names)}: is this the right architecture?"
            )
        found += [(layer, name, arrays[name]) for name in names]
    for layer, name, array in found:
        expected = tuple(layer.variables[name].shape)
        if array.shape != expected:
            raise ValueError(
                f"{what} has a {name} of shape {array.shape} for layer '{layer.name}'; "
                f"expected {expected}: is this the right architecture?"
            )
    values = [(layer.variables[n], _read(layer, n, a, what)) for layer, n, a in found]
    for variable, value in values:
        variable.assign(value)


def _match(layers, stored, what):
    """Pairs layers with stored ones: by name if all names are stored, else in order."""
    by_name = {layer.name: layer for layer in stored}
    if len(by_name) == len(stored) and set(by_name) == {x.name for x in layers}:
        return [(layer, by_name[layer.name]) for layer in layers]
    if len(stored) != len(layers):
        raise ValueError(
            f"{what} has weights for {len(stored)} layers; the architecture has "
            f"{len(layers)} layers with weights: is this the right one?"
        )
    return list(zip(layers, stored, strict=True))


def _read(layer, name, array, what) -> np.ndarray:
    try:
        value = np.asarray(array.read())
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ValueError(
            f"{what} is damaged: the {name} of layer '{layer.name}' cannot be read "
            f"({reason(error)})."
        ) from error
    if value.dtype.name not in _FLOATS:
        raise ValueError(
            f"{what} has a {name} of type {value.dtype} for layer '{layer.name}', "
            "expected floating-point numbers."
        )
    if not np.isfinite(value.astype(np.float32)).all():
        raise ValueError(
            f"{what} has a {name} for layer '{layer.name}' that is not finite: "
            "training had failed when it was saved."
        )
    return value
