"""What every test shares: TensorFlow's set-up, fixed seeds, stored numbers."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# As the commands have it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import pytest
import tensorflow as tf

# Two devices for the MirroredStrategy tests. It has to happen before TensorFlow first
# runs anything, so it happens for all tests; they place themselves on the first one.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration(), tf.config.LogicalDeviceConfiguration()],
)


@pytest.fixture(autouse=True)
def _seeds():
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def _new_collectives():
    """Keep strategies of different tests apart, as TensorFlow's own tests do.

    Each strategy numbers its collectives from 100, but the process remembers their
    shapes, so the second strategy of one process would meet the first one's.
    """
    tf.distribute.MirroredStrategy._collective_key_base += 100_000
