"""What stands for the objects that a PyTorch checkpoint names, and which may pass.

Nothing that a file names is imported or called. Each name is looked up here: tensors
become descriptions of tensors, a few harmless values become `Beside`, and everything
else is refused. The names are those of torch/_utils.py, torch/_tensor.py and of the
storage classes.
"""

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

# No network has a side or a storage of a million million numbers.
_MAX_COUNT = 2**40

# What a storage holds, by the first part of its class's name.
DTYPES = {
    "Float": "float32",
    "Double": "float64",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Byte": "uint8",
    "Char": "int8",
    "Short": "int16",
    "Int": "int32",
    "Long": "int64",
    "Bool": "bool",
    "Untyped": "uint8",
}
_STORAGE_MODULES = ("torch", "torch.cuda", "torch.storage")

_BUILT_IN = (
    *("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int"),
    *("list", "long", "set", "slice", "str", "tuple"),
)

# Met beside networks in training checkpoints. Their pickles carry plain values, of
# which nothing is made.
_BESIDE = {
    "_codecs.encode",
    "argparse.Namespace",
    "collections.Counter",
    "collections.deque",
    "datetime.datetime",
    "datetime.timedelta",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    "torch.Tensor",
    "torch.device",
    "torch.nn.parameter.Parameter",
    "torch.torch_version.TorchVersion",
    *(f"torch.{dtype}" for dtype in DTYPES.values()),
    # Python 3.13 says pathlib._local.
    *(
        f"{module}.{name}"
        for module in ("pathlib", "pathlib._local")
        for name in ("PosixPath", "PurePosixPath", "PureWindowsPath", "WindowsPath")
    ),
    # Python 2 and pickles for it say __builtin__.
    *(
        f"{module}.{name}"
        for module in ("builtins", "__builtin__")
        for name in _BUILT_IN
    ),
}

# How the names of PyTorch's other types of numbers begin.
_OTHER_DTYPES = ("bit", "complex", "float", "int", "qint", "quint", "uint")

_SPECIAL = {
    "_rebuild_tensor_v3": "tensors of types of numbers that networks do not have",
    "_rebuild_qtensor": "quantized tensors",
    "_rebuild_sparse_tensor": "sparse tensors",
    "_rebuild_sparse_csr_tensor": "sparse tensors",
    "_rebuild_nested_tensor": "nested tensors",
    "_rebuild_meta_tensor_no_storage": "tensors without values, of the meta device",
    "_rebuild_wrapper_subclass": "tensors of special classes",
    "_rebuild_device_tensor_from_numpy": "tensors of special devices",
    "_rebuild_device_tensor_from_cpu_tensor": "tensors of special devices",
}


@dataclasses.dataclass(frozen=True)
class Storage:
    """A stretch of numbers in the file, or a view of one.

    Attributes:
        key: its name in the file.
        dtype: of the numbers, as PyTorch names it.
        count: of numbers in the stretch.
        start: where in the stretch this view begins, in numbers.
        length: of the view, in numbers.
    """

    key: str
    dtype: str
    count: int
    start: int
    length: int


