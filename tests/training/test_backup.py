"""Backups: damaged ones, and those that move between one device and two."""

import io
import json
import random
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import images, tiny_cyclegan, tiny_pix2pix, two_devices
from tfi2i.models.state import named_variables
from tfi2i.training.backup import Backup, Position


@pytest.fixture
def backup(tmp_path):
    """A small model, and its backup in the middle of an epoch."""
    model = tiny_pix2pix()
    model.compile()
    saved = Backup(tmp_path / "state.npz")
    saved.save(model, Position(2, 3), ["a", "b"])
    return model, saved


def _changed(path, changes):
    """Writes a backup again with other members; bytes are a member's own."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, value in changes.items():
        if not isinstance(value, bytes):
            file = io.BytesIO()
            np.save(file, value)
            value = file.getvalue()
        members[f"{name}.npy"] = value
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _facts(**changes):
    facts = {"epoch": 2, "step": 3, "images": 2, "names": "x", **changes}
    return {"facts": np.array(json.dumps(facts))}


HUGE = b"\x93NUMPY\1\0v\0" + (
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999,), }".ljust(118)
)


@pytest.mark.parametrize(
    "changes",
    [
        _facts(epoch="2"),
        _facts(epoch=-1),
        _facts(step=0.5),
        _facts(step=None),
        _facts(patience_from="never"),
        _facts(names=7),
        _facts(images=[2]),
        {"facts": np.array("[" * 100_000)},
        {"facts": np.array("[]")},
        {"facts": np.array("{")},
        {"facts": np.zeros(3)},
        {"facts": b""},
        {"model/0000": np.array(["text"])},
        {"model/0000": HUGE},
        {"model/0000": b"\x80\4pickle"},
        {"model/0000": b"\x93NUMPY\1\0\x10\0{'descr': '<f4'}"},
    ],
)
def test_a_damaged_backup_is_one_line(changes, backup):
    model, saved = backup
    _changed(saved.path, changes)
    with pytest.raises(
        ValueError, match="state.npz' is damaged .*: delete it"
    ) as error:
        saved.restore(model, ["a", "b"])
    assert "\n" not in str(error.value)


def test_any_damage_is_one_line_or_does_no_harm(backup):
    model, saved = backup
    before = {name: v.numpy() for name, v in named_variables(model).items()}
    whole = saved.path.read_bytes()
    draw = random.Random(5)
    for _ in range(80):
        content = bytearray(whole)
        for _ in range(draw.choice([1, 1, 4])):
            content[draw.randrange(len(content))] = draw.randrange(256)
        # Names and sizes are at the end.
        if draw.random() < 0.5:
            content[-draw.randrange(1, 3000)] ^= 1 << draw.randrange(8)
        if draw.random() < 0.2:
            content = content[: draw.randrange(len(content))]
        saved.path.write_bytes(content)
        try:
            position, _ = saved.restore(model, ["a", "b"])
        except ValueError as error:
            assert "\n" not in str(error), error
        else:
            assert position == Position(2, 3)
        for name, variable in named_variables(model).items():
            np.testing.assert_array_equal(variable.numpy(), before[name])


def test_means_of_an_epoch_that_ended_are_not_those_of_the_next(backup):
    model, saved = backup
    assert len(saved.restore(model, ["a", "b"])[1]) == len(model.metrics_variables)
    saved.save(model, Position(3, 0), ["a", "b"])
    assert saved.restore(model, ["a", "b"]) == (Position(3, 0), {})


def _trained(make, strategy, backup=None):
    """A model after a step; from a backup, where there is one."""
    with strategy.scope():
        model = make(norm="instance")
        # Not Adam, which makes whole steps of gradients that are nothing but rounding.
        model.compile(*[keras.optimizers.SGD(0.1, momentum=0.9) for _ in range(2)])
    seed = 0
    if backup is not None:
        assert backup.restore(model, ["a"])[0] == Position(0, 1)
        seed = 1
    pairs = images(2, 16, 16, 3, seed=seed), images(2, 16, 16, 3, seed=seed + 7)
    data = tf.data.Dataset.from_tensor_slices(pairs).batch(2, drop_remainder=True)
    losses = model.fit(data, verbose=0).history
    return model, losses


@pytest.mark.slow
@pytest.mark.parametrize("make", [tiny_pix2pix, tiny_cyclegan])
@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_goes_on_with_another_number_of_devices(make, order, tmp_path):
    strategies = {1: tf.distribute.get_strategy(), 2: two_devices()}
    begun, _ = _trained(make, strategies[order[0]])
    backup = Backup(tmp_path / "state.npz")
    backup.save(begun, Position(0, 1), ["a"])
    same, losses = _trained(make, strategies[order[0]], backup)
    other, others = _trained(make, strategies[order[1]], backup)
    for name, values in losses.items():
        assert others[name] == pytest.approx(values, rel=1e-5), name
    for expected, found in zip(same.variables, other.variables, strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-5)
