"""Converts PyTorch generators and discriminators to Keras models, without PyTorch."""

import dataclasses
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from tfi2i.interop.pytorch import checkpoint, identify
from tfi2i.interop.pytorch.architecture import Architecture
from tfi2i.interop.pytorch.identify import Part
from tfi2i.interop.pytorch.modules import Module, quote, to_float32

_NORM_WEIGHTS = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_COUNTER = "counts batches of training, which no result depends on"
_UNUSED = (
    "a running statistic that PyTorch of mid-2018 stored for instance norm, which "
    "normalizes every image by its own"
)


class Used(NamedTuple):
    """A tensor of the checkpoint, the path of its Keras weight, and its own shape."""

    tensor: str
    weight: str
    shape: tuple[int, ...]


class Dropped(NamedTuple):
    """A tensor of the checkpoint that the network does not need, and why."""

    tensor: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Converted:
    """A network with a checkpoint's weights.

    Attributes:
        architecture: the inferred architecture.
        network: functional model of free height and width.
        used: the weight that each tensor became, in file order.
        dropped: tensors that were not needed, and why.
        notes: what the file did not tell and was assumed, or is not kept.
    """

    architecture: Architecture
    network: keras.Model
    used: tuple[Used, ...]
    dropped: tuple[Dropped, ...]
    notes: tuple[str, ...]


def from_torch(
    path: str | os.PathLike[str],
    *,
    key: str | None = None,
    dropout: float = 0.0,
    statistics: str = "stored",
) -> keras.Model:
    """Loads a generator or discriminator from a PyTorch checkpoint.

    The architecture is inferred from the file (see `tfi2i.interop.pytorch.identify`).
    The network behaves as PyTorch's in training and evaluation mode; `tfi2i import`
    makes a translator that behaves as the reference's test script. PyTorch is not
    needed, and nothing in the file is run.

    Args:
        path: a state_dict of junyanz/pytorch-CycleGAN-and-pix2pix, or of a project that
            builds the same networks.
        key: which network, if the file holds several.
        dropout: rate of a generator's dropout, for further training; the file does
            not store it. The reference uses 0.5 for pix2pix and 0 for CycleGAN.
        statistics: what a generator's batch norm uses at inference: `"stored"`, as
            PyTorch in evaluation mode, or `"image"`, each image's own, as the
            reference's test script.

    Returns:
        Functional `keras.Model` of `(batch, height, width, channels)` in [-1, 1].

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is not a checkpoint of a supported network; tensors are missing,
            left over or unusable; or an option does not apply to the network.

    Warns:
        UserWarning: the file does not tell everything that its outputs depend on.
    """
    tensors = checkpoint.read(path, key)
    try:
        converted = convert(
            tensors, dropout=dropout, statistics=statistics, consume=True
        )
    except ValueError as error:
        raise ValueError(f"Cannot import '{path}': {error}") from error
    for note in converted.notes:
        warnings.warn(f"'{path}': {note}", stacklevel=2)
    return converted.network


def convert(
    tensors: dict[str, np.ndarray],
    *,
    dropout: float = 0.0,
    statistics: str = "stored",
    consume: bool = False,
) -> Converted:
    """Converts a checkpoint's tensors to a network.

    Args:
        tensors: by name, in the order of PyTorch's state_dict.
        dropout: see `from_torch`; not for discriminators.
        statistics: see `from_torch`; always `"stored"` for discriminators.
        consume: remove each tensor from `tensors` once it is used, so that memory need
            not hold the network twice.

    Returns:
        The network, and what became of every tensor.

    Raises:
        ValueError: see `from_torch`.
    """
    tensors = tensors if consume else dict(tensors)
    plan = identify.plan(tensors)
    found = plan.architecture
    if found.kind == "discriminator" and (dropout or statistics != "stored"):
        raise ValueError(
            f"dropout={dropout} and statistics={statistics!r} are for generators, and "
            f"this is a {found.outline}; leave them out."
        )
    order = {name: index for index, name in enumerate(tensors)}
    dropped = {
        name: _UNUSED for module in plan.unused for name in module.names.values()
    }
    network = found.build(dropout, statistics)
    used: list[Used] = []
    for part in plan.parts:
        used += _set_convolution(network, part, tensors)
        if part.norm:
            used += _set_norm(network, part, tensors)
            counter = part.norm.names.get("num_batches_tracked")
            if counter is not None:
                dropped[counter] = _COUNTER
    return Converted(
        found,
        network,
        tuple(sorted(used, key=lambda item: order[item.tensor])),
        tuple(Dropped(name, dropped[name]) for name in order if name in dropped),
        tuple(_make_notes(found, plan.parts)),
    )


