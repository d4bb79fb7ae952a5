"""Loads TensorFlow quietly for a command, and explains a lack of memory or disk."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tfi2i.commands.parsing import CommandError
from tfi2i.files import stderr_aside

if TYPE_CHECKING:
    from tfi2i.recipes.config import TrainConfig


@contextlib.contextmanager
def loaded_tensorflow(
    run: Path | None = None, config: "TrainConfig | None" = None
) -> Iterator[None]:
    """Loads TensorFlow quietly, prints the package's log, explains a lack of memory.

    Args:
        run: folder of the run that is trained; None if none is. Its config.json is read
            for the sizes in the message if `config` is None.
        config: of the run.

    Raises:
        CommandError: memory is too small.
        OSError: the disk is full.
    """
    _load_tensorflow()
    import tensorflow as tf

    log = logging.getLogger("tfi2i")
    log.setLevel(logging.INFO)
    handler = logging.StreamHandler(sys.stdout)
    log.addHandler(handler)
    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        # TensorFlow reports a full disk as an exhausted resource as well.
        if "No space left on device" in str(error):
            raise OSError(_full_disk_line(run)) from error
        raise CommandError(_memory_line(run, config)) from error
    finally:
        log.removeHandler(handler)


def _load_tensorflow() -> None:
    # The user's other programs may set another backend.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # Off by default on CPUs without VNNI, where it halves the time of matrix products.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # Some notes are written before the logger knows the level; stderr is silenced for
    # those, unless the user asked for them.
    is_quiet = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3"
    with stderr_aside() if is_quiet else contextlib.nullcontext():
        import keras  # noqa: F401


def _full_disk_line(run: Path | None) -> str:
    if run is None:
        return "No space left on device; free some, then try again."
    return (
        f"No space left on device while writing {run}; free some, then go on with "
        f"tfi2i train --resume {run}."
    )


def _memory_line(run: Path | None, config: "TrainConfig | None") -> str:
    from tfi2i.recipes import stored

    if run is None:
        return "Out of memory: end other programs, or take a machine with more."
    sizes = "this batch size, this crop size"
    with contextlib.suppress(OSError, ValueError):
        config = config or stored.read(run)
        data = config.data
        sizes = f"batch size {data.batch_size}, crop size {data.crop_size}"
        sizes += f" and precision {config.precision}"
    return (
        f"Out of memory with {sizes}: "
        "try a smaller --data.batch-size or --data.crop-size."
    )
