"""A reader of the pickles inside PyTorch checkpoints, which runs nothing.

A pickle is a program for a small stack machine, whose instructions may import and
call anything. Python's own machine cannot be held to bounds on memory, so this is
another one: it knows the instructions that checkpoints hold, builds plain containers
and the stand-ins below, and calls nothing that a file names.
"""

import dataclasses
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

# Ten times what the largest of such networks need, optimizer and all.
_MAX_INSTRUCTIONS = 3_000_000
_MAX_NAME = 400
_MAX_SIDE = 2**40

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

# Found beside networks in training checkpoints. Their pickles carry plain values,
# which are kept out of sight, and never made.
_BESIDE = {
    "_codecs.encode",
    "argparse.Namespace",
    "collections.Counter",
    "collections.defaultdict",
    "collections.deque",
    "datetime.datetime",
    "datetime.timedelta",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "torch.device",
}
_BESIDE |= {
    f"{module}.{name}"
    for module in ("builtins", "__builtin__")
    for name in ("bytearray", "complex", "dict", "float", "int", "list", "set", "slice")
}
_BESIDE |= {f"torch.{dtype}" for dtype in DTYPES.values()}

_SPECIAL = {
    "_rebuild_qtensor": "quantized tensors",
    "_rebuild_sparse_tensor": "sparse tensors",
    "_rebuild_sparse_csr_tensor": "sparse tensors",
    "_rebuild_nested_tensor": "nested tensors",
    "_rebuild_meta_tensor_no_storage": "tensors without values (of the meta device)",
    "_rebuild_wrapper_subclass": "tensors of special classes",
}


@dataclasses.dataclass(frozen=True)
class Storage:
    """A stretch of numbers in the file.

    Attributes:
        key: its name in the file.
        dtype: of the numbers, as PyTorch names it.
        count: of numbers in the storage.
        start: where in the storage this view of it begins, in numbers.
        length: of the view, in numbers.
    """

    key: str
    dtype: str
    count: int
    start: int
    length: int


@dataclasses.dataclass(frozen=True)
class Tensor:
    """How to lay a tensor over a storage; offset and strides count numbers."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Named:
    """What a pickle imports, by name: never imported."""

    name: str


class Beside:
    """A value that is no tensor and no plain Python value: never made."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Mark:
    """Where a list of arguments begins on the stack."""


_MARK = _Mark()


def load(file: BinaryIO, end: int) -> Any:
    """Reads one pickle, running nothing.

    Args:
        file: at the pickle's first byte; left after its last one.
        end: the position in the file that the pickle does not reach beyond.

    Returns:
        Plain values, with `Tensor`, `Storage`, `Named` and `Beside` in the place of
        what else was pickled. Containers may contain themselves.

    Raises:
        ValueError: it is damaged, too long, or names anything beyond tensors. One
            line, without the path.
    """
    machine = _Machine(file, end)
    try:
        return machine.run()
    except (IndexError, KeyError, TypeError, struct.error, RecursionError) as error:
        raise ValueError(
            "its pickle is damaged: download or copy the file again"
        ) from error


