"""The globals that a PyTorch checkpoint may name, and the stand-ins for them.

Nothing that a file names is imported or called. Each name is looked up here: tensors
become descriptions of tensors, a few harmless values become placeholders, and all else
is refused. The names come from torch/_utils.py, torch/_tensor.py and the storage
classes.
"""

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

# No network has an axis or a storage this long.
_MAX_COUNT = 2**40

# The dtype of a storage, by the first part of its class name.
_DTYPES = {
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

# Found beside networks in training checkpoints; replaced by placeholders.
_REPLACED = {
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
    *(f"torch.{dtype}" for dtype in _DTYPES.values()),
    # Python 3.13 writes pathlib._local.
    *(
        f"{module}.{name}"
        for module in ("pathlib", "pathlib._local")
        for name in ("PosixPath", "PurePosixPath", "PureWindowsPath", "WindowsPath")
    ),
    # Python 2, and pickles for it, write __builtin__.
    *(
        f"{module}.{name}"
        for module in ("builtins", "__builtin__")
        for name in _BUILT_IN
    ),
}

# Prefixes of the names of PyTorch's other dtypes.
_OTHER_DTYPES = ("bit", "complex", "float", "int", "qint", "quint", "uint")

_UNSUPPORTED = {
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
    """A storage in the file, or a view of one.

    Attributes:
        key: name in the file.
        dtype: PyTorch's name of the dtype.
        count: length of the storage, in elements.
        start: where the view begins in the storage, in elements.
        length: length of the view, in elements.
    """

    key: str
    dtype: str
    count: int
    start: int
    length: int


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A strided view of a storage; offset and stride are in elements."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class GlobalName:
    """A global that a pickle asks for; it is not imported."""

    name: str


@dataclasses.dataclass(frozen=True)
class Placeholder:
    """Stands for a value that is not needed; `name` is its type."""

    name: str


def check(module: Any, name: Any) -> GlobalName:
    """Accepts a global that a checkpoint of tensors may name.

    Raises:
        TypeError: the arguments are not strings.
        ValueError: it is another global; the line says what that means.
    """
    full = f"{expect(module, str)}.{expect(name, str)}"
    if full in _REBUILDS or full in _REPLACED:
        return GlobalName(full)
    kind = name.removesuffix("Storage")
    if module in _STORAGE_MODULES and kind in _DTYPES and kind != name:
        return GlobalName(full)
    # Escaped and cut, because it comes from the file and goes to a terminal.
    shown = full.encode("unicode_escape").decode("ascii")[:80]
    if module in _STORAGE_MODULES and (kind != name or name.startswith(_OTHER_DTYPES)):
        raise ValueError(
            f"it holds numbers of a type that networks here do not have ({shown}): "
            "save the network in float32"
        )
    if name in _UNSUPPORTED:
        raise ValueError(
            f"it holds {_UNSUPPORTED[name]} ({shown}); expected plain ones: save the "
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


def call(called: Any, arguments: Any) -> Any:
    """Returns the stand-in for the result of a call in a pickle.

    Raises:
        TypeError: PyTorch writes no such call.
        ValueError: the result is a tensor that cannot be read.
    """
    name = expect(called, GlobalName).name
    if name in _REBUILDS:
        return _REBUILDS[name](*expect(arguments, tuple))
    return Placeholder(name)


def read_storage(identity: Any) -> Storage:
    """Reads the persistent id of a storage.

    Args:
        identity: as `torch.save` writes it: ("storage", class, key, location, count),
            and in the legacy format a view, (key, start, length) or None.

    Raises:
        TypeError: it does not have this form.
        ValueError: it has no values, or an impossible size.
    """
    word, named, key, location, count, *views = expect(identity, tuple, 5, 6)
    if word != "storage":
        raise TypeError
    kind = expect(named, GlobalName).name.rpartition(".")[2].removesuffix("Storage")
    if location == "meta":
        raise ValueError(
            "it holds tensors without values, of the meta device: save the network "
            "once it has weights"
        )
    start, length = 0, _check_count(count)
    if views and views[0] is not None:
        _, start, length = expect(views[0], list | tuple, 3)
        if _check_count(start) + _check_count(length) > count:
            raise TypeError
    return Storage(expect(key, str), _DTYPES[kind], count, start, length)


def expect(value: Any, kind: Any, *lengths: int) -> Any:
    """Returns a value of the expected type and, if given, one of the lengths.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, kind) or (lengths and len(value) not in lengths):
        raise TypeError
    return value


def _check_count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MAX_COUNT:
        raise ValueError(
            "it holds a tensor of an impossible size: it is damaged, so download or "
            "copy it again"
        )
    return value


def _rebuild_ordered_dict(items: Any = ()) -> dict[Any, Any]:
    # Python 2 pickles an OrderedDict with its items as pairs.
    pairs = [expect(pair, list | tuple, 2) for pair in items]
    return {key: value for key, value in pairs if isinstance(key, str)}


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    strides = expect(stride, list | tuple, len(expect(size, tuple)))
    return Tensor(
        expect(storage, Storage),
        _check_count(offset),
        tuple(map(_check_count, size)),
        tuple(map(_check_count, strides)),
    )


def _rebuild_tensor_v2(
    storage: Any,
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
    return _rebuild_tensor(storage, offset, size, stride)


def _rebuild_parameter(data: Any, grad: Any, hooks: Any, state: Any = None) -> Any:
    return expect(data, Tensor)


def _rebuild_from_type(called: Any, kind: Any, arguments: Any, state: Any) -> Any:
    if called != GlobalName("torch._utils._rebuild_tensor_v2"):
        raise TypeError
    return call(called, arguments)


_REBUILDS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _rebuild_ordered_dict,
    "collections.defaultdict": lambda *_: {},
    "torch.Size": lambda sides=(): tuple(sides),
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
}
