"""Backups that move between one device and two."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import images, tiny_cyclegan, tiny_pix2pix, two_devices
from tfi2i.training.backup import Backup, Position


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
