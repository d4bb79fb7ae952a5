"""What a long run takes."""

import os

import keras
import psutil
import pytest
import tensorflow as tf

from tests.checks import images, tiny_cyclegan, tiny_pix2pix
from tfi2i.layers import convolution


class Watch(keras.callbacks.Callback):
    """Memory and open files of this process, every hundred steps."""

    def __init__(self):
        super().__init__()
        self.memory, self.files = [], []

    def on_train_batch_end(self, batch, logs=None):
        if batch % 100 == 99:
            process = psutil.Process(os.getpid())
            self.memory.append(process.memory_info().rss)
            self.files.append(process.num_fds())


@pytest.mark.slow
@pytest.mark.parametrize("make", [tiny_pix2pix, tiny_cyclegan])
def test_neither_memory_nor_files_grow_in_2000_steps(make, monkeypatch):
    monkeypatch.setattr(convolution, "_MIN_WINOGRAD_CHANNELS", 1)
    monkeypatch.setattr(convolution, "_MIN_WINOGRAD_WORK", 1)
    model = make()
    model.compile()
    pairs = images(8, 64, 64, 3), images(8, 64, 64, 3, seed=1)
    data = (
        tf.data.Dataset.from_tensor_slices(pairs).repeat().batch(1, drop_remainder=True)
    )
    watch = Watch()
    model.fit(data, steps_per_epoch=2000, verbose=0, callbacks=[watch])
    # The first hundreds fill pools and free lists. One image of 64 pixels
    # that stayed a step would be 70 MB.
    early, late = watch.memory[4], watch.memory[-1]
    assert late - early < 20e6, watch.memory
    assert watch.files[-1] <= watch.files[4], watch.files
