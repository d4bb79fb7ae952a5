"""Building blocks of the networks, initialized as in the PyTorch reference."""

import random
from typing import Literal, get_args

import keras

from tfi2i.layers import (
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    DepthToSpace,
    InstanceNormalization,
    SpectralNormalization,
)
from tfi2i.layers.subpixel import SubpixelInitializer

Norm = Literal["batch", "instance", "instance_affine", "none"]
Statistics = Literal["stored", "image"]
Upsample = Literal["transpose", "resize_conv", "subpixel"]


class Blocks:
    """Makes the layers of one network, each initialized with its own seed.

    Kernels start from N(0, 0.02), biases from 0, the scales of normalizations from
    N(1, 0.02) (pix2pix, section 6.2).

    Args:
        norm: `"batch"`, `"instance"` (not affine), `"instance_affine"` or `"none"`.
        statistics: of `BatchNormalization` at inference.
        upsample: `"transpose"` (transposed convolution, as in the reference),
            `"resize_conv"` (nearest neighbour, then a convolution; Odena et al.,
            Distill 2016) or `"subpixel"`.
        seed: integer; None draws one.
        spectral_norm: whether `conv` wraps convolutions in `SpectralNormalization`.
        use_bias: default of all convolutions; None: as in the reference, with instance
            norm only.
    """

    def __init__(
        self,
        norm,
        statistics="stored",
        upsample="transpose",
        seed=None,
        spectral_norm=False,
        use_bias=None,
    ):
        _check_choice("norm", norm, get_args(Norm))
        _check_choice("upsample", upsample, get_args(Upsample))
        _check_choice("statistics", statistics, get_args(Statistics))
        self.norm_kind = norm
        self.statistics = statistics
        self.upsample_kind = upsample
        if use_bias is None:
            use_bias = norm in ("instance", "instance_affine")
        self.use_bias = use_bias
        self.spectral_norm = spectral_norm
        self._random = random.Random(seed) if seed is not None else random

    def _seed(self):
        return self._random.randrange(2**31)

    def _normal(self, mean=0.0):
        return keras.initializers.RandomNormal(mean, 0.02, self._seed())

    def conv(self, filters, size, name, use_bias=None, **kwargs):
        """A convolution; `use_bias` None is the network's."""
        kwargs.setdefault("kernel_initializer", self._normal())
        layer = Conv2D(
            filters,
            size,
            use_bias=self.use_bias if use_bias is None else use_bias,
            name=name,
            **kwargs,
        )
        if not self.spectral_norm:
            return layer
        return SpectralNormalization(layer, seed=self._seed(), name=name)

    def norm(self, x, name):
        """Normalizes `x`, or returns it as it is."""
        if self.norm_kind == "batch":
            gamma = self._normal(1.0)
            return BatchNormalization(
                self.statistics, gamma_initializer=gamma, name=name
            )(x)
        if self.norm_kind == "instance":
            return InstanceNormalization(name=name)(x)
        if self.norm_kind == "instance_affine":
            return InstanceNormalization(affine=True, seed=self._seed(), name=name)(x)
        return x

    def dropout(self, x, rate, name):
        """Drops activations in training; no layer where `rate` is 0."""
        if not rate:
            return x
        return keras.layers.Dropout(rate, seed=self._seed(), name=name)(x)

    def upsample(self, x, filters, size, name, use_bias=None):
        """Doubles height and width.

        Args:
            x: `(batch, height, width, channels)`.
            filters: channels of the result.
            size: kernel of the transposed convolution: 4 (in PyTorch with padding 1)
                or 3 (with padding 1 and output padding 1). The other kinds use 3.
            name: of the layer that holds the kernel.
            use_bias: None is the network's.
        """
        if self.upsample_kind == "resize_conv":
            x = keras.layers.UpSampling2D(2, name=f"{name}_resize")(x)
            return self.conv(filters, 3, name, use_bias, pad=1, pad_mode="reflect")(x)
        if self.upsample_kind == "subpixel":
            layer = self.conv(
                filters * 4,
                3,
                name,
                use_bias,
                padding="same",
                kernel_initializer=SubpixelInitializer(seed=self._seed()),
            )
            return DepthToSpace(2, name=f"{name}_shuffle")(layer(x))
        # With a kernel of 3, "same" crops the opposite edges to PyTorch's.
        layer = Conv2DTranspose(
            filters,
            size,
            strides=2,
            padding="same" if size == 4 else "valid",
            use_bias=self.use_bias if use_bias is None else use_bias,
            kernel_initializer=self._normal(),
            name=name,
        )
        if size == 4:
            return layer(x)
        crop = Cropping2D(((1, 0), (1, 0)), name=f"{name}_crop")
        return crop(layer(x))


def relu(x, name):
    """Rectified linear unit."""
    return keras.layers.ReLU(name=name)(x)


def leaky_relu(x, name):
    """Leaky ReLU with the reference's slope of 0.2 (Keras' default is 0.3)."""
    return keras.layers.LeakyReLU(negative_slope=0.2, name=name)(x)


def image_input(channels):
    """Input of images of any height and width."""
    if channels < 1:
        raise ValueError(f"A network needs 1 channel or more. Received {channels}.")
    return keras.Input((None, None, channels), name="image")


def _check_choice(name, value, choices):
    if value not in choices:
        expected = ", ".join(f'"{choice}"' for choice in choices)
        raise ValueError(f'{name} must be one of {expected}. Received "{value}".')
