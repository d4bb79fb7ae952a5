"""A reader of the pickles inside PyTorch checkpoints that runs nothing in them.

A pickle is a program for a small stack machine; its instructions can import and call
anything. `pickletools` decodes them here, and a machine that knows only what
checkpoints need executes them: it builds plain containers and the stand-ins of
`allowed_globals`.

A `pickle.Unpickler` with its own `find_class` is not enough: a memo index in 9 bytes
makes it allocate gigabytes, nested tuples as dictionary keys make it hang or crash, and
BUILD changes the attributes of whatever `find_class` returns.
"""

import pickletools
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from tfi2i.interop.pytorch import allowed_globals
from tfi2i.interop.pytorch.allowed_globals import Placeholder, Storage, Tensor, expect

# Ten times what the largest networks need, with their optimizers.
_MAX_INSTRUCTIONS = 2_000_000
_MAX_NAME = 400

_DAMAGED = "its pickle is damaged: download or copy the file again"
_MARK = object()


def load(file: BinaryIO, end: int) -> tuple[Any, dict[str, Storage]]:
    """Reads one pickle.

    Args:
        file: positioned at the pickle's first byte; left after its last one.
        end: position in the file that the pickle must not exceed.

    Returns:
        The value, made of plain values, which may contain themselves, and stand-ins;
        and all storages that it mentions, by key.

    Raises:
        ValueError: the pickle is damaged or too long, or needs more than tensors and
            plain values. One line, without the path.
    """
    machine = _Machine()
    try:
        for opcode, argument in _instructions(_BoundedFile(file, end)):
            machine.execute(opcode, argument)
        return machine.pop(), machine.storages
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError(_DAMAGED) from error


class _BoundedFile:
    """The part of a file that `pickletools` may read."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file = file
        self._left = end - file.tell()

    def read(self, count: int) -> bytes:
        # A huge count allocates nothing; `pickletools` refuses what is shorter.
        found = self._file.read(min(count, self._left))
        self._left -= len(found)
        return found

    def readline(self) -> bytes:
        found = self._file.readline(min(_MAX_NAME, self._left))
        self._left -= len(found)
        # Python warns of some escapes, and no name needs one.
        return b"" if b"\\" in found else found


def _instructions(file: _BoundedFile) -> Iterator[tuple[pickletools.OpcodeInfo, Any]]:
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if opcode.name == "STOP":
                return
            if count == _MAX_INSTRUCTIONS:
                break
            yield opcode, argument
    except ValueError as error:
        raise ValueError(_DAMAGED) from error
    raise ValueError(
        f"its pickle has more than {_MAX_INSTRUCTIONS:,} instructions; expected a "
        "network's: save its state_dict() alone"
    )


class _Machine:
    """The stack machine. Instructions have the names and meanings of `pickletools`."""

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def execute(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        stack, name = self._stack, opcode.name
        match name:
            case _ if name in _ARGUMENTS:
                stack.append(argument)
            case _ if name in _NEW:
                stack.append(_NEW[name]())
            case _ if name in _FROM_MARK:
                stack.append(_FROM_MARK[name](self._pop_to_mark()))
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self._memo[argument])
            case "MEMOIZE":
                self._memo[len(self._memo)] = stack[-1]
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple([self.pop() for _ in range(int(name[-1]))][::-1]))
            case "BINPERSID":
                stack.append(self._storage(self.pop()))
            case "REDUCE" | "NEWOBJ":
                arguments = self.pop()
                stack.append(allowed_globals.call(self.pop(), arguments))
            case "GLOBAL":
                stack.append(allowed_globals.check(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                function = self.pop()
                stack.append(allowed_globals.check(self.pop(), function))
            case "APPEND":
                self._extend([self.pop()])
            case "APPENDS" | "ADDITEMS":
                self._extend(self._pop_to_mark())
            case "SETITEM":
                value = self.pop()
                self._update([self.pop(), value])
            case "SETITEMS":
                self._update(self._pop_to_mark())
            case "BUILD":
                # A state, such as the version of an OrderedDict; not needed.
                self.pop()
                expect(stack[-1], dict | Placeholder | Tensor)
            case "SHORT_BINSTRING" | "BINSTRING":
                # `pickletools` decodes Python 2's bytes as Latin-1.
                stack.append(argument.encode("latin-1").decode("utf-8", "replace"))
            case "POP":
                self.pop()
            case "DUP":
                stack.append(stack[-1])
            case _:
                _check_opcode(opcode, argument)

    def pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise TypeError
        return value

    def _pop_to_mark(self) -> list[Any]:
        items = []
        while (item := self._stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def _extend(self, items: list[Any]) -> None:
        target = expect(self._stack[-1], list | Placeholder)
        if isinstance(target, list):
            target.extend(items)

    def _update(self, items: list[Any]) -> None:
        target = expect(self._stack[-1], dict | Placeholder)
        if isinstance(target, dict):
            target.update(_make_dict(items))

    def _storage(self, identity: Any) -> Storage:
        storage = allowed_globals.read_storage(identity)
        known = self.storages.setdefault(storage.key, storage)
        if (known.dtype, known.count) != (storage.dtype, storage.count):
            raise TypeError
        return storage


def _check_opcode(opcode: pickletools.OpcodeInfo, argument: Any) -> None:
    """Refuses instructions and protocols that checkpoints do not need."""
    if opcode.name == "FRAME" or (opcode.name == "PROTO" and 2 <= argument <= 5):
        return
    if opcode.name == "PROTO" or opcode.name in _TEXT_INSTRUCTIONS:
        raise ValueError(
            "its pickle is not of the protocols 2 to 5: load it with PyTorch, and "
            "torch.save what that gives"
        )
    raise ValueError(
        f"its pickle holds the instruction {opcode.code.encode('latin-1')!r}, which "
        "checkpoints do not need; expected what torch.save writes"
    )


def _make_dict(items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise TypeError
    # Optimizers number their parameters. Keys of other types name no tensor, and may
    # be made to share one hash, or to have one that takes forever.
    return {
        key: value
        for key, value in zip(items[::2], items[1::2], strict=True)
        if isinstance(key, str) or (type(key) is int and abs(key) < 2**60)
    }


_ARGUMENTS = frozenset(
    "BINBYTES BINBYTES8 BINFLOAT BININT BININT1 BININT2 BINUNICODE BINUNICODE8 "
    "BYTEARRAY8 LONG1 SHORT_BINBYTES SHORT_BINUNICODE".split()
)
_NEW: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_SET": lambda: Placeholder("set"),
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: _MARK,
    "NEWFALSE": lambda: False,
    "NEWTRUE": lambda: True,
    "NONE": lambda: None,
}
_FROM_MARK: dict[str, Callable[[list[Any]], Any]] = {
    "DICT": _make_dict,
    "FROZENSET": lambda items: Placeholder("set"),
    "LIST": list,
    "TUPLE": tuple,
}
# Those of protocols 0 and 1 that later ones do not use.
_TEXT_INSTRUCTIONS = frozenset(
    "FLOAT GET INST INT LONG OBJ PERSID PUT STRING UNICODE".split()
)
