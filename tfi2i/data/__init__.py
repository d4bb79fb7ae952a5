"""Image files -> checked paths -> `tf.data`."""

from tfi2i.data.folders import find_pairs
from tfi2i.data.pipelines import PairedData, bundled, paired

__all__ = ["PairedData", "bundled", "find_pairs", "paired"]
