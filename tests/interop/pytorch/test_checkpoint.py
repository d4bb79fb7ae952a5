"""Files that PyTorch 2.13.0 wrote (checkpoints/make.py), and files written by hand."""

import collections
import os
import random
import re
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.interop import written
from tests.interop.written import call, mapping, number, tensor, text
from tfi2i.interop.pytorch import checkpoint

FILES = Path(__file__).with_name("checkpoints")


@pytest.fixture(scope="module")
def expected():
    found = collections.defaultdict(dict)
    with np.load(FILES / "expected.npz") as arrays:
        for name, array in arrays.items():
            file, _, tensor_name = name.partition("/")
            found[file][tensor_name] = array
    return found


def reason(path, key=None):
    with pytest.raises(ValueError) as caught:
        checkpoint.read(path, key)
    line = str(caught.value)
    assert "\n" not in line and str(path) in line
    assert len(line) - len(str(path)) < 400
    return line


def check_equal(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("zip", None),
        ("zip", "."),
        ("legacy", None),
        ("protocol4", None),
        ("legacy_protocol5", None),
        ("no_checksums", None),
        ("layouts", None),
        ("layouts_legacy", None),
        ("numbers", None),
        ("numbers_legacy", None),
        ("parameters", None),
        ("training", None),
        ("training", "netG"),
        ("training_legacy", None),
        ("several", "models/netD"),
    ],
)
def test_reads_what_pytorch_writes(expected, file, key):
    check_equal(checkpoint.read(FILES / f"{file}.pth", key), expected[file])


def test_tensors_of_one_storage_share_memory():
    found = checkpoint.read(FILES / "layouts.pth")
    for name in ("again.weight", "transposed.weight", "stepped.weight", "number"):
        assert np.shares_memory(found["whole.weight"], found[name])
    assert not np.shares_memory(found["whole.weight"], found["permuted.weight"])


def test_one_of_several_networks_is_chosen_by_its_key():
    several = FILES / "several.pth"
    assert "3 networks" in reason(several)
    assert "'models/netG', 'models/netD', 'ema'" in reason(several)
    assert "no network of the key 'netG'" in reason(several, "netG")
    network, averages = (
        checkpoint.read(several, key) for key in ("models/netG", "ema")
    )
    np.testing.assert_array_equal(network["0.bias"] + 1, averages["0.bias"])


@pytest.mark.parametrize(
    ("file", "expected_words"),
    [
        ("whole_model.pth", "torch.nn.modules.container.Sequential.*state_dict"),
        ("whole_class.pth", "__main__.Whole.*whole model.*state_dict"),
        ("script.pt", "TorchScript.*torch.jit.load"),
        ("optimizer.pth", "state of an optimizer; expected a network's state_dict"),
        ("tensor.pth", "a single tensor; expected a network's state_dict"),
        ("nothing.pth", "no network among 'epoch', 'lr'"),
        ("sparse.pth", "sparse tensors"),
        ("quantized.pth", "quantized tensors"),
        ("complex.pth", "torch.ComplexFloatStorage.*float32"),
        ("negated.pth", "negated.*resolve_neg"),
        ("float8.pth", "types of numbers.*float32"),
        ("meta.pth", "without values"),
        ("expanded.pth", r"'a.weight' uses numbers more than once.*contiguous\(\)"),
    ],
)
def test_refuses_what_pytorch_writes_beyond_networks(file, expected_words):
    assert re.search(expected_words, reason(FILES / "refused" / file))


