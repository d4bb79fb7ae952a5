"""A reader of the pickles inside PyTorch checkpoints, which runs nothing.

A pickle is a program for a small stack machine, whose instructions may import and
call anything, and make Python's own machine allocate without bound. This one knows
the instructions of protocols 2 to 5 that checkpoints hold, builds plain containers
and what `allowed_globals` gives, and stops after a number of instructions.
"""

import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from tfi2i.interop.pytorch import allowed_globals

# Ten times what the largest of such networks need, with their optimizers.
_MAX_INSTRUCTIONS = 2_000_000
_MAX_NAME = 400

_DAMAGED = "its pickle is damaged: download or copy the file again"
_PROTOCOL = (
    "its pickle is not of the protocols 2 to 5: load it with PyTorch, and torch.save "
    "what that gives"
)
# Those that protocols 0 and 1 need, and later ones do without.
_TEXT_INSTRUCTIONS = (b"F", b"I", b"L", b"P", b"S", b"V", b"g", b"i", b"o", b"p")
_MARK = object()


def load(file: BinaryIO, end: int) -> tuple[Any, dict[str, allowed_globals.Storage]]:
    """Reads one pickle.

    Args:
        file: at the pickle's first byte; left after its last one.
        end: the position in the file that the pickle does not reach beyond.

    Returns:
        The value: plain ones, which may contain themselves, and those of `allowed_globals`.
        And every storage that it mentions, by key.

    Raises:
        ValueError: the pickle is damaged or too long, or asks for anything beyond
            tensors. One line, without the path.
    """
    machine = _Machine(file, end)
    try:
        return machine.run(), machine.storages
    except (IndexError, KeyError, TypeError, struct.error) as error:
        raise ValueError(_DAMAGED) from error


