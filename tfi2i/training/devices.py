"""Which devices a run trains on."""

import functools
import logging

import tensorflow as tf

log = logging.getLogger(__name__)


def choose_strategy(devices: int | None, batch_size: int) -> tf.distribute.Strategy:
    """One device as it is; several under MirroredStrategy.

    Args:
        devices: how many; None takes as many GPUs as share a batch evenly, else the
            CPU.
        batch_size: over all devices.

    Raises:
        ValueError: there are fewer devices.
    """
    gpus = tf.config.list_logical_devices("GPU")
    found = gpus or tf.config.list_logical_devices("CPU")
    if devices is None:
        counts = range(1, len(gpus) + 1)
        devices = max((n for n in counts if batch_size % n == 0), default=1)
        if devices < len(gpus):
            log.info(
                "using %d of %d GPUs: --data.batch-size is %d",
                devices,
                len(gpus),
                batch_size,
            )
    if devices > len(found):
        raise ValueError(
            f"--devices is {devices}, but TensorFlow sees {len(found)} "
            f"{found[0].device_type}: ask for fewer."
        )
    if devices == 1:
        return tf.distribute.get_strategy()
    return _mirrored(tuple(device.name for device in found[:devices]))


@functools.cache
def _mirrored(devices):
    """One for a process: the collectives of a second one would meet the first's."""
    return tf.distribute.MirroredStrategy(devices)
