"""The learning rate against the reference's numbers."""

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfi2i.training import ConstantThenLinear


def _in_epoch(schedule, epoch):
    return float(schedule((epoch - 1) * schedule.steps_per_epoch))


def test_reference_s_numbers():
    schedule = ConstantThenLinear(2e-4, 100, 100, steps_per_epoch=7)
    expected = {1: 2e-4, 100: 2e-4, 101: 2e-4 * 100 / 101, 200: 2e-4 / 101}
    for epoch, rate in expected.items():
        assert _in_epoch(schedule, epoch) == pytest.approx(rate, rel=1e-6)
        last_step = epoch * 7 - 1
        assert float(schedule(last_step)) == pytest.approx(rate, rel=1e-6)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 9))
def test_never_rises_and_never_stops_learning(constant, decay, steps):
    schedule = ConstantThenLinear(1.0, constant, decay, steps)
    rates = [_in_epoch(schedule, epoch) for epoch in range(1, constant + decay + 1)]
    assert all(rate > 0 for rate in rates)
    assert rates == sorted(rates, reverse=True)
    assert rates[:constant] == [1.0] * constant


def test_config_round_trip():
    schedule = ConstantThenLinear(2e-4, 3, 5, 7)
    serialized = keras.optimizers.schedules.serialize(schedule)
    copy = keras.optimizers.schedules.deserialize(serialized)
    assert copy.get_config() == schedule.get_config()


def test_bad_numbers_are_refused():
    with pytest.raises(ValueError, match="0 or more. Received -1 and 5"):
        ConstantThenLinear(2e-4, -1, 5, 7)
    with pytest.raises(ValueError, match="steps_per_epoch must be 1 or more"):
        ConstantThenLinear(2e-4, 1, 5, 0)