class _Machine:
    """The stack machine, one method for each kind of instruction."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        self.storages: dict[str, allowed_globals.Storage] = {}
        self._file = file
        self._left = end - file.tell()
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        for _ in range(_MAX_INSTRUCTIONS):
            code = self.read(1)
            if code == b".":
                return self.pop()
            if code in _TEXT_INSTRUCTIONS:
                raise ValueError(_PROTOCOL)
            if code not in _INSTRUCTIONS:
                raise ValueError(
                    f"its pickle holds the instruction {code!r}, which checkpoints do "
                    "not need; expected what torch.save writes"
                )
            method, *arguments = _INSTRUCTIONS[code]
            method(self, *arguments)
        raise ValueError(
            f"its pickle has more than {_MAX_INSTRUCTIONS:,} instructions; expected a "
            "network's: save its state_dict() alone"
        )

    def read(self, count: int) -> bytes:
        # Looked at before anything of that size is allocated.
        if count > self._left:
            raise ValueError("its pickle is cut off: download or copy the file again")
        self._left -= count
        return self._file.read(count)

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.read(struct.calcsize(form)))[0]

    def line(self) -> str:
        found = self._file.readline(min(_MAX_NAME, self._left))
        self._left -= len(found)
        if not found.endswith(b"\n"):
            raise TypeError
        return found[:-1].decode("utf-8", "replace")

    def pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise TypeError
        return value

    def pop_to_mark(self) -> list[Any]:
        items = []
        while (item := self._stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def protocol(self) -> None:
        if not 2 <= self.read(1)[0] <= 5:
            raise ValueError(_PROTOCOL)

    def skip(self, count: int) -> None:
        self.read(count)

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def push_empty(self, kind: Callable[[], Any]) -> None:
        self.push(kind())

    def push_number(self, form: str) -> None:
        self.push(self.number(form))

    def push_long(self) -> None:
        octets = self.read(self.number("<B"))
        self.push(int.from_bytes(octets, "little", signed=True))

    def push_text(self, form: str) -> None:
        # The text of Python 2 as well, which may be bytes of anything.
        self.push(self.read(self.number(form)).decode("utf-8", "replace"))

    def push_bytes(self, form: str) -> None:
        self.push(self.read(self.number(form)))

    def duplicate(self) -> None:
        self.push(self._stack[-1])

    def get(self, form: str) -> None:
        self.push(self._memo[self.number(form)])

    def put(self, form: str) -> None:
        self._memo[self.number(form)] = self._stack[-1]

    def memoize(self) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def make_tuple(self, count: int) -> None:
        self.push(tuple([self.pop() for _ in range(count)][::-1]))

    def make_from_mark(self, kind: Callable[[list[Any]], Any]) -> None:
        self.push(kind(self.pop_to_mark()))

    def make_dict(self) -> None:
        items = self.pop_to_mark()
        self.push({})
        self.put_items(items)

    def append(self) -> None:
        self.extend([self.pop()])

    def appends(self) -> None:
        self.extend(self.pop_to_mark())

    def extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, allowed_globals.Beside):
            raise TypeError

    def set_item(self) -> None:
        value = self.pop()
        self.put_items([self.pop(), value])

    def set_items(self) -> None:
        self.put_items(self.pop_to_mark())

    def put_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if len(items) % 2:
            raise TypeError
        if isinstance(target, dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                # Optimizers number their parameters. Keys of other types name no
                # tensor, and could be made to share one hash.
                if isinstance(key, str) or (type(key) is int and abs(key) < 2**60):
                    target[key] = value
        elif not isinstance(target, allowed_globals.Beside):
            raise TypeError

    def name(self) -> None:
        module = self.line()
        self.push(allowed_globals.admit(module, self.line()))

    def name_from_stack(self) -> None:
        name, module = self.pop(), self.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise TypeError
        self.push(allowed_globals.admit(module, name))

    def call(self) -> None:
        arguments = self.pop()
        self.push(allowed_globals.rebuild(self.pop(), arguments))

    def build(self) -> None:
        # A state, such as the versions of an OrderedDict: of no use here.
        self.pop()
        if not isinstance(
            self._stack[-1], dict | allowed_globals.Beside | allowed_globals.Tensor
        ):
            raise TypeError

    def find_storage(self) -> None:
        storage = allowed_globals.storage(self.pop())
        known = self.storages.setdefault(storage.key, storage)
        if (known.dtype, known.count) != (storage.dtype, storage.count):
            raise TypeError
        self.push(storage)


def _set(items: list[Any]) -> allowed_globals.Beside:
    return allowed_globals.Beside("set")


# Each instruction's method, and the method's arguments; the names and meanings are
# those of Python's pickletools.
_INSTRUCTIONS: dict[bytes, tuple[Any, ...]] = {
    b"\x80": (_Machine.protocol,),
    b"\x95": (_Machine.skip, 8),  # FRAME
    b"(": (_Machine.push, _MARK),
    b"0": (_Machine.pop,),
    b"2": (_Machine.duplicate,),
    b"N": (_Machine.push, None),
    b"\x88": (_Machine.push, True),
    b"\x89": (_Machine.push, False),
    b"K": (_Machine.push_number, "<B"),
    b"M": (_Machine.push_number, "<H"),
    b"J": (_Machine.push_number, "<i"),
    b"G": (_Machine.push_number, ">d"),
    b"\x8a": (_Machine.push_long,),
    b"U": (_Machine.push_text, "<B"),
    b"T": (_Machine.push_text, "<I"),
    b"\x8c": (_Machine.push_text, "<B"),
    b"X": (_Machine.push_text, "<I"),
    b"\x8d": (_Machine.push_text, "<Q"),
    b"C": (_Machine.push_bytes, "<B"),
    b"B": (_Machine.push_bytes, "<I"),
    b"\x8e": (_Machine.push_bytes, "<Q"),
    b"\x96": (_Machine.push_bytes, "<Q"),  # BYTEARRAY8
    b"h": (_Machine.get, "<B"),
    b"j": (_Machine.get, "<I"),
    b"q": (_Machine.put, "<B"),
    b"r": (_Machine.put, "<I"),
    b"\x94": (_Machine.memoize,),
    b")": (_Machine.push, ()),
    b"\x85": (_Machine.make_tuple, 1),
    b"\x86": (_Machine.make_tuple, 2),
    b"\x87": (_Machine.make_tuple, 3),
    b"t": (_Machine.make_from_mark, tuple),
    b"]": (_Machine.push_empty, list),
    b"l": (_Machine.make_from_mark, list),
    b"a": (_Machine.append,),
    b"e": (_Machine.appends,),
    b"}": (_Machine.push_empty, dict),
    b"d": (_Machine.make_dict,),
    b"s": (_Machine.set_item,),
    b"u": (_Machine.set_items,),
    b"\x8f": (_Machine.push, allowed_globals.Beside("set")),
    b"\x90": (_Machine.appends,),
    b"\x91": (_Machine.make_from_mark, _set),  # FROZENSET
    b"c": (_Machine.name,),
    b"\x93": (_Machine.name_from_stack,),
    b"R": (_Machine.call,),
    b"\x81": (_Machine.call,),  # NEWOBJ, a class in the place of a function
    b"b": (_Machine.build,),
    b"Q": (_Machine.find_storage,),
}
