"""From image files to checked paths to `tf.data`."""

from tfi2i.data.datasets import paired, unpaired
from tfi2i.data.paired_files import find_pairs
from tfi2i.data.pipelines import PairedData, UnpairedData, bundled
from tfi2i.data.unpaired_files import find_unpaired

__all__ = [
    "PairedData",
    "UnpairedData",
    "bundled",
    "find_pairs",
    "find_unpaired",
    "paired",
    "unpaired",
]
