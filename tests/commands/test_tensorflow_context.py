import os

import numpy as np
import pytest
import tensorflow as tf

from tfi2i.commands import tensorflow_context
from tfi2i.commands.parsing import CommandError
from tfi2i.recipes import stored
from tfi2i.recipes.config import DataConfig, TrainConfig
from tfi2i.recipes.pix2pix import Pix2PixConfig


@pytest.mark.parametrize("said", [None, "0"])
def test_onednn_is_on_unless_the_user_says_something_else(said, monkeypatch):
    # Set first, so that whatever is there is put back.
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", said or "")
    if said is None:
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    tensorflow_context._load_tensorflow()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == (said or "1")


@pytest.mark.parametrize(
    "exhaust",
    [
        lambda: np.empty((2**30, 2**20)),
        lambda: _raise(tf.errors.ResourceExhaustedError(None, None, "OOM when ...")),
    ],
)
def test_out_of_memory_names_the_sizes(tmp_path, exhaust):
    config = TrainConfig(
        model=Pix2PixConfig(), data=DataConfig(batch_size=3, crop_size=64)
    )
    with pytest.raises(CommandError) as caught:
        with tensorflow_context.loaded_tensorflow(tmp_path, config):
            exhaust()
    assert str(caught.value) == (
        "Out of memory with batch size 3, crop size 64 and precision float32: try a "
        "smaller --data.batch-size or --data.crop-size."
    )


def _raise(error):
    raise error


def test_out_of_memory_of_a_run_reads_its_configuration(tmp_path):
    config = TrainConfig(
        model=Pix2PixConfig(), data=DataConfig(batch_size=5, crop_size=32)
    )
    stored.write(config, tmp_path)
    with pytest.raises(CommandError, match="with batch size 5, crop size 32 and"):
        with tensorflow_context.loaded_tensorflow(tmp_path):
            raise MemoryError


def test_out_of_memory_of_a_run_without_configuration(tmp_path):
    with pytest.raises(ValueError, match="Out of memory with this batch size, this"):
        with tensorflow_context.loaded_tensorflow(tmp_path):
            raise MemoryError


def test_a_full_disk_is_not_called_memory(tmp_path):
    full = tf.errors.ResourceExhaustedError(None, None, "x; No space left on device")
    with pytest.raises(OSError, match="No space left on device while writing .*--resu"):
        with tensorflow_context.loaded_tensorflow(tmp_path):
            raise full


@pytest.mark.parametrize(
    "text, line",
    [
        ("x; No space left on device", "No space left on device; free some, then"),
        ("OOM when ...", "Out of memory: end other programs, or take a machine"),
    ],
)
def test_no_advice_on_training_where_none_is(text, line):
    with pytest.raises((OSError, CommandError), match=line) as error:
        with tensorflow_context.loaded_tensorflow():
            raise tf.errors.ResourceExhaustedError(None, None, text)
    assert "--" not in str(error.value)
