"""Models of the real tensorflow-addons, and copies of them that were changed.

`../addons` holds what tests/addons/make.py made; see there.
"""

import json
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from tfi2i.interop import from_addons
from tfi2i.layers import InstanceNormalization

FOLDER = Path(__file__).parents[1] / "addons"
EXAMPLE = {"architecture": "keras-cyclegan"}


def arrays(name):
    with np.load(FOLDER / f"{name}.npz") as stored:
        return stored["x"], stored["y"]


def gap(model, name):
    x, y = arrays(name)
    return np.abs(model(x, training=False) - y).max()


def norms(model):
    return [x for x in model.layers if isinstance(x, InstanceNormalization)]


def refusal(path, **options):
    """The one line that says why a file is not imported."""
    with pytest.raises(ValueError) as caught:
        from_addons(path, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


def own_model(epsilon=1e-3, filters=3):
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            InstanceNormalization(affine=True, epsilon=epsilon),
            keras.layers.Conv2D(filters, 3),
        ]
    )


def entries(config):
    """All layers of a description, those of networks inside included."""
    for layer in config["config"]["layers"]:
        yield layer
        if "layers" in layer["config"]:
            yield from entries(layer)


def with_config(folder, change, source="resnet.h5"):
    """A copy of a model whose stored description is changed."""
    path = folder / source
    shutil.copy(FOLDER / source, path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)
    return path


def with_layer(folder, kind, source="resnet.h5", drop=(), **values):
    """A copy of a model with other values in the first layer of a kind."""

    def change(config):
        layer = next(x for x in entries(config) if x["class_name"] == kind)
        layer["class_name"] = values.pop("class_name", kind)
        layer["config"].update(values)
        for key in drop:
            del layer["config"][key]

    return with_config(folder, change, source)


def keras_2_chain(*layers):
    """A description as Keras 2 writes it: kind, configuration, arguments of calls."""
    shape = {"batch_input_shape": [None, 8, 8, 2], "name": "input"}
    found = [
        {
            "class_name": "InputLayer",
            "config": shape,
            "name": "input",
            "inbound_nodes": [],
        }
    ]
    for index, (kind, config, arguments) in enumerate(layers):
        name = f"layer_{index}"
        node = [[[found[-1]["name"], 0, 0, arguments]]]
        config = {"name": name, "trainable": True, "dtype": "float32", **config}
        found.append(
            {"class_name": kind, "config": config, "name": name, "inbound_nodes": node}
        )
    config = {
        "name": "chain",
        "layers": found,
        "input_layers": [["input", 0, 0]],
        "output_layers": [[found[-1]["name"], 0, 0]],
    }
    return {"class_name": "Functional", "config": config}


def write_h5(path, config, variables):
    """A whole model with weights of ones, two of each variable."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = list(variables)
        for layer, names in variables.items():
            group = weights.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{name}:0" for name in names]
            for name in names:
                group[f"{layer}/{name}:0"] = np.ones(2, np.float32)


def rezip(source, target, change=None, **members):
    """A copy of a .keras file, changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json" and change is not None:
                config = json.loads(data)
                change(config)
                data = json.dumps(config)
            new.writestr(name, members.get(name, data))
