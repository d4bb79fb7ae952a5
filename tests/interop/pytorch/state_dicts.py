"""Names and shapes as PyTorch's state_dicts have them, without numbers of their own."""

import ast
from pathlib import Path

import numpy as np

NETWORKS = Path(__file__).with_name("networks")
FILES = sorted(NETWORKS.glob("*.npz"))


def zeros(shapes):
    """Arrays of zeros by name, whatever their size, in almost no memory."""
    return {name: tensor(shape) for name, shape in shapes.items()}


def tensor(shape):
    return np.broadcast_to(np.float32(0), shape)


def read(path):
    """Returns a file's tensors by name, its other arrays, and its options."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file}
    options = ast.literal_eval(str(arrays.pop("config")))
    tensors = {
        name.removeprefix("weights/"): arrays.pop(name)
        for name in list(arrays)
        if name.startswith("weights/")
    }
    return tensors, arrays, options


def numbered(kernels, last=()):
    """Names for layers in a row, of the shapes of their weights."""
    shapes = {f"model.{i}.weight": shape for i, shape in enumerate(kernels)}
    return zeros(shapes | dict(last))


def of(architecture):
    """The state_dict of an architecture, under names that tell nothing."""
    tensors = {}
    for index, layer in enumerate(architecture.layers()):
        tensors[f"{index}.a.weight"] = tensor(layer.shape)
        has_bias = architecture.use_bias if layer.has_bias is None else layer.has_bias
        if has_bias:
            tensors[f"{index}.a.bias"] = tensor((layer.channels,))
        if not layer.norm:
            continue
        if architecture.norm in ("batch", "instance_affine"):
            for part in ("weight", "bias"):
                tensors[f"{index}.b.{part}"] = tensor((layer.norm_channels,))
        if architecture.norm == "batch":
            for part in ("running_mean", "running_var"):
                tensors[f"{index}.b.{part}"] = tensor((layer.norm_channels,))
            tensors[f"{index}.b.num_batches_tracked"] = np.int64(1)
    return tensors