def test_a_missing_file_and_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        checkpoint.read(tmp_path / "missing.pth")
    assert "is not a file" in reason(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert "is not a file" in reason(tmp_path / "pipe")


def test_numbers_of_the_other_order_of_bytes(path):
    values = np.array([[1, 2.5], [-3, 1e-3]])
    for kind, dtype in {"Float": ">f4", "Half": ">f2", "Long": ">i8"}.items():
        over = written.storage(4, kind=f"torch.{kind}Storage")
        stored = values.astype(dtype)
        code = mapping(weight=tensor(over=over))
        written.write_zip(path, code, {"0": stored.tobytes()}, byteorder=b"big")
        found = checkpoint.read(path)["weight"]
        assert found.dtype == stored.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found, stored)
    over = written.storage(4, kind="torch.BFloat16Storage")
    bits = (np.float32([1, 2.5, -3, 8]).view(np.uint32) >> 16).astype(">u2")
    code = mapping(weight=tensor(over=over))
    written.write_zip(path, code, {"0": bits.tobytes()}, byteorder=b"big")
    np.testing.assert_array_equal(checkpoint.read(path)["weight"], [[1, 2.5], [-3, 8]])
    written.write_zip(path, code, {"0": bits.tobytes()}, byteorder=b"middle")
    assert "order of bytes" in reason(path)


def test_views_of_storages_that_old_versions_wrote(path):
    view = written.numbers([0, 3, 4]).replace(number(0), text("view"), 1)
    over = written.storage(8, kind="torch.cuda.FloatStorage", view=view)
    place = number(0), written.numbers([2, 2]), written.numbers([2, 1])
    code = mapping(weight=call("torch._utils._rebuild_tensor", over, *place))
    content = np.arange(8, dtype="<f4").tobytes()
    written.write_legacy(path, code, ("0", 8, content))
    np.testing.assert_array_equal(checkpoint.read(path)["weight"], [[3, 4], [5, 6]])
    beyond = code.replace(written.numbers([2, 2]), written.numbers([3, 2]))
    written.write_legacy(path, beyond, ("0", 8, content))
    assert "needs 6 numbers, and the file has 4" in reason(path)


def test_what_python_2_pickled(path):
    name = b"U\x0emodel.\xe9.weight"
    pair = b"](" + name + tensor() + b"e"
    code = call("collections.OrderedDict", b"](" + pair + b"e")
    (found,) = checkpoint.read(written.write_zip(path, code))
    assert found == "model.\N{REPLACEMENT CHARACTER}.weight"


def test_other_values_in_a_network_are_refused_by_name(path):
    code = b"}(" + text("a.weight") + tensor() + text("a.bias") + number(3) + b"u"
    assert "'a.bias' in it is a value of type int" in reason(
        written.write_zip(path, code)
    )
    array = call("numpy.dtype", text("f4"))
    written.write_zip(path, mapping(weight=tensor(), bias=array))
    assert "'bias' in it is numpy.dtype; expected a tensor" in reason(path)
    written.write_zip(path, mapping(weight=tensor(), epoch=number(3)))
    assert list(checkpoint.read(path)) == ["weight"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": (2, -1)}, "impossible size"),
        ({"size": (2**41, 2)}, "impossible size"),
        ({"stride": (2, -1)}, "impossible size"),
        ({"offset": -1}, "impossible size"),
        ({"offset": 1}, "'weight' needs 5 numbers, and the file has 4"),
        ({"size": (2, 3)}, "uses numbers more than once"),
        ({"size": (2**30, 2**30), "stride": (0, 0)}, "uses numbers more than once"),
        ({"size": (2**39, 2**39)}, "uses numbers more than once"),
        ({"stride": (2**39, 1)}, "needs 549755813890 numbers"),
        ({"size": (2,)}, "pickle is damaged"),
        ({"size": (1,) * 9, "stride": (1,) * 9}, "9 axes"),
        ({"over": written.storage(5)}, "'data/0' in it is of 16 bytes, and 20 were"),
        ({"over": written.storage(2**39)}, "'data/0' in it is of 16 bytes"),
        ({"over": written.storage(2**70)}, "impossible size"),
        ({"over": written.storage(4, "1")}, "'data/1' is missing"),
        ({"over": written.storage(4, "../../etc/passwd")}, "is missing"),
        ({"over": written.storage(4, location="meta")}, "without values"),
        ({"over": number(3)}, "pickle is damaged"),
    ],
)
def test_impossible_tensors(path, change, words):
    code = mapping(weight=tensor(**change))
    assert words in reason(written.write_zip(path, code))