def _set_convolution(
    network: keras.Model, part: Part, tensors: dict[str, np.ndarray]
) -> list[Used]:
    """Sets a convolution's weights."""
    module = part.convolution
    values = _pop(module, tensors)
    layer = network.get_layer(part.layer.name)
    targets = {}
    if found := getattr(layer, "layer", None):
        layer.vector_u.assign(values["weight_u"][None])
        targets["weight_u"] = layer.vector_u
        layer = found
    kernel = values[module.kernel or ""]
    if module.kernel == "weight_orig":
        kernel = kernel / _spectral_norm(part, values)
    reorder = _reorder_subpixels if part.layer.is_subpixel else np.asarray
    layer.kernel.assign(reorder(kernel.transpose(2, 3, 1, 0)))
    if "bias" in values:
        layer.bias.assign(reorder(values["bias"]))
        targets["bias"] = layer.bias
    return _used(module, {name: targets.get(name, layer.kernel) for name in values})


def _set_norm(
    network: keras.Model, part: Part, tensors: dict[str, np.ndarray]
) -> list[Used]:
    """Sets a normalization's weights."""
    assert part.layer.norm and part.norm
    layer = network.get_layer(part.layer.norm)
    targets = {}
    for last, values in _pop(part.norm, tensors).items():
        if last == "running_var" and values.min() < 0:
            raise ValueError(
                f"{quote(part.norm.names[last])} holds negative numbers; expected "
                "variances. Download or copy the file again."
            )
        targets[last] = getattr(layer, _NORM_WEIGHTS[last])
        targets[last].assign(values)
    return _used(part.norm, targets)


def _pop(module: Module, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Removes a module's weights from `tensors`; returns them as finite float32."""
    values = {}
    for last, name in module.names.items():
        tensor = tensors.pop(name)
        if last != "num_batches_tracked":
            values[last] = to_float32(name, tensor)
    return values


def _used(module: Module, targets: Mapping[str, Any]) -> list[Used]:
    return [
        Used(module.names[last], weight.path, module.shapes[last])
        for last, weight in targets.items()
    ]


def _spectral_norm(part: Part, values: Mapping[str, np.ndarray]) -> float:
    """Returns the norm by which PyTorch divides a kernel in evaluation mode."""
    kernel = values["weight_orig"]
    if part.layer.transposed:
        kernel = kernel.swapaxes(0, 1)
    matrix = kernel.reshape(len(kernel), -1)
    u, v = (values[name].astype(np.float64) for name in ("weight_u", "weight_v"))
    norm = float(u @ (matrix @ v))
    if not norm > 0:
        name = part.convolution.names["weight_orig"]
        raise ValueError(
            f"The kernel {quote(name)} has a spectral norm of {norm} by its vectors; "
            "expected one above 0. Download or copy the file again."
        )
    return norm


def _reorder_subpixels(values: np.ndarray) -> np.ndarray:
    """Reorders channels for depth-to-space from PyTorch's order to TensorFlow's.

    PyTorch stores the pixels of a channel together, TensorFlow the channels of a pixel.
    """
    *others, channels = values.shape
    return (
        values.reshape(*others, channels // 4, 4)
        .swapaxes(-1, -2)
        .reshape(*others, channels)
    )


def _make_notes(found: Architecture, parts: Iterable[Part]) -> Iterator[str]:
    if found.upsample == "resize_conv":
        yield (
            "It doubles sizes by resizing, and does not say how: nearest neighbour and "
            "padding by reflection are assumed. Compare an image with the original's."
        )
    spectral = any(part.convolution.kernel == "weight_orig" for part in parts)
    if spectral and not found.spectral_norm:
        yield (
            "Its spectral normalization is made part of the kernels, as PyTorch does "
            "in evaluation mode; training on does not continue it."
        )
