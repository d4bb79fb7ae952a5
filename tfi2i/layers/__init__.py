"""Keras layers that image translators need, and Keras does not ship or not as fast.

`InstanceNormalization` (Ulyanov et al., arXiv:1607.08022), `BatchNormalization`
with a choice of statistics at inference, `ReflectionPadding2D`, and convolutions that
pad by themselves and take the way that is fastest for their shapes.
"""

from tfi2i.layers.base import PACKAGE
from tfi2i.layers.convolution import Conv2D, Conv2DTranspose, fast_inference
from tfi2i.layers.default import Default
from tfi2i.layers.fixed import FixedNormalization
from tfi2i.layers.noise import Noise
from tfi2i.layers.normalization import BatchNormalization, InstanceNormalization
from tfi2i.layers.padding import Cropping2D, ReflectionPadding2D

__all__ = [
    "PACKAGE",
    "BatchNormalization",
    "Conv2D",
    "Conv2DTranspose",
    "Cropping2D",
    "Default",
    "FixedNormalization",
    "InstanceNormalization",
    "Noise",
    "ReflectionPadding2D",
    "fast_inference",
]
