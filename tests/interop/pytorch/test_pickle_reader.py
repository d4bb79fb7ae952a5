"""Pickles that would run code, or exhaust the reader."""

import functools
import os
import pickle
import sys
import time
import tracemalloc

import pytest

from tests.interop import written
from tests.interop.written import call, mapping, named, number, tensor, text
from tfi2i.interop.pytorch import checkpoint

NETWORK = mapping(weight=tensor())


def reason(path):
    with pytest.raises(ValueError) as caught:
        checkpoint.read(path)
    line = str(caught.value)
    assert line.startswith(f"Cannot read '{path}': ") and "\n" not in line
    assert len(line) - len(str(path)) < 400
    return line


class Evil:
    """Pickles as a call of anything."""

    def __init__(self, function, *arguments):
        self.result = function, arguments

    def __reduce__(self):
        return self.result


def hidden(evil: bytes) -> list[bytes]:
    """The same instructions at the top, and beside and inside a network."""
    return [
        evil,
        b"(" + evil + NETWORK + b"t",
        b"}(" + text("weight") + tensor() + text("evil") + evil + b"u",
        b"}(" + text("netG") + NETWORK + text("optimizer") + evil + b"u",
        evil + b"0" + NETWORK,
        tensor(over=evil),
        call("torch._utils._rebuild_parameter", evil, b"\x89", b"N"),
        NETWORK + evil + b"b",
    ]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("calls", [os.system, exec, getattr, functools.partial])
def test_code_is_refused_and_not_run(path, tmp_path, protocol, calls):
    marker = tmp_path / "was_run"
    arguments = {
        os.system: (f"touch {marker}",),
        exec: (f"open({str(marker)!r}, 'w')",),
        getattr: ("", "join"),
        functools.partial: (os.system, f"touch {marker}"),
    }[calls]
    evil = pickle.dumps(Evil(calls, *arguments), protocol)[2:-1]
    if protocol >= 4:
        evil = evil[9:]  # Without the frame's header.
    for code in hidden(evil):
        line = reason(written.write_zip(path, code))
        assert "nothing of it was run" in line and "do not trust" in line
        assert calls.__name__ in line
        written.write_legacy(path, code)
        assert "nothing of it was run" in reason(path)
    assert not marker.exists()


def test_nothing_is_imported(path, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    marker = tmp_path / "was_run"
    (tmp_path / "user_code.py").write_text(f"open({str(marker)!r}, 'w')\nx = 1\n")
    before = set(sys.modules)
    for code in hidden(named("user_code.x")):
        assert "user_code.x" in reason(written.write_zip(path, code))
    assert "torch" not in set(sys.modules) - before
    assert "user_code" not in sys.modules
    assert not marker.exists()


@pytest.mark.parametrize(
    "name",
    [
        "builtins.eval",
        "builtins.__import__",
        "__builtin__.eval",
        "nt.system",
        "posix.system",
        "subprocess.Popen",
        "torch.hub.load",
        "torch.load",
        "torch.storage._load_from_bytes",
        "torch._utils._rebuild_tensor_v2.__globals__",
        "torch.serialization.load",
        "torch.jit.load",
        "torch.FloatStorage.from_file",
        "numpy.load",
        "numpy.testing._private.utils.runstring",
        "collections.OrderedDict.fromkeys",
        "tfi2i.interop.pytorch.allowed_globals.rebuild",
        "__main__.x",
        "x\x1b[31m.\x07y",
    ],
)
def test_names_beyond_the_list_are_refused(path, name):
    for code in hidden(named(name)):
        line = reason(written.write_zip(path, code))
        assert "nothing of it was run" in line or "type that networks" in line
        assert line.isprintable()


@pytest.mark.parametrize(
    "code",
    [
        b"",
        b"0",
        b"(",
        b"t",
        b"R",
        b"(R",
        b"s",
        b"u",
        b"}(Nu",
        b"}K\x01K\x02K\x03sb",
        b"Q",
        b"NQ",
        b")Q",
        b"h\x07",
        b"j\xff\xff\xff\xff",
        b"X\x05\0\0\0ab",
        b"NNb",
        b"NNa",
        b"NNR",
        b"(i",
        b"N)\x81",
        b"K\x01K\x02\x93",
        b"cno newline",
        b"c" + b"a" * 500 + b"\nb\n",
        call("torch._utils._rebuild_tensor_v2"),
        call("torch._utils._rebuild_parameter", b"NNN"),
        call("torch._tensor._rebuild_from_type_v2", named("torch.Size"), b"NN", b"N"),
        call("collections.OrderedDict", number(3)),
        call("collections.OrderedDict", b"](NNe"),
        call("torch.Size", number(3)),
        NETWORK + b"(",
    ],
)
def test_nonsense_is_refused(path, code):
    assert "pickle" in reason(written.write_zip(path, code))


@pytest.mark.parametrize(
    "code", [b"I1\n", b"P1\n", b"S'a'\n", b"(iposix\nsystem\n", b"p1\n"]
)
def test_old_protocols_are_refused(path, code):
    assert "protocols 2 to 5" in reason(written.write_zip(path, code))


def test_unknown_instructions_and_protocols_are_refused(path):
    for code, words in ((b"\x82\x01", "instruction b'\\x82'"), (b"\x80\x06", "2 to 5")):
        assert words in reason(written.write_zip(path, code))


@pytest.mark.parametrize(
    "code",
    [
        b"\x8d" + b"\xff" * 8,  # A text of 2**64 bytes.
        b"\x8e" + b"\xff" * 7 + b"\x7f",
        b"X\xff\xff\xff\x7f",
        b"Nr\xff\xff\xff\x7f" + b"Nr\xff\xff\xff\xff",  # Far places in the memo.
        b")" + b"\x85" * 100_000,  # Tuples in tuples.
        b"](" * 50_000 + b"e" * 50_000,
        b"]q\0h\0a" + b"h\0h\0\x86" * 20_000,  # A list in itself.
        b"]q\0" + b"(h\0h\0eq\0" * 20_000,
        b")" + b"2\x86" * 50_000 + b"}2s",  # A key whose hash would never end.
        b"}(" + b"2\x86N" * 1_000 + b"u",
    ],
    ids=lambda code: repr(code[:6]),
)
def test_bombs_are_refused_in_good_time(path, code):
    written.write_zip(path, code)
    if len(code) < 100:
        tracemalloc.start()
    began = time.monotonic()
    reason(path)
    assert time.monotonic() - began < 5
    # Zero where it was not measured: it makes long pickles slow.
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_containers_that_hold_each_other(path):
    """Lists, each three times in the next: more ways through than can be walked."""
    code = NETWORK + b"q\0" + text("itself") + b"h\0s"
    assert list(checkpoint.read(written.write_zip(path, code))) == ["weight"]
    for _ in range(30):
        code = b"](" + code + b"q\1h\1h\1e"
    assert "a value of type list" in reason(written.write_zip(path, code))


def test_numbers_are_not_counted_without_end(path):
    written.write_zip(path, b"N0" * 1_000_001 + NETWORK)
    assert "more than 2,000,000 instructions" in reason(path)


def test_integers_that_share_a_hash_are_no_keys(path):
    same = 2**61 - 1
    keys = b"".join(number(same * step) + b"N" for step in range(60_000))
    code = b"}(" + text("netG") + NETWORK + text("other") + b"}(" + keys + b"uu"
    began = time.monotonic()
    assert list(checkpoint.read(written.write_zip(path, code))) == ["weight"]
    assert time.monotonic() - began < 5
