"""Keras layers for image translation that Keras does not have, or not as fast.

`InstanceNormalization` (Ulyanov et al., arXiv:1607.08022), `BatchNormalization` with a
choice of statistics at inference, `ReflectionPadding2D`, convolutions that pad by
themselves and choose the fastest algorithm for their shapes, `DepthToSpace` for
sub-pixel convolution, `SpectralNormalization`, and the `ImagePool` of CycleGAN.
"""

from tfi2i.layers.constant import Constant
from tfi2i.layers.convolution import Conv2D, Conv2DTranspose
from tfi2i.layers.dropout import Noise
from tfi2i.layers.image_pool import ImagePool
from tfi2i.layers.normalization import (
    BatchNormalization,
    FixedNormalization,
    InstanceNormalization,
)
from tfi2i.layers.padding import Cropping2D, ReflectionPadding2D
from tfi2i.layers.require_multiple import RequireMultiple
from tfi2i.layers.spectral_normalization import SpectralNormalization
from tfi2i.layers.subpixel import DepthToSpace

__all__ = [
    "BatchNormalization",
    "Constant",
    "Conv2D",
    "Conv2DTranspose",
    "Cropping2D",
    "DepthToSpace",
    "FixedNormalization",
    "ImagePool",
    "InstanceNormalization",
    "Noise",
    "ReflectionPadding2D",
    "RequireMultiple",
    "SpectralNormalization",
]
