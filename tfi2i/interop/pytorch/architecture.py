"""Architectures of our networks, and the kernels that PyTorch stores for them."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import keras

from tfi2i import networks

_NAMES = {
    "unet": "U-Net generator",
    "resnet": "ResNet generator",
    "patchgan": "PatchGAN discriminator",
    "pixel": "pixel discriminator",
}
_NORMS = {
    "batch": "batch norm",
    "instance": "instance norm",
    "instance_affine": "affine instance norm",
    "none": "no norm",
}


class Layer(NamedTuple):
    """A convolution, and the normalization after it.

    Attributes:
        name: name of our layer.
        shape: shape of PyTorch's kernel: (out, in, height, width), or (in, out, height,
            width) if transposed.
        norm: name of our normalization layer after it; None if there is none.
        transposed: whether it is a transposed convolution.
        has_bias: True if it has a bias with any norm; None if like the other layers.
        is_subpixel: whether depth-to-space follows.
    """

    name: str
    shape: tuple[int, int, int, int]
    norm: str | None = None
    transposed: bool = False
    has_bias: bool | None = None
    is_subpixel: bool = False

    @property
    def channels(self) -> int:
        """Length of the bias."""
        return self.shape[1 if self.transposed else 0]

    @property
    def norm_channels(self) -> int:
        """Channels of the normalization."""
        return self.channels // 4 if self.is_subpixel else self.channels


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The arguments that build a network.

    Attributes:
        network: which function of `tfi2i.networks` builds it.
        filters: filters of the first convolution.
        in_channels: channels of the input.
        out_channels: channels of the output; 1 for discriminators.
        num_downs: downsampling steps of a U-Net, else None.
        blocks: residual blocks of a ResNet, else None.
        num_layers: convolutions of stride 2 in a PatchGAN, else None.
        norm: kind of all normalizations.
        use_bias: whether convolutions with an optional bias have one.
        upsample: how a generator upsamples; None for discriminators.
        skips: whether a U-Net has skip connections.
        spectral_norm: whether a discriminator has spectral normalization.
    """

    network: Literal["unet", "resnet", "patchgan", "pixel"]
    filters: int
    in_channels: int
    out_channels: int = 1
    num_downs: int | None = None
    blocks: int | None = None
    num_layers: int | None = None
    norm: Literal["batch", "instance", "instance_affine", "none"] = "none"
    use_bias: bool = False
    upsample: Literal["transpose", "resize_conv", "subpixel"] | None = None
    skips: bool = True
    spectral_norm: bool = False

    @property
    def kind(self) -> Literal["generator", "discriminator"]:
        """`"generator"` or `"discriminator"`."""
        generators = ("unet", "resnet")
        return "generator" if self.network in generators else "discriminator"

    def layers(self) -> tuple[Layer, ...]:
        """Returns the convolutions in the order of PyTorch's state_dict."""
        return tuple(_LAYERS[self.network](self))

    def build(self, dropout: float = 0.0, statistics: str = "stored") -> keras.Model:
        """Builds the network with initial weights; see `from_torch` for the options."""
        common: dict[str, Any] = {
            "in_channels": self.in_channels,
            "filters": self.filters,
            "norm": self.norm,
            "use_bias": self.use_bias,
        }
        if self.kind == "discriminator":
            common["spectral_norm"] = self.spectral_norm
            if self.network == "pixel":
                return networks.pixel_discriminator(**common)
            return networks.patchgan(num_layers=self.num_layers, **common)
        common |= {
            "out_channels": self.out_channels,
            "upsample": self.upsample,
            "dropout": dropout,
            "statistics": statistics,
        }
        if self.network == "unet":
            return networks.unet(self.num_downs, skips=self.skips, **common)
        return networks.resnet(self.blocks, **common)

    @property
    def outline(self) -> str:
        """The architecture in words, without the norm."""
        size = {
            "unet": f" of {_count(self.num_downs, 'halving')}",
            "resnet": f" of {_count(self.blocks, 'block')}",
            "patchgan": f" of {_count(self.num_layers, 'layer')}",
            "pixel": "",
        }[self.network]
        text = f"{_NAMES[self.network]}{size}, {_count(self.filters, 'filter')}"
        if self.network == "unet" and not self.skips:
            text += ", no skips"
        if self.upsample not in (None, "transpose"):
            text += f", {self.upsample}"
        if self.kind == "generator":
            channels = _count(self.out_channels, "channel")
            return f"{text}, {self.in_channels} to {channels}"
        return f"{text}, {_count(self.in_channels, 'channel')}"

    def __str__(self) -> str:
        text = f"{self.outline}, {_NORMS[self.norm]}"
        if self.use_bias != (self.norm in ("instance", "instance_affine")):
            text += ", with biases" if self.use_bias else ", without biases"
        return text + (", spectral norm" if self.spectral_norm else "")


