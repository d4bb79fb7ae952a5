"""What devices and numbers are refused before training starts."""

import pytest

from tfi2i.training.devices import check_precision, choose_strategy


def test_float16_needs_a_gpu():
    with pytest.raises(ValueError, match="--precision is 'mixed_float16', but there"):
        check_precision("mixed_float16")


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_what_cpus_compute_with(precision, caplog):
    caplog.set_level("INFO")
    check_precision(precision)
    told = [record.getMessage() for record in caplog.records]
    assert all("CPUs without AVX512-BF16" in line for line in told)
    assert len(told) == (precision != "float32")


def test_devices_that_do_not_exist():
    with pytest.raises(ValueError, match="--devices is 3, but TensorFlow sees 2 CPU"):
        choose_strategy(3, batch_size=3)


def test_two_of_two():
    assert choose_strategy(2, batch_size=2).num_replicas_in_sync == 2