@dataclasses.dataclass(frozen=True)
class Tensor:
    """How a tensor lies over a storage; offset and stride count numbers."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Named:
    """Something that a pickle imports, which here stays a name."""

    name: str


@dataclasses.dataclass(frozen=True)
class Beside:
    """A value of no use here, which is not made; the name says of what kind."""

    name: str


def admit(module: str, name: str) -> Named:
    """Lets a name pass that a checkpoint of tensors may hold.

    Raises:
        ValueError: for any other, saying what it means in such a file.
    """
    full = f"{module}.{name}"
    if full in _REBUILDS or full in _BESIDE:
        return Named(full)
    kind = name.removesuffix("Storage")
    if module in _STORAGE_MODULES and kind in DTYPES and kind != name:
        return Named(full)
    # Escaped and cut, because it comes from the file and goes to a terminal.
    shown = full.encode("unicode_escape").decode("ascii")[:80]
    if module in _STORAGE_MODULES and (kind != name or name.startswith(_OTHER_DTYPES)):
        raise ValueError(
            f"it holds numbers of a type that networks here do not have ({shown}): "
            "save the network in float32"
        )
    if name in _SPECIAL:
        raise ValueError(
            f"it holds {_SPECIAL[name]} ({shown}); expected plain ones: save the "
            "network's state_dict() in float32, from the CPU"
        )
    if module.partition(".")[0] in {*sys.stdlib_module_names, "__builtin__"}:
        raise ValueError(
            f"it asks for {shown}, which is code that no tensor needs; nothing of it "
            "was run: do not trust this file, unless you made it, and then save the "
            "network's state_dict() alone"
        )
    raise ValueError(
        f"it asks for {shown}, so it holds Python objects, such as a whole model, not "
        "tensors alone; nothing of it was run: save the network's state_dict() where "
        "the file was made, and read that"
    )


def rebuild(called: Any, arguments: Any) -> Any:
    """Gives what stands for the result of a call that a pickle asks for.

    Raises:
        TypeError: no writer of checkpoints calls that so.
        ValueError: the result is no tensor that can be read.
    """
    if not (isinstance(called, Named) and isinstance(arguments, tuple)):
        raise TypeError
    if called.name in _REBUILDS:
        return _REBUILDS[called.name](*arguments)
    return Beside(called.name)


def storage(identity: Any) -> Storage:
    """Gives what stands for a storage.

    Args:
        identity: as `torch.save` writes it: ("storage", class, key, location, count),
            and in the legacy format a view, (key, start, length) or None.

    Raises:
        TypeError: it is not of that form.
        ValueError: it has no values, or an impossible size.
    """
    if not (isinstance(identity, tuple) and len(identity) in (5, 6)):
        raise TypeError
    word, named, key, location, count, *views = identity
    if word != "storage" or not isinstance(named, Named) or not isinstance(key, str):
        raise TypeError
    if location == "meta":
        raise ValueError(
            "it holds tensors without values, of the meta device: save the network "
            "once it has weights"
        )
    kind = named.name.rpartition(".")[2].removesuffix("Storage")
    start, length = 0, _count(count)
    if views and views[0] is not None:
        _, start, length = _of_length(views[0], 3)
        if _count(start) + _count(length) > count:
            raise TypeError
    return Storage(key, DTYPES[kind], count, start, length)


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MAX_COUNT:
        raise ValueError(
            "it holds a tensor of an impossible size: it is damaged, so download or "
            "copy it again"
        )
    return value


def _of_length(value: Any, length: int) -> Any:
    if not isinstance(value, list | tuple) or len(value) != length:
        raise TypeError
    return value


def _ordered(items: Any = ()) -> dict[Any, Any]:
    # Python 2 pickles an OrderedDict with its items as pairs.
    pairs = [_of_length(pair, 2) for pair in items]
    return {key: value for key, value in pairs if isinstance(key, str)}


def _size(sides: Any = ()) -> tuple[Any, ...]:
    return tuple(sides)


def _tensor(under: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    if not (isinstance(under, Storage) and isinstance(size, tuple)):
        raise TypeError
    stride = _of_length(stride, len(size))
    return Tensor(
        under, _count(offset), tuple(map(_count, size)), tuple(map(_count, stride))
    )


def _tensor_v2(
    under: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    hooks: Any,
    metadata: Any = None,
) -> Tensor:
    if metadata:
        raise ValueError(
            "it holds tensors that are stored negated or conjugated; expected plain "
            "ones: call resolve_neg() and resolve_conj() before saving"
        )
    return _tensor(under, offset, size, stride)


def _parameter(data: Any, requires_grad: Any, hooks: Any, state: Any = None) -> Any:
    if not isinstance(data, Tensor):
        raise TypeError
    return data


def _with_state(called: Any, kind: Any, arguments: Any, state: Any) -> Any:
    if called != Named("torch._utils._rebuild_tensor_v2"):
        raise TypeError
    return rebuild(called, arguments)


_REBUILDS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered,
    "collections.defaultdict": lambda *_: {},
    "torch.Size": _size,
    "torch._tensor._rebuild_from_type_v2": _with_state,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor_v2,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
}