class _Machine:
    """The stack machine."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file = file
        self._left = end - file.tell()
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        for _ in range(_MAX_INSTRUCTIONS):
            code = self._read(1)
            if code == b".":
                return self._pop()
            instruction = _INSTRUCTIONS.get(code)
            if instruction is None:
                raise ValueError(
                    f"its pickle holds {code!r}, an instruction that checkpoints do "
                    "not need; expected a file that torch.save wrote"
                )
            instruction(self)
        raise ValueError(
            f"its pickle has more than {_MAX_INSTRUCTIONS:,} instructions; expected "
            "a network's state_dict: save that alone"
        )

    def _read(self, count: int) -> bytes:
        if count > self._left:
            raise ValueError(
                "its pickle ends too early: the file is truncated; download or copy "
                "it again"
            )
        self._left -= count
        found = self._file.read(count)
        if len(found) < count:
            raise ValueError("the file is truncated: download or copy it again")
        return found

    def _line(self) -> str:
        found = self._file.readline(min(_MAX_NAME, self._left))
        self._left -= len(found)
        if not found.endswith(b"\n"):
            raise ValueError("its pickle is damaged: download or copy the file again")
        return found[:-1].decode("utf-8", "replace")

    def _number(self, form: str) -> int:
        return struct.unpack(form, self._read(struct.calcsize(form)))[0]

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise IndexError
        return value

    def _pop_to_mark(self) -> list[Any]:
        at = len(self._stack) - 1
        while self._stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise IndexError
        items = self._stack[at + 1 :]
        del self._stack[at:]
        return items

    def proto(self) -> None:
        if self._read(1)[0] > 5:
            raise ValueError("its pickle is of an unknown protocol; expected 2 to 5")

    def frame(self) -> None:
        self._read(8)

    def mark(self) -> None:
        self._push(_MARK)

    def pop(self) -> None:
        self._stack.pop()

    def pop_mark(self) -> None:
        self._pop_to_mark()

    def dup(self) -> None:
        self._push(self._stack[-1])

    def put(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def get(self, index: int) -> None:
        self._push(self._memo[index])

    def memoize(self) -> None:
        self.put(len(self._memo))

    def text(self, form: str) -> None:
        self._push(self._read(self._number(form)).decode("utf-8", "replace"))

    def octets(self, form: str) -> None:
        self._push(self._read(self._number(form)))

    def python2_text(self, form: str) -> None:
        # Python 2 knew no difference between text and bytes.
        self._push(self._read(self._number(form)).decode("utf-8", "replace"))

    def long(self) -> None:
        self._push(int.from_bytes(self._read(self._read(1)[0]), "little", signed=True))

    def number(self, form: str) -> None:
        self._push(self._number(form))

    def tuple_of(self, count: int) -> None:
        self._push(tuple(reversed([self._pop() for _ in range(count)])))

    def tuple_from_mark(self) -> None:
        self._push(tuple(self._pop_to_mark()))

    def list_from_mark(self) -> None:
        self._push(self._pop_to_mark())

    def dict_from_mark(self) -> None:
        items = self._pop_to_mark()
        self._push({})
        self._set(items)

    def append(self) -> None:
        self._extend([self._pop()])

    def appends(self) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Beside):
            raise TypeError

    def set_item(self) -> None:
        value = self._pop()
        self._set([self._pop(), value])

    def set_items(self) -> None:
        self._set(self._pop_to_mark())

    def _set(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                # Other keys are no names of tensors, and hashing them runs deep.
                if isinstance(key, str | int | float | bytes | None):
                    target[key] = value
        elif not isinstance(target, Beside):
            raise TypeError

    def named(self) -> None:
        module = self._line()
        self._name(module, self._line())

    def stack_named(self) -> None:
        name = self._pop()
        module = self._pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise TypeError
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        self._push(_admit(module, name))

    def reduce(self) -> None:
        arguments = self._pop()
        called = self._pop()
        if not (isinstance(called, Named) and isinstance(arguments, tuple)):
            raise TypeError
        self._push(_rebuild(called.name, arguments))

    def build(self) -> None:
        # A state: metadata of an OrderedDict, attributes of a tensor, of no use here.
        self._pop()
        if not isinstance(self._stack[-1], dict | Beside | Tensor):
            raise TypeError

    def persistent(self) -> None:
        self._push(_storage(self._pop()))


def _admit(module: str, name: str) -> Named:
    """Lets a name pass, or refuses it."""
    full = f"{module}.{name}"
    if full in _REBUILDS or full in _BESIDE:
        return Named(full)
    if module in _STORAGE_MODULES and name.endswith("Storage"):
        if name.removesuffix("Storage") in DTYPES:
            return Named(full)
        raise ValueError(
            f"it holds {full}; expected plain real numbers, as networks of this "
            "package have"
        )
    if name in _SPECIAL:
        raise ValueError(
            f"it holds {_SPECIAL[name]} ({full}); expected plain tensors: save the "
            "state_dict of a network in float32"
        )
    # Escapes: the name comes from the file, and goes to a terminal.
    shown = full.encode("unicode_escape").decode("ascii")
    if module.partition(".")[0] in {*sys.stdlib_module_names, "__builtin__", "nt"}:
        raise ValueError(
            f"its pickle asks for {shown}, code that no tensor needs. Nothing of it "
            "was run: do not trust this file"
        )
    raise ValueError(
        f"its pickle asks for {shown}: it holds Python objects beside tensors, such "
        "as a whole model. Nothing of it was run: where it was made, save the "
        "network's state_dict() instead"
    )


def _rebuild(name: str, arguments: tuple[Any, ...]) -> Any:
    rebuild = _REBUILDS.get(name)
    if rebuild is not None:
        return rebuild(*arguments)
    if name in _BESIDE:
        return Beside(name)
    raise TypeError


def _ordered(items: Any = ()) -> dict[Any, Any]:
    # Python 2 pickles an OrderedDict with its items as pairs.
    return {key: value for key, value in items if isinstance(key, str | int)}


def _size(sides: Any = ()) -> tuple[Any, ...]:
    return tuple(sides) if isinstance(sides, list | tuple) else ()


def _tensor(storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    if not isinstance(storage, Storage):
        raise TypeError
    size, stride = tuple(size), tuple(stride)
    for number in (offset, *size, *stride):
        if type(number) is not int or not 0 <= number < _MAX_SIDE:
            raise ValueError(
                "a tensor of it has an impossible size: download or copy the file again"
            )
    if len(size) != len(stride):
        raise TypeError
    return Tensor(storage, offset, size, stride)


def _tensor_v2(
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
    return _tensor(storage, offset, size, stride)


def _tensor_v3(
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> Tensor:
    raise ValueError(
        "it holds tensors of an unusual type of numbers; expected float32, float16, "
        "bfloat16 or float64: save the network in float32"
    )


def _parameter(data: Any, requires_grad: Any, hooks: Any, state: Any = None) -> Any:
    if not isinstance(data, Tensor):
        raise TypeError
    return data


def _with_state(rebuild: Any, kind: Any, arguments: Any, state: Any) -> Any:
    if not isinstance(rebuild, Named) or not rebuild.name.startswith("torch._utils."):
        raise TypeError
    return _REBUILDS[rebuild.name](*arguments)


_REBUILDS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered,
    "torch.Size": _size,
    "torch.Tensor": lambda *_: Beside("torch.Tensor"),
    "torch.nn.parameter.Parameter": lambda *_: Beside("torch.nn.parameter.Parameter"),
    "torch._tensor._rebuild_from_type_v2": _with_state,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor_v2,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
}


def _storage(identity: Any) -> Storage:
    kind, named, key, location, count, *view = identity
    if kind in ("module", b"module"):
        raise ValueError(
            "it is a whole pickled model. Nothing of it was run: where it was made, "
            "save the network's state_dict() instead"
        )
    if kind not in ("storage", b"storage") or not isinstance(named, Named):
        raise TypeError
    if location in ("meta", b"meta"):
        raise ValueError(
            "it holds tensors without values (of the meta device): save it once the "
            "network has weights"
        )
    name = named.name.rpartition(".")[2].removesuffix("Storage")
    if not isinstance(key, str) or type(count) is not int or not 0 <= count < _MAX_SIDE:
        raise TypeError
    start, length = 0, count
    if view and view[0] is not None:
        _, start, length = view[0]
        if type(start) is not int or type(length) is not int:
            raise TypeError
        if not 0 <= start <= start + length <= count:
            raise TypeError
    return Storage(key, DTYPES[name], count, start, length)


_Do = Callable[[_Machine], None]


def _get(form: str) -> _Do:
    return lambda machine: machine.get(machine._number(form))


def _put(form: str) -> _Do:
    return lambda machine: machine.put(machine._number(form))


_INSTRUCTIONS: dict[bytes, _Do] = {
    b"\x80": _Machine.proto,
    b"\x95": _Machine.frame,
    b"(": _Machine.mark,
    b"0": _Machine.pop,
    b"1": _Machine.pop_mark,
    b"2": _Machine.dup,
    b"h": _get("<B"),
    b"j": _get("<I"),
    b"q": _put("<B"),
    b"r": _put("<I"),
    b"\x94": _Machine.memoize,
    b"X": lambda machine: machine.text("<I"),
    b"\x8c": lambda machine: machine.text("<B"),
    b"\x8d": lambda machine: machine.text("<Q"),
    b"C": lambda machine: machine.octets("<B"),
    b"B": lambda machine: machine.octets("<I"),
    b"\x8e": lambda machine: machine.octets("<Q"),
    b"U": lambda machine: machine.python2_text("<B"),
    b"T": lambda machine: machine.python2_text("<I"),
    b"N": lambda machine: machine._push(None),
    b"\x88": lambda machine: machine._push(True),
    b"\x89": lambda machine: machine._push(False),
    b"J": lambda machine: machine.number("<i"),
    b"K": lambda machine: machine.number("<B"),
    b"M": lambda machine: machine.number("<H"),
    b"G": lambda machine: machine.number(">d"),
    b"\x8a": _Machine.long,
    b")": lambda machine: machine._push(()),
    b"\x85": lambda machine: machine.tuple_of(1),
    b"\x86": lambda machine: machine.tuple_of(2),
    b"\x87": lambda machine: machine.tuple_of(3),
    b"t": _Machine.tuple_from_mark,
    b"]": lambda machine: machine._push([]),
    b"l": _Machine.list_from_mark,
    b"a": _Machine.append,
    b"e": _Machine.appends,
    b"}": lambda machine: machine._push({}),
    b"d": _Machine.dict_from_mark,
    b"s": _Machine.set_item,
    b"u": _Machine.set_items,
    b"\x8f": lambda machine: machine._push(Beside("set")),
    b"\x90": _Machine.appends,
    b"\x91": lambda machine: (machine._pop_to_mark(), machine._push(Beside("set"))),
    b"c": _Machine.named,
    b"\x93": _Machine.stack_named,
    b"R": _Machine.reduce,
    b"\x81": _Machine.reduce,
    b"b": _Machine.build,
    b"Q": _Machine.persistent,
}
