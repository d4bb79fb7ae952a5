"""From image files to checked paths to `tf.data`."""

from tfi2i.data.datasets import paired, unpaired
from tfi2i.data.domains import find_unpaired
from tfi2i.data.folders import find_pairs
from tfi2i.data.pipelines import PairedData, UnpairedData, bundled

__all__ = [
    "PairedData",
    "UnpairedData",
    "bundled",
    "find_pairs",
    "find_unpaired",
    "paired",
    "unpaired",
]
