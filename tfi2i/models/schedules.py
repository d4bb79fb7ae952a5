"""Learning rate schedules."""

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class ConstantThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """Constant for some epochs, then falling linearly towards zero.

    In epoch e, counted from 1: `initial * (1 - max(0, e - constant) / (decay + 1))`,
    as the PyTorch reference has it; the last epoch still learns a little. The rate
    follows from the optimizer's own count of steps, so a resumed run goes on where
    it stopped.

    Args:
        initial_learning_rate: of the constant part.
        constant_epochs: how many epochs keep it.
        decay_epochs: over how many epochs it falls.
        steps_per_epoch: optimizer updates in an epoch.

    Raises:
        ValueError: negative epochs, or `steps_per_epoch` below 1.

    Source: CycleGAN section 4, "training details"; pix2pix reference code.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        constant_epochs: int,
        decay_epochs: int,
        steps_per_epoch: int,
    ) -> None:
        if constant_epochs < 0 or decay_epochs < 0:
            raise ValueError(
                "constant_epochs and decay_epochs must be 0 or more. Received "
                f"{constant_epochs} and {decay_epochs}."
            )
        if steps_per_epoch < 1:
            raise ValueError(
                f"steps_per_epoch must be 1 or more. Received {steps_per_epoch}."
            )
        self.initial_learning_rate = initial_learning_rate
        self.constant_epochs = constant_epochs
        self.decay_epochs = decay_epochs
        self.steps_per_epoch = steps_per_epoch

    def __call__(self, step):
        epoch = tf.cast(step, tf.int64) // self.steps_per_epoch + 1
        late = tf.cast(tf.maximum(epoch - self.constant_epochs, 0), tf.float32)
        share = tf.maximum(1.0 - late / (self.decay_epochs + 1), 0.0)
        return self.initial_learning_rate * share

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "constant_epochs": self.constant_epochs,
            "decay_epochs": self.decay_epochs,
            "steps_per_epoch": self.steps_per_epoch,
        }
