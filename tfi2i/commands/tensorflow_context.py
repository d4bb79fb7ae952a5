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
    """Load TensorFlow quietly, show the package's log, explain a lack of memory.

    Args:
        run: folder of the run that is trained, None where none is. Its config.json
            names the sizes where `config` is None.
        config: what is trained.
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
        # TensorFlow reports a full disk as an exhausted resource, too.
        if "No space left on device" in str(error):
            raise OSError(_full_disk_line(run)) from error
        raise CommandError(_memory_line(run, config)) from error
    finally:
        log.removeHandler(handler)


def _load_tensorflow() -> None:
    # The command works whatever backend the user's other programs run on.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # Products of matrices in half the time on CPUs without VNNI, where it is off.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # The level does not reach notes that are written before the logger is set up, so
    # stderr itself is put aside too, unless the user asked for the notes.
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
