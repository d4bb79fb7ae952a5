"""Adam as PyTorch has it, in TensorFlow's own kernel."""

from typing import Any

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class Adam(keras.optimizers.Adam):
    """Adam with PyTorch's epsilon, updating each weight in one pass over memory.

    Keras and TensorFlow add epsilon before the correction of the second moment,
    PyTorch after it; here it counts as in PyTorch. The defaults are those of the
    reference (pix2pix section 3.3, CycleGAN section 4). Gradients are clipped, where
    asked for, after the replicas' have been added.

    Args:
        learning_rate: float or `keras.optimizers.schedules.LearningRateSchedule`.
        beta_1: decay of the mean of gradients.
        beta_2: decay of the mean of squared gradients.
        epsilon: added to the root of the corrected second moment.
        **kwargs: of `keras.optimizers.Adam`.

    Raises:
        ValueError: `amsgrad` is asked for.

    Source: Kingma and Ba, arXiv:1412.6980, algorithm 1.
    """

    def __init__(
        self,
        learning_rate: Any = 2e-4,
        beta_1: float = 0.5,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("amsgrad"):
            raise ValueError("Adam has no amsgrad here: use keras.optimizers.Adam.")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def _clip_gradients(self, grads):
        # Keras would clip what one replica has found, before the sum.
        return grads

    def _all_reduce_sum_gradients(self, grads_and_vars):
        reduced = super()._all_reduce_sum_gradients(grads_and_vars)
        gradients, variables = zip(*reduced, strict=True)
        clipped = super()._clip_gradients(list(gradients))
        return list(zip(clipped, variables, strict=True))

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        # Once for all weights: these scalars took a third of a step's kernels on a GPU.
        dtype = "float32"
        step = tf.cast(self.iterations + 1, dtype)
        beta_1_power = tf.pow(tf.cast(self.beta_1, dtype), step)
        beta_2_power = tf.pow(tf.cast(self.beta_2, dtype), step)
        rates = {
            "lr": tf.cast(learning_rate, dtype),
            "beta1_power": beta_1_power,
            "beta2_power": beta_2_power,
            # The kernel's epsilon is Keras': before the correction.
            "epsilon": self.epsilon * tf.sqrt(1.0 - beta_2_power),
        }
        super()._backend_update_step(grads, trainable_variables, rates)

    def update_step(self, gradient, variable, rates):
        """Updates one weight and its two moments in place, at this step's rates."""
        index = self._get_variable_index(variable)
        # Under a strategy Keras hands over the replica's own tf.Variable.
        if isinstance(variable, keras.Variable):
            variable = variable.value
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1=self.beta_1,
            beta2=self.beta_2,
            grad=tf.cast(gradient, variable.dtype),
            use_locking=True,
            **{name: tf.cast(rate, variable.dtype) for name, rate in rates.items()},
        )