def _count(number: int | None, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _up(
    architecture: Architecture, name: str, channels: tuple[int, int], size: int
) -> Layer:
    """Returns the layer that doubles the size, with these input and output channels."""
    entering, leaving = channels
    norm = f"{name}_norm"
    if architecture.upsample == "resize_conv":
        return Layer(name, (leaving, entering, 3, 3), norm)
    if architecture.upsample == "subpixel":
        return Layer(name, (4 * leaving, entering, 3, 3), norm, is_subpixel=True)
    return Layer(name, (entering, leaving, size, size), norm, transposed=True)


def _unet(a: Architecture) -> list[Layer]:
    assert a.num_downs is not None
    widths = [a.filters * min(2**level, 8) for level in range(a.num_downs)]
    layers = []
    for level, width in enumerate(widths):
        name = f"down{level + 1}"
        entering = widths[level - 1] if level else a.in_channels
        normed = 0 < level < a.num_downs - 1
        layers.append(
            Layer(name, (width, entering, 4, 4), f"{name}_norm" if normed else None)
        )
    entering = widths[-1]
    joined = 2 if a.skips else 1
    for level in reversed(range(1, a.num_downs)):
        channels = (entering, widths[level - 1])
        layers.append(_up(a, f"up{level + 1}", channels, 4))
        entering = widths[level - 1] * joined
    last = _up(a, "up1", (entering, a.out_channels), 4)
    return [*layers, last._replace(norm=None, has_bias=True)]


def _resnet(a: Architecture) -> list[Layer]:
    f = a.filters
    assert a.blocks is not None
    layers = [
        Layer("stem", (f, a.in_channels, 7, 7), "stem_norm"),
        Layer("down1", (2 * f, f, 3, 3), "down1_norm"),
        Layer("down2", (4 * f, 2 * f, 3, 3), "down2_norm"),
    ]
    for index in range(1, a.blocks + 1):
        for half in (1, 2):
            name = f"block{index}_conv{half}"
            norm = f"block{index}_norm{half}"
            layers.append(Layer(name, (4 * f, 4 * f, 3, 3), norm))
    return [
        *layers,
        _up(a, "up2", (4 * f, 2 * f), 3),
        _up(a, "up1", (2 * f, f), 3),
        Layer("head", (a.out_channels, f, 7, 7), has_bias=True),
    ]


def _patchgan(a: Architecture) -> list[Layer]:
    assert a.num_layers is not None
    layers = [Layer("conv1", (a.filters, a.in_channels, 4, 4), has_bias=True)]
    entering = a.filters
    for level in range(1, a.num_layers + 1):
        width = a.filters * min(2**level, 8)
        name = f"conv{level + 1}"
        layers.append(Layer(name, (width, entering, 4, 4), f"{name}_norm"))
        entering = width
    return [*layers, Layer("scores_conv", (1, entering, 4, 4), has_bias=True)]


def _pixel(a: Architecture) -> list[Layer]:
    f = a.filters
    return [
        Layer("conv1", (f, a.in_channels, 1, 1), has_bias=True),
        Layer("conv2", (2 * f, f, 1, 1), "conv2_norm"),
        Layer("scores_conv", (1, 2 * f, 1, 1)),
    ]


_LAYERS: dict[str, Callable[[Architecture], list[Layer]]] = {
    "unet": _unet,
    "resnet": _resnet,
    "patchgan": _patchgan,
    "pixel": _pixel,
}
