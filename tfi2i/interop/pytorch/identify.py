"""Infers the network in a checkpoint from the order and shapes of its tensors.

Layer names differ between projects and are ignored: only the last part of a tensor's
name (weight, bias, running_mean, ...) counts. If shapes leave a choice, the conventions
of the PyTorch reference decide:

- Instance norm without parameters stores nothing, but the reference's convolutions have
  a bias with instance norm only. So biases without normalization parameters mean
  `"instance"`; neither means `"none"`.
- Running statistics without scale and offset come from instance norm in PyTorch of
  mid-2018; the reference's own loader deletes them. They are not used.
- Running statistics with scale and offset mean `"batch"`, with or without biases in the
  convolutions. Affine instance norm that tracks statistics looks the same, and computes
  the same for single images in training and for any images at inference.
- Plain convolutions in the decoder mean nearest-neighbour resizing with reflection
  padding; with four times the channels, they mean sub-pixel upsampling.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tfi2i.interop.pytorch import matching
from tfi2i.interop.pytorch.architecture import Architecture, Layer
from tfi2i.interop.pytorch.modules import Module, group, quote, quote_names

_STATISTICS_KEPT = ("running_mean", "running_var")
# The tensors that each kind of normalization needs.
_NORM_PARTS = {
    "batch": ("weight", "bias", *_STATISTICS_KEPT),
    "instance_affine": ("weight", "bias"),
    "none": (),
}


class Part(NamedTuple):
    """A layer, and the checkpoint's modules of its kernel and its normalization."""

    layer: Layer
    convolution: Module
    norm: Module | None


@dataclasses.dataclass(frozen=True)
class Plan:
    """The layers that a checkpoint's tensors belong to, in file order.

    `unused` are modules of running statistics that nothing uses.
    """

    architecture: Architecture
    parts: tuple[Part, ...]
    unused: tuple[Module, ...]


def infer(tensors: Mapping[str, np.ndarray]) -> Architecture:
    """Infers the architecture of the network in a checkpoint, as `plan` does."""
    return plan(tensors).architecture


def plan(tensors: Mapping[str, np.ndarray]) -> Plan:
    """Infers the architecture, and which layer each tensor belongs to.

    Args:
        tensors: by name, in the order of PyTorch's state_dict.

    Raises:
        ValueError: it is not a supported network, or tensors are left over, missing or
            of a wrong shape; the line names them.
    """
    modules = group(tensors)
    architecture, layers = matching.match(modules)
    unknown = [name for module in modules for name in module.unknown]
    if unknown:
        raise ValueError(
            f"A {architecture.outline} has no tensors for {quote_names(unknown)}, "
            "which would be left over. Remove them, if they are not part of it."
        )
    parts, unused = _assign_norms(modules, layers, architecture)
    norm = _norm(parts)
    use_bias = _use_bias(parts)
    if unused and not use_bias:
        raise ValueError(
            f"{unused[0].missing('weight')} is missing: running statistics without "
            "scale and offset were left by PyTorch of mid-2018 after convolutions with "
            "biases, and here convolutions have none. Save the whole state_dict()."
        )
    if norm == "none" and use_bias:
        norm = "instance"
    if architecture.kind == "discriminator":
        spectral = all(p.convolution.kernel == "weight_orig" for p in parts)
        architecture = dataclasses.replace(architecture, spectral_norm=spectral)
    architecture = dataclasses.replace(architecture, norm=norm, use_bias=use_bias)
    for part in parts:
        _check_shapes(part)
    return Plan(architecture, tuple(parts), tuple(unused))


