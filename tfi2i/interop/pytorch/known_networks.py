"""Recognizes networks that are not supported, to name them in error messages."""

import math
from collections.abc import Sequence

from tfi2i.interop.pytorch.modules import Module, quote_names

# How many convolutions torchvision's classifiers of this name have.
_RESNETS = {20: 18, 36: 34, 53: 50, 104: 101, 155: 152}
_VGGS = {8: 11, 10: 13, 13: 16, 16: 19}

_OPTIMIZER = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "square_avg"}
_OPTIMIZER |= {"momentum_buffer"}
_STYLEGAN = {"noise_strength", "noise_const", "resample_filter", "w_avg"}

_Shapes = Sequence[tuple[int, ...]]


def recognize(modules: Sequence[Module]) -> str | None:
    """Names the family of a network, to follow "holds"; None if it is unknown."""
    kernels = [m.kernel_shape for m in modules if m.kernel]
    parts = {part for module in modules for part in module.names}
    shapes = [shape for module in modules for shape in module.shapes.values()]
    if parts & _OPTIMIZER:
        return "the state of an optimizer"
    if parts & _STYLEGAN or any(len(s) == 5 and s[0] == 1 for s in shapes):
        return "a StyleGAN network"
    if "weight_g" in parts:
        return "weights split by weight normalization, which is not supported"
    if "filt" in parts:
        return "a network with anti-aliased resampling, as CUT's"
    return _generator(kernels) or _discriminator(kernels) or _with_dense_layers(modules)


def _generator(kernels: _Shapes) -> str | None:
    """Names generators with kernels of 7 at both ends."""
    if len(kernels) < 4 or kernels[0][2:] != (7, 7):
        return None
    if sum(shape[2:] == (7, 7) for shape in kernels) > 2:
        return "a generator of several scales, as pix2pixHD's LocalEnhancer"
    if kernels[-1][2:] != (7, 7):
        return None
    if all(shape[2:] == (4, 4) for shape in kernels[1:3]):
        return "a generator with kernels of 4 at its halvings, as StarGAN's"
    halvings = 0
    width = kernels[0][0]
    for shape in kernels[1:]:
        if shape != (2 * width, width, 3, 3):
            break
        width *= 2
        halvings += 1
    downs = list(kernels[1 : 1 + halvings])
    ups = list(kernels[-1 - halvings : -1])
    inner = kernels[1 + halvings : -1 - halvings]
    if (
        halvings in (0, 2)
        or ups != downs[::-1]
        or not set(inner) <= {(width, width, 3, 3)}
    ):
        return None
    times = "once" if halvings == 1 else f"{halvings} times"
    return f"a ResNet generator that halves {times}, as pix2pixHD's"


def _discriminator(kernels: _Shapes) -> str | None:
    """Names discriminators with kernels of 4, except in the last layers."""
    count = len(kernels)
    for copies in (2, 3, 4):
        if count % copies or count // copies < 3:
            continue
        length = count // copies
        first = list(kernels[:length])
        if first[-1][0] == 1 and all(shape[2:] == (4, 4) for shape in first):
            chunks = [list(kernels[i : i + length]) for i in range(0, count, length)]
            if all(chunk == first for chunk in chunks):
                return f"{copies} discriminators in one, as pix2pixHD's"
    body = kernels[:-2]
    if (
        count > 5
        and all(shape[2:] == (4, 4) for shape in body)
        and all(b[:2] == (2 * a[0], a[0]) for a, b in zip(body, body[1:], strict=False))
        and kernels[-2][:2] == (1, body[-1][0])
        and kernels[-1][1] == body[-1][0]
    ):
        return "a discriminator that also classifies, as StarGAN's"
    return None


def _with_dense_layers(modules: Sequence[Module]) -> str | None:
    """Names networks with fully connected layers."""
    kernels = [m.kernel_shape for m in modules if m.kernel]
    dense = [m for m in modules if len(m.shapes.get("weight", ())) == 2]
    if not kernels or not dense:
        return None
    outputs = dense[-1].shapes["weight"][0]
    if modules[-1] is dense[-1]:
        name = ""
        if kernels[0][2:] == (7, 7) and len(dense) == 1 and len(kernels) in _RESNETS:
            name = f"ResNet-{_RESNETS[len(kernels)]}: "
        elif len(dense) == 3 and len(kernels) in _VGGS:
            name = f"VGG-{_VGGS[len(kernels)]}: "
        return (
            f"a classifier ({name}{_count(kernels)}, then fully connected layers up "
            f"to {outputs} outputs)"
        )
    if len(dense) > 3 and kernels[0][2:] == kernels[-1][2:] == (3, 3):
        return (
            f"a U-Net with {len(dense)} fully connected layers, as diffusion models' "
            f"({_count(kernels)})"
        )
    return None


def describe(modules: Sequence[Module]) -> str:
    """Describes a checkpoint in numbers, to follow "holds"."""
    kernels = [m.kernel_shape for m in modules if m.kernel]
    tensors = sum(len(module.names) for module in modules)
    names = [name for module in modules for name in module.names.values()]
    if not tensors:
        return "no tensors"
    if not kernels:
        return f"{tensors} tensors and no convolution ({quote_names(names[:3])})"
    numbers = sum(math.prod(s) for module in modules for s in module.shapes.values())
    first, last = kernels[0], kernels[-1]
    return (
        f"{_count(kernels)} in {numbers:,} numbers, the first kernel of shape "
        f"{first}, the last of shape {last}"
    )


def _count(kernels: _Shapes) -> str:
    return f"{len(kernels)} convolution" + ("s" if len(kernels) > 1 else "")