def test_one_storage_of_two_types_is_refused(path):
    other = tensor(over=written.storage(4, kind="torch.IntStorage"))
    written.write_zip(path, mapping(weight=tensor(), bias=other))
    assert "pickle is damaged" in reason(path)


def test_damaged_legacy_files(path):
    code = mapping(weight=tensor())
    written.write_legacy(path, code, ("0", 4, bytes(16)))
    assert checkpoint.read(path)["weight"].shape == (2, 2)
    whole = path.read_bytes()
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        reason(path)
    written.write_legacy(path, code, ("0", 5, bytes(20)))
    assert "storages is damaged" in reason(path)
    written.write_legacy(path, code, ("1", 4, bytes(16)))
    assert "list of storages" in reason(path)
    written.write_legacy(path, code, *[("0", 4, bytes(16))] * 2)
    assert "list of storages" in reason(path)
    path.write_bytes(whole.replace(number(1001), number(1002)))
    assert "unknown protocol" in reason(path)


def test_memory_is_that_of_the_network(path):
    """An optimizer's state stays in the file, and tensors are not copied."""
    count = 2**20
    side = {"size": (2**10, 2**10), "stride": (2**10, 1)}
    inner = (
        b"}("
        + text("0")
        + mapping(exp_avg=tensor(**side, over=written.storage(count, "1")))
        + b"u"
    )
    state = mapping(state=inner, param_groups=b"]")
    network = mapping(weight=tensor(**side, over=written.storage(count)))
    code = mapping(netG=network, optimizer=state)
    storages = {"0": bytes(4 * count), "1": bytes(4 * count)}
    written.write_zip(path, code, storages)
    written_legacy = path.with_name("legacy.pth")
    written.write_legacy(
        written_legacy, code, *[(key, count, x) for key, x in storages.items()]
    )
    for file in (path, written_legacy):
        tracemalloc.start()
        found = checkpoint.read(file)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert found["weight"].nbytes == 4 * count
        assert peak < 1.1 * 4 * count


def test_any_damage_gives_arrays_or_one_line(path):
    """Bytes changed, cut out and repeated; no_checksums lets them reach the reader."""
    chance = random.Random(0)
    names = ("no_checksums", "layouts_legacy", "training_legacy", "zip", "several")
    wholes = [(FILES / f"{name}.pth").read_bytes() for name in names]
    began = time.monotonic()
    outcomes = collections.Counter()
    for step in range(1500):
        data = bytearray(wholes[step % len(wholes)])
        for _ in range(chance.choice((1, 1, 2, 8))):
            at = chance.randrange(len(data))
            match chance.randrange(6):
                case 0:
                    del data[at:]
                case 1:
                    del data[at : at + chance.randrange(1, 9)]
                case 2:
                    data[at:at] = data[at : at + chance.randrange(1, 99)]
                case 3:
                    data[at] = chance.choice(b"\x00\x7f\x80\xff.(0RbQcetu")
                case _:
                    data[at] ^= 1 << chance.randrange(8)
            if not data:
                break
        path.write_bytes(data)
        try:
            found = checkpoint.read(path)
            assert all(isinstance(array, np.ndarray) for array in found.values())
            outcomes["read"] += 1
        except ValueError as error:
            line = str(error)
            assert line.startswith(f"Cannot read '{path}': ") and "\n" not in line
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 150
    assert time.monotonic() - began < 60


def test_names_that_hide_how_deep_they_are(tmp_path):
    code = mapping(a=number(1))
    for _ in range(2_000):
        code = mapping(**{".": code})
    path = written.write_zip(tmp_path / "deep.pth", code)
    with pytest.raises(ValueError, match="Cannot read|Cannot import"):
        checkpoint.read(path)
