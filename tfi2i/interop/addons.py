"""Models of Keras 2 and tensorflow-addons as models of Keras 3 and this package."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfi2i.errors import reason
from tfi2i.interop.keras2 import example, files, networks
from tfi2i.interop.keras2.layers import EPSILON
from tfi2i.interop.keras2.leaves import Leaf, Rebuilt, leaves_of
from tfi2i.interop.keras2.weights import Group
from tfi2i.layers import InstanceNormalization

_log = logging.getLogger(__name__)

# Of a description that does not hold together, and of HDF5.
_DAMAGES = (
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
    with a group for each channel) becomes `tfi2i.layers.InstanceNormalization`, with a
    scale and an offset where the file has either, and the file's epsilon; 1e-3, the
    default of tensorflow-addons, where the file has none. All other layers become
    Keras 3's, networks inside networks are dissolved, and every layer is trainable,
    also where it was frozen when the file was saved. Nothing of the file is executed.

    Args:
        path: a whole model (`.h5`, Keras 2's `.keras`, a SavedModel folder), or weights
            alone (`.h5`, `.weights.h5`, a TensorFlow checkpoint by its prefix, such as
            `"model_checkpoints/cyclegan_checkpoints.001"`, or its folder).
        architecture: what the weights belong to, where the file does not say or what
            it says cannot be rebuilt: a built model of Keras 3, which is filled and
            returned; a file that `model.to_json()` of Keras 2 wrote; or
            `"keras-cyclegan"`, the generator and the discriminator of Keras' CycleGAN
            example (keras.io/examples/generative/cyclegan), whose numbers of filters
            and blocks are read off the weights.
        part: which network of several, as the file calls it: `"gen_G"` of a checkpoint
            of the example, `"generator_G"` of its `.h5`.
        custom_objects: by the names of custom layers, their Keras 3 classes or
            functions that take their configurations. Layers that pad by reflection and
            are called so need none.
        free_size: whether height and width shall be free where the file fixes them;
            the network then begins with a layer that says of what they must be
            multiples. `"keras-cyclegan"` generators are always free.

    Returns:
        A functional `keras.Model`.

    Raises:
        OSError: `path` cannot be read.
        ValueError: it is no file of Keras 2; a layer is a Lambda, unknown or cannot be
            computed here; the model is a class of its own; weights are missing, left
            over, of another shape or not finite.

    Example:
        >>> generator = tfi2i.interop.from_addons(
        ...     "cyclegan_checkpoints.090", architecture="keras-cyclegan", part="gen_G"
        ... )
    """
    path = Path(path)
    what = f"'{path}'"
    try:
        with files.opened(path) as file:
            if architecture is None:
                part, entry = file.network(part, what)
                built = _rebuild(entry, custom_objects, free_size, file.size)
            elif isinstance(architecture, keras.Model):
                _note_epsilon(architecture)
                built = Rebuilt(architecture, leaves_of(architecture))
            elif architecture == example.NAME:
                shapes = _kernel_shapes(file.weights.groups(part, None))
                built = example.build(shapes, what)
            else:
                entry = files.read_json(_architecture_file(architecture))
                built = _rebuild(entry, custom_objects, free_size, file.size)
            groups = file.weights.groups(part, built.leaves)
            _load(built.leaves, groups, what)
    except _DAMAGES as error:
        is_missing = isinstance(error, FileNotFoundError)
        if is_missing or getattr(error, "errno", None) is not None:
            raise
        raise ValueError(
            f"{what} is damaged, or not as Keras 2 writes it ({type(error).__name__}: "
            f"{reason(error)})."
        ) from error
    return built.model


def _rebuild(entry, custom_objects, free_size, size):
    # No format of Keras 2 compresses, so a parameter takes two bytes or more.
    return networks.rebuild(entry, custom_objects or {}, free_size, budget=size)


def _architecture_file(architecture):
    path = Path(architecture)
    if path.suffix != ".json":
        raise ValueError(
            f"architecture='{architecture}' is unknown: expected a Keras 3 model, the "
            f"path of a model.json of Keras 2, or '{example.NAME}'."
        )
    return path


def _note_epsilon(model):
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


def _kernel_shapes(groups: list[Group]):
    shapes = [array.shape for group in groups for array in group.arrays]
    return [shape for shape in shapes if len(shape) == 4]


def _load(leaves: list[Leaf], groups: list[Group], what: str):
    """Fills all variables, or none where one does not fit."""
    found = []
    for leaf, group in _matched(leaves, groups, what):
        names = list(leaf.variables)
        arrays = {array.name: array for array in group.arrays}
        if None in arrays or len(arrays) < len(group.arrays):
            arrays = dict(zip(names, group.arrays, strict=False))
        if set(arrays) != set(names) or len(group.arrays) != len(names):
            given = [array.name or str(array.shape) for array in group.arrays]
            raise ValueError(
                f"{what} has {', '.join(given)} for layer '{leaf.name}'; expected "
                f"{', '.join(names)}: is this the right architecture?"
            )
        for name in names:
            found.append((leaf, name, arrays[name]))
    for leaf, name, array in found:
        expected = tuple(leaf.variables[name].shape)
        if array.shape != expected:
            raise ValueError(
                f"{what} has a {name} of shape {array.shape} for layer '{leaf.name}'; "
                f"expected {expected}: is this the right architecture?"
            )
    values = [(leaf.variables[n], _read(leaf, n, a, what)) for leaf, n, a in found]
    for variable, value in values:
        variable.assign(value)


def _matched(leaves, groups, what):
    """Layers with their arrays: by names where the file has all, else in order."""
    by_name = {group.name: group for group in groups}
    if len(by_name) == len(groups) and set(by_name) == {leaf.name for leaf in leaves}:
        return [(leaf, by_name[leaf.name]) for leaf in leaves]
    if len(groups) != len(leaves):
        raise ValueError(
            f"{what} has weights for {len(groups)} layers; the architecture has "
            f"{len(leaves)} layers with weights: is this the right one?"
        )
    return list(zip(leaves, groups, strict=True))


def _read(leaf, name, array, what) -> np.ndarray:
    try:
        value = np.asarray(array.read())
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ValueError(
            f"{what} is damaged: the {name} of layer '{leaf.name}' cannot be read "
            f"({reason(error)})."
        ) from error
    if value.dtype.name not in _FLOATS:
        raise ValueError(
            f"{what} has a {name} of type {value.dtype} for layer '{leaf.name}', "
            "expected floating-point numbers."
        )
    if not np.isfinite(value.astype(np.float32)).all():
        raise ValueError(
            f"{what} has a {name} for layer '{leaf.name}' that is not finite: training "
            "had failed when it was saved."
        )
    return value
