"""Which devices a run trains on."""

import contextlib
import functools
import logging

import tensorflow as tf

log = logging.getLogger(__name__)


# NVIDIA's architectures whose tensor cores take these numbers.
_COMPUTE_CAPABILITY = {"mixed_float16": (7, 0), "mixed_bfloat16": (8, 0)}


def check_precision(precision: str) -> None:
    """Refuses numbers that the hardware has no arithmetic for, or tells of slow ones.

    Args:
        precision: name of a Keras dtype policy.

    Raises:
        ValueError: naming the device.
    """
    least = _COMPUTE_CAPABILITY.get(precision)
    if least is None:
        return
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus and precision == "mixed_float16":
        raise ValueError(
            "--precision is 'mixed_float16', but there is no GPU here, and CPUs have "
            "no arithmetic for it: expected mixed_bfloat16, or float32."
        )
    if not gpus:
        log.info(
            "--precision is '%s' without a GPU: CPUs without AVX512-BF16 or AMX take "
            "longer for it than for float32",
            precision,
        )
    for gpu in gpus:
        details = tf.config.experimental.get_device_details(gpu)
        found = details.get("compute_capability", least)
        if found < least:
            raise ValueError(
                f"--precision is '{precision}', but {details['device_name']} has "
                f"compute capability {found[0]}.{found[1]}, expected "
                f"{least[0]}.{least[1]} or more: use float32."
            )


def grow_memory() -> None:
    """Lets GPUs give memory as it is needed, so that others can use the rest."""
    for gpu in tf.config.list_physical_devices("GPU"):
        # It is too late where something has been computed in this process.
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)


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
