"""Finds the architecture whose kernels have a checkpoint's shapes, or the nearest."""

from collections.abc import Iterator, Sequence

from tfi2i.interop.pytorch import known_networks
from tfi2i.interop.pytorch.architecture import Architecture, Layer
from tfi2i.interop.pytorch.modules import Module, quote, quote_names

_MOST_KERNELS = 2000


def match(modules: Sequence[Module]) -> tuple[Architecture, tuple[Layer, ...]]:
    """Returns the architecture that has exactly these kernels, in order."""
    convolutions = [module for module in modules if module.kernel]
    shapes = [module.kernel_shape for module in convolutions]
    for module in convolutions:
        if 0 in module.kernel_shape:
            raise ValueError(
                f"{quote(module.kernel_name)} is empty, of shape "
                f"{module.kernel_shape}; expected a kernel. Save the network's own "
                "state_dict()."
            )
    nearest: tuple[int, Architecture, tuple[Layer, ...]] | None = None
    for candidate in _candidates(shapes):
        layers = candidate.layers()
        apart = len(shapes) + len(layers) - 2 * _count_matching(shapes, layers)
        if apart == 0:
            _check_first_kernel(modules)
            return candidate, layers
        if nearest is None or apart < nearest[0]:
            nearest = (apart, candidate, layers)
    family = known_networks.recognize(modules)
    if family is None and nearest:
        _check_first_kernel(modules)
        apart, candidate, layers = nearest
        # Half of the kernels fit.
        if apart <= min(len(shapes), len(layers)):
            raise ValueError(_difference(modules, convolutions, candidate, layers))
    raise ValueError(
        f"This checkpoint holds {family or known_networks.describe(modules)}; expected "
        "a generator (U-Net, or ResNet of two halvings) or a discriminator (PatchGAN "
        "or pixel) of pix2pix or CycleGAN."
    )


def _candidates(shapes: Sequence[tuple[int, ...]]) -> Iterator[Architecture]:
    """Yields candidates for the number of kernels and the shapes of the outer ones.

    Includes those with slightly more or fewer kernels, for damaged checkpoints.
    """
    count = len(shapes)
    if not 2 <= count <= _MOST_KERNELS:
        return
    # The second kernel tells as much if the first is damaged or missing.
    for filters in dict.fromkeys((shapes[0][0], shapes[1][1], shapes[0][1])):
        common = {"filters": filters, "in_channels": shapes[0][1]}
        for extra in (0, -1, 1):
            layers = count - 2 + extra
            if layers >= 1:
                yield Architecture("patchgan", num_layers=layers, **common)
        yield Architecture("pixel", **common)
        for last in dict.fromkeys((shapes[-1], shapes[-2])):
            yield from _generators(count, last, common)


def _generators(
    count: int, last: tuple[int, ...], common: dict[str, int]
) -> Iterator[Architecture]:
    """Yields generators whose last kernel has the shape `last`."""
    for upsample, out_channels in (
        ("transpose", last[1]),
        ("resize_conv", last[0]),
        ("subpixel", max(1, last[0] // 4)),
    ):
        for blocks in {(count - 6) // 2, (count - 5) // 2}:
            if blocks >= 0:
                yield Architecture(
                    "resnet",
                    blocks=blocks,
                    out_channels=last[0],
                    upsample=upsample,
                    **common,
                )
        for num_downs in {count // 2, (count + 1) // 2}:
            for skips in (True, False):
                if num_downs >= 2:
                    yield Architecture(
                        "unet",
                        num_downs=num_downs,
                        out_channels=out_channels,
                        upsample=upsample,
                        skips=skips,
                        **common,
                    )


def _count_matching(shapes: Sequence[tuple[int, ...]], layers: Sequence[Layer]) -> int:
    """Counts kernels with the expected shapes, from both ends."""
    most = min(len(shapes), len(layers))
    first = _first_difference(shapes, layers)
    last = 0
    while last < most - first and shapes[-1 - last] == layers[-1 - last].shape:
        last += 1
    return first + last


def _first_difference(
    shapes: Sequence[tuple[int, ...]], layers: Sequence[Layer]
) -> int:
    pairs = enumerate(zip(shapes, layers, strict=False))
    different = (index for index, (shape, layer) in pairs if shape != layer.shape)
    return next(different, min(len(shapes), len(layers)))


def _difference(
    modules: Sequence[Module],
    convolutions: Sequence[Module],
    architecture: Architecture,
    layers: Sequence[Layer],
) -> str:
    """Describes the first difference to the most similar architecture."""
    names = [module.kernel_name for module in convolutions]
    shapes = [module.kernel_shape for module in convolutions]
    at = _first_difference(shapes, layers)
    like = f"This looks like a {architecture.outline}, but"
    remedy = "Save the whole state_dict() of the network."
    if at == len(layers):
        return f"{like} {quote_names(names[at:])} would be left over. {remedy}"
    orphan = _find_orphan(modules)
    if orphan:
        return f"{like} {orphan}. {remedy}"
    expected = f"a kernel of shape {layers[at].shape}"
    if len(shapes) > len(layers):
        return (
            f"{like} it has {len(shapes)} kernels instead of {len(layers)}, of which "
            f"{quote(names[at])} is the first that does not fit. {remedy}"
        )
    if len(shapes) < len(layers):
        if not at:
            return f"{like} its first kernel is missing. {remedy}"
        return f"{like} {expected} is missing after {quote(names[at - 1])}. {remedy}"
    return (
        f"{like} {quote(names[at])} is of shape {shapes[at]}; expected {expected}. "
        f"{remedy}"
    )


def _find_orphan(modules: Sequence[Module]) -> str | None:
    """Describes a missing tensor that the tensors around it need."""
    before: Module | None = None
    for module in modules:
        if {"weight_u", "weight_v"} & set(module.names) and not module.kernel:
            return f"{module.missing('weight_orig')} is missing"
        if set(module.names) == {"bias"}:
            return f"{module.missing('weight')} is missing"
        if module.is_norm and not (before and before.kernel):
            first = next(iter(module.names.values()))
            return f"the kernel before {quote(first)} is missing"
        before = module
    return None


def _check_first_kernel(modules: Sequence[Module]) -> None:
    """Checks that the first kernel is present."""
    orphan = _find_orphan(modules[:1])
    if orphan:
        raise ValueError(
            f"A network starts with a convolution, but {orphan}. Save the whole "
            "state_dict() of the network."
        )
