"""Groups a checkpoint's tensors into the modules that they belong to."""

import dataclasses
import itertools
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_MAX_NAMES = 5
_MAX_LENGTH = 80

# How torch.nn.utils.parametrizations.spectral_norm names what spectral_norm names
# as the parts on the right.
_PARAMETRIZED = {
    "parametrizations.weight.original": "weight_orig",
    "parametrizations.weight.0._u": "weight_u",
    "parametrizations.weight.0._v": "weight_v",
}


@dataclasses.dataclass(frozen=True)
class Module:
    """Tensors whose names differ only in the last part.

    Attributes:
        prefix: the common part of their names, with the final dot.
        names: full names, by last part.
        shapes: shapes, by last part.
    """

    prefix: str
    names: dict[str, str]
    shapes: dict[str, tuple[int, ...]]

    @property
    def kernel(self) -> str | None:
        """The last part of the kernel's name; None if there is no kernel."""
        for part in ("weight_orig", "weight"):
            if len(self.shapes.get(part, ())) == 4:
                return part
        return None

    @property
    def kernel_name(self) -> str:
        """Name of the kernel; the module must have one."""
        return self.names[self.kernel or ""]

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """Shape of the kernel; the module must have one."""
        return self.shapes[self.kernel or ""]

    @property
    def is_norm(self) -> bool:
        """Whether it looks like a normalization, complete or not."""
        return set(self.names) <= {"weight", "bias", *STATISTICS} and all(
            len(shape) == 1
            for part, shape in self.shapes.items()
            if part != "num_batches_tracked"
        )

    @property
    def unknown(self) -> list[str]:
        """Names of tensors that belong to no convolution or normalization."""
        if self.kernel:
            known = {self.kernel, "bias"}
            if self.kernel == "weight_orig":
                known |= {"weight_u", "weight_v"}
        else:
            known = set(self.names) if self.is_norm else set()
        return [name for part, name in self.names.items() if part not in known]

    def missing(self, part: str) -> str:
        """Quotes the name of a tensor that is missing here."""
        if any(".parametrizations." in f".{name}" for name in self.names.values()):
            part = {ours: name for name, ours in _PARAMETRIZED.items()}.get(part, part)
        return quote(self.prefix + part)


def group(tensors: Mapping[str, np.ndarray]) -> list[Module]:
    """Groups neighbouring tensors whose names differ only in the last part.

    Prefixes only separate modules and appear in messages.
    """
    modules: list[Module] = []
    for name, tensor in tensors.items():
        prefix, part = _split(name)
        if not modules or modules[-1].prefix != prefix or part in modules[-1].names:
            modules.append(Module(prefix, {}, {}))
        modules[-1].names[part] = name
        modules[-1].shapes[part] = tuple(tensor.shape)
    return modules


def _split(name: str) -> tuple[str, str]:
    for suffix, part in _PARAMETRIZED.items():
        if name.endswith(f".{suffix}") or name == suffix:
            return name.removesuffix(suffix), part
    prefix, dot, part = name.rpartition(".")
    return prefix + dot, part


def quote(name: Any) -> str:
    """Quotes a name for a message, cut and escaped, because it comes from a file."""
    if isinstance(name, str) and len(name) > _MAX_LENGTH:
        name = f"{name[:_MAX_LENGTH]}..."
    return repr(name)


def quote_names(names: Collection[Any]) -> str:
    """Quotes the first names, and counts the others."""
    text = ", ".join(map(quote, itertools.islice(names, _MAX_NAMES)))
    more = len(names) - _MAX_NAMES
    return f"{text} and {more} more" if more > 0 else text


def to_float32(name: str, tensor: np.ndarray) -> np.ndarray:
    """Returns a tensor of weights as float32, in its own layout.

    Raises:
        ValueError: it holds other than finite floating-point numbers.
    """
    if not np.issubdtype(tensor.dtype, np.floating):
        raise ValueError(
            f"{quote(name)} holds {tensor.dtype}; expected floating-point numbers. "
            "Save the network's own state_dict()."
        )
    with np.errstate(over="ignore"):
        values = tensor.astype(np.float32, copy=False)
    wrong = values.size - np.count_nonzero(np.isfinite(values))
    if wrong:
        raise ValueError(
            f"{wrong} of the {values.size} numbers of {quote(name)} are NaN "
            "or infinite. Training diverged, or the file is damaged: take an earlier "
            "checkpoint."
        )
    return values
