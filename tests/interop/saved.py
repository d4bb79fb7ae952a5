"""Whole checkpoints of given tensors, as `torch.save` writes a state_dict."""

from pathlib import Path

import numpy as np

from tests.interop.written import mapping, storage, tensor, write_zip


def save(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    """Writes float32 tensors by name."""
    entries, storages = {}, {}
    for index, (name, values) in enumerate(tensors.items()):
        values = np.ascontiguousarray(values, np.float32)
        strides = tuple(step // 4 for step in values.strides)
        over = storage(values.size, key=str(index))
        entries[name] = tensor(values.shape, strides, over=over)
        storages[str(index)] = values.tobytes()
    return write_zip(path, mapping(**entries), storages)


def of_network(network) -> dict[str, np.ndarray]:
    """A network of ours as PyTorch would have it, names aside."""
    last = {
        "kernel": "weight",
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
    tensors = {}
    for layer in network.layers:
        for weight in layer.weights:
            values = weight.numpy()
            if values.ndim == 4:
                values = values.transpose(3, 2, 0, 1)
            tensors[f"{layer.name}.{last.get(weight.name, weight.name)}"] = values
    return tensors