def _assign_norms(
    modules: Sequence[Module], layers: Sequence[Layer], architecture: Architecture
) -> tuple[list[Part], list[Module]]:
    """Assigns to each convolution the normalization after it.

    Returns:
        The parts, and the modules with running statistics but no parameters.
    """
    parts: list[Part] = []
    unused = []
    for module in modules:
        if module.kernel:
            parts.append(Part(layers[len(parts)], module, None))
            continue
        first = next(iter(module.names.values()))
        last = parts[-1] if parts else None
        if last is None or last.norm is not None or last.layer.norm is None:
            where = "at the start"
            if last is not None:
                where = f"after {quote(last.convolution.kernel_name)}"
            raise ValueError(
                f"{quote(first)} looks like a normalization {where}, where a "
                f"{architecture.outline} has none."
            )
        parts[-1] = last._replace(norm=module)
    if any({"weight", "bias"} & set(part.norm.names) for part in parts if part.norm):
        return parts, []
    unused = [part.norm for part in parts if part.norm]
    return [part._replace(norm=None) for part in parts], unused


def _norm(parts: Sequence[Part]) -> str:
    """Returns the kind of all normalizations, and checks that each is complete."""
    normalized = [part for part in parts if part.layer.norm]
    kinds = Counter(_norm_kind(part.norm) for part in normalized)
    kind = max(_NORM_PARTS, key=lambda kind: kinds[kind])
    needed = _NORM_PARTS[kind]
    for part in normalized:
        if part.norm is None:
            if needed:
                raise ValueError(
                    f"The normalization after {quote(part.convolution.kernel_name)} "
                    "is missing: after other convolutions there is one. Save the "
                    "whole state_dict()."
                )
            continue
        for name in needed:
            if name not in part.norm.names:
                raise ValueError(
                    f"{part.norm.missing(name)} is missing: other normalizations have "
                    "it. Save the whole state_dict()."
                )
        extra = [full for name, full in part.norm.names.items() if name not in needed]
        if extra and kind != "batch":
            raise ValueError(
                f"{quote_names(extra)} would be left over: after other convolutions "
                "there is nothing like it. Remove it, if it is not part of the network."
            )
    return kind


def _norm_kind(norm: Module | None) -> str:
    if norm is None:
        return "none"
    return "batch" if set(_STATISTICS_KEPT) & set(norm.names) else "instance_affine"


def _use_bias(parts: Sequence[Part]) -> bool:
    """Whether convolutions with an optional bias have one."""
    with_bias, without = [], []
    for part in parts:
        if "bias" in part.convolution.names:
            if not part.layer.has_bias:
                with_bias.append(part.convolution)
        elif part.layer.has_bias:
            raise ValueError(
                f"{part.convolution.missing('bias')} is missing: this convolution has "
                "a bias whatever the norm. Save the whole state_dict()."
            )
        else:
            without.append(part.convolution)
    if with_bias and without:
        if len(with_bias) < len(without):
            raise ValueError(
                f"{quote(with_bias[0].names['bias'])} would be left over: convolutions "
                "like this one have no bias. Save the network's own state_dict()."
            )
        raise ValueError(
            f"{without[0].missing('bias')} is missing: convolutions like this one "
            "have a bias. Save the whole state_dict()."
        )
    return bool(with_bias)


def _check_shapes(part: Part) -> None:
    """Checks the shapes of a layer's vectors."""
    layer, convolution = part.layer, part.convolution
    kernel = layer.shape
    inputs = kernel[0 if layer.transposed else 1]
    expected = {"bias": layer.channels}
    if convolution.kernel == "weight_orig":
        expected["weight_u"] = layer.channels
        expected["weight_v"] = inputs * kernel[2] * kernel[3]
        for name in ("weight_u", "weight_v"):
            if name not in convolution.names:
                raise ValueError(
                    f"{convolution.missing(name)} is missing: spectral normalization "
                    "needs it. Save the whole state_dict()."
                )
    _check_lengths(convolution, expected, convolution)
    if part.norm:
        lengths = dict.fromkeys(_NORM_PARTS["batch"], layer.norm_channels)
        _check_lengths(part.norm, lengths, convolution)


def _check_lengths(
    module: Module, expected: Mapping[str, int], convolution: Module
) -> None:
    for part, length in expected.items():
        shape = module.shapes.get(part, (length,))
        if shape != (length,):
            raise ValueError(
                f"{quote(module.names[part])} is of shape {shape}; expected "
                f"{(length,)}, because {quote(convolution.kernel_name)} is of shape "
                f"{convolution.kernel_shape}. Save the network's own state_dict()."
            )
