"""Compares what make.py made with what `from_addons` makes of it.

    python tests/addons/compare.py FOLDER

Prints the largest gap of each file and exits 1 where one is too large.
"""

import json
import pathlib
import sys

import numpy as np

from tfi2i.interop import from_addons
from tfi2i.layers import InstanceNormalization

TOLERANCE = 1e-5
# A ResNet of 9 blocks with random weights at 256 pixels: float32 itself, here and in
# tensorflow-addons, is 1.03e-5 from float64.
TOLERANCES = {"full.npz": 2e-5}


def cases(folder):
    """The files that make.py made: path, options of `from_addons`, arrays."""
    for case in json.loads((folder / "cases.json").read_text()):
        options = dict(case["options"])
        if options.get("architecture", "").endswith(".json"):
            options["architecture"] = folder / options["architecture"]
        yield folder / case["file"], options, folder / case["arrays"]


def model_gap(path, options, arrays):
    """The largest difference of an imported network's output."""
    with np.load(arrays) as stored:
        outputs = from_addons(path, **options)(stored["x"], training=False)
        return float(np.abs(outputs - stored["y"]).max())


def layer_gaps(folder):
    """The largest differences of the layer's outputs, for each shape and epsilon."""
    with np.load(folder / "layers.npz") as stored:
        arrays = dict(stored)
    for index in range(sum(name.endswith("_x") for name in arrays)):
        x, y, gamma, beta = (
            arrays[f"{index}_{n}"] for n in ("x", "y", "gamma", "beta")
        )
        layer = InstanceNormalization(
            affine=bool(gamma.size), epsilon=float(arrays[f"{index}_epsilon"])
        )
        layer.build(x.shape)
        if gamma.size:
            layer.set_weights([gamma, beta])
        yield x.shape, layer.epsilon, float(np.abs(layer(x) - y).max())


def main():
    folder = pathlib.Path(sys.argv[1])
    too_large = 0
    for shape, epsilon, gap in layer_gaps(folder):
        too_large += gap > TOLERANCE
        print(f"{gap:.1e}  layer, {shape}, epsilon {epsilon:g}")
    for path, options, arrays in cases(folder):
        gap = model_gap(path, options, arrays)
        too_large += not gap <= TOLERANCES.get(arrays.name, TOLERANCE)
        # Of a path, its last part.
        shown = ", ".join(f"{k}={str(v).split('/')[-1]}" for k, v in options.items())
        print(f"{gap:.1e}  {path.name}  {shown}", flush=True)
    if too_large:
        sys.exit(f"{too_large} of them are too large.")


if __name__ == "__main__":
    main()
