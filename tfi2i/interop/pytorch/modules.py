"""A checkpoint's tensors, put together to the modules that they belong to."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_NAMES_SHOWN = 5
_LENGTH_SHOWN = 120

# How torch.nn.utils.parametrizations.spectral_norm names what spectral_norm names
# as the parts on the right.
_PARAMETRIZED = {
    "parametrizations.weight.original": "weight_orig",
    "parametrizations.weight.0._u": "weight_u",
    "parametrizations.weight.0._v": "weight_v",
}


@dataclasses.dataclass(frozen=True)
class Module:
    """Tensors whose names differ in their last part only.

    Attributes:
        prefix: what their names have in common, with the dot at its end.
        names: their names, by last part.
        shapes: their shapes, by last part.
    """

    prefix: str
    names: dict[str, str]
    shapes: dict[str, tuple[int, ...]]

    @property
    def kernel(self) -> str | None:
        """The part that holds a convolution's kernel; None where there is none."""
        for part in ("weight_orig", "weight"):
            if len(self.shapes.get(part, ())) == 4:
                return part
        return None

    @property
    def kernel_name(self) -> str:
        """The name of the kernel, of a module that has one."""
        return self.names[self.kernel or ""]

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """The shape of the kernel, of a module that has one."""
        return self.shapes[self.kernel or ""]

    @property
    def is_norm(self) -> bool:
        """Whether it looks like a normalization, whole or in part."""
        return set(self.names) <= {"weight", "bias", *STATISTICS} and all(
            len(shape) == 1
            for part, shape in self.shapes.items()
            if part != "num_batches_tracked"
        )

    @property
    def unknown(self) -> list[str]:
        """Names of the tensors that neither convolutions nor normalizations have."""
        if self.kernel:
            known = {self.kernel, "bias"}
            if self.kernel == "weight_orig":
                known |= {"weight_u", "weight_v"}
        else:
            known = set(self.names) if self.is_norm else set()
        return [name for part, name in self.names.items() if part not in known]

    def missing(self, part: str) -> str:
        """Returns the shown name of a tensor that should be here."""
        if any(".parametrizations." in f".{name}" for name in self.names.values()):
            part = {ours: name for name, ours in _PARAMETRIZED.items()}.get(part, part)
        return shown(self.prefix + part)


def group(tensors: Mapping[str, np.ndarray]) -> list[Module]:
    """Puts neighbours in the file together whose names differ in the last part only.

    Args:
        tensors: by name, in the order of the file.

    Returns:
        Modules in the order of the file. Prefixes serve to tell one from the next,
        and in messages; what they say is not read.
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


def shown(name: str) -> str:
    """Quotes a name for a message: in one line, and not too long."""
    # It comes from the file and goes to a terminal.
    if len(name) > _LENGTH_SHOWN:
        name = f"{name[:_LENGTH_SHOWN]}..."
    return repr(name)


def listed(names: Sequence[str]) -> str:
    """Quotes the first of some names, and counts the others."""
    text = ", ".join(shown(name) for name in names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{text} and {more} more" if more > 0 else text


def usable(name: str, tensor: np.ndarray) -> np.ndarray:
    """Returns a tensor of weights as finite float32, in its own layout.

    Raises:
        ValueError: naming it, where it holds no floating-point numbers, or some that
            are not finite.
    """
    if not np.issubdtype(tensor.dtype, np.floating):
        raise ValueError(
            f"{shown(name)} holds {tensor.dtype}; expected floating-point numbers. "
            "Save the network's own state_dict()."
        )
    with np.errstate(over="ignore"):
        values = tensor.astype(np.float32, copy=False)
    wrong = values.size - np.count_nonzero(np.isfinite(values))
    if wrong:
        raise ValueError(
            f"{wrong} of the {values.size} numbers of {shown(name)} are NaN "
            "or infinite. Training diverged, or the file is damaged: take an earlier "
            "checkpoint."
        )
    return values
