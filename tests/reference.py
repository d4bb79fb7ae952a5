"""Stored results of the PyTorch reference, and how they become ours.

`tests/golden` holds part of them, some subsampled to keep the repository small; a
folder with all of them can be named in the environment as TFI2I_GOLDEN.
"""

import ast
import os
from pathlib import Path

import numpy as np

from tfi2i import networks

GOLDEN = Path(os.environ.get("TFI2I_GOLDEN", Path(__file__).parent / "golden"))


def read(path):
    """Returns the file's arrays by name and its configuration."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file if name != "config"}
        return arrays, ast.literal_eval(str(file["config"]))


def under(arrays, prefix):
    """The arrays below a prefix, in the order of the file."""
    start = len(prefix) + 1
    return {
        name[start:]: value
        for name, value in arrays.items()
        if name.startswith(f"{prefix}/") and not name.endswith("num_batches_tracked")
    }


def generator(config):
    """Our generator for the reference's options."""
    kind, _, size = config["netG"].partition("_")
    common = dict(
        in_channels=config["input_nc"],
        out_channels=config["output_nc"],
        filters=config["ngf"],
        norm=config["norm"],
        statistics="stored",
        dropout=0.0,
    )
    if kind == "unet":
        return networks.unet(int(np.log2(int(size))), **common)
    return networks.resnet(int(size.removesuffix("blocks")), **common)


def discriminator(config, in_channels):
    """Our discriminator for the reference's options."""
    common = dict(in_channels=in_channels, filters=config["ndf"], norm=config["norm"])
    if config["netD"] == "pixel":
        return networks.pixel_discriminator(**common)
    return networks.patchgan(num_layers=config["n_layers_D"], **common)


def to_keras(tensor):
    """Kernels from (out, in, h, w) to (h, w, in, out); vectors stay."""
    return tensor.transpose(2, 3, 1, 0) if tensor.ndim == 4 else tensor


def load(network, tensors):
    """Sets the network's weights from PyTorch's, both in order of creation."""
    ours = [w for layer in network.layers for w in _weights(layer)]
    assert len(ours) == len(tensors)
    for weight, tensor in zip(ours, tensors.values(), strict=True):
        weight.assign(to_keras(tensor))


def kernels(network):
    """The network's 4-D kernels in PyTorch's layout, in order of creation."""
    weights = [w for layer in network.layers for w in _weights(layer)]
    return [w.numpy().transpose(3, 2, 0, 1) for w in weights if len(w.shape) == 4]


def mean_gap(network, arrays, prefix):
    """Mean absolute difference of all kernels of a network to the stored ones."""
    ours = np.concatenate(
        [k.ravel()[:: arrays.get("after_stride", 1)] for k in kernels(network)]
    )
    tensors = under(arrays, prefix)
    stored = np.concatenate(
        [
            tensor.ravel()
            for name, tensor in tensors.items()
            if tensor.ndim == 4 or "after_stride" in arrays
        ]
    )
    return np.abs(ours - stored).mean()


def _weights(layer):
    return layer.trainable_weights + layer.non_trainable_weights
