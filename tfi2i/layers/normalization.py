"""Normalization by the statistics of each image, of a batch, or by given ones."""

from typing import Any, Literal

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE, check_image_batch, on_cpu


def _mean(x):
    """The mean of every channel of every image, over width first, then height.

    This takes 0.66 to 0.96 of the time of both axes at once, forward and backward, on
    two CPU cores. It also keeps the sums of TFLite and ONNX Runtime accurate: otherwise
    outputs at 256 pixels would differ by 1e-3 after six residual blocks.
    """
    columns = tf.reduce_mean(x, axis=2, keepdims=True)
    return tf.reduce_mean(columns, axis=1, keepdims=True)


@tf.custom_gradient
def _standardize(x, epsilon):
    """Gives every channel of every image zero mean and unit variance.

    The closed form of the gradient needs two reductions over memory; the derivative of
    `tf.nn.moments` needs six.
    """
    # Makes a constant map exactly 0, however a runtime sums its mean. Otherwise the
    # rounding error of the mean would be multiplied by 300 here, and again by each
    # normalization that follows.
    x = x - x[:, :1, :1]
    mean = _mean(x)
    centred = x - mean
    variance = _mean(centred * centred)
    # More accurate than rsqrt, and cheap: one value for each channel.
    scale = 1.0 / tf.sqrt(variance + epsilon)
    y = centred * scale

    def gradient(dy):
        return scale * (dy - _mean(dy) - y * _mean(dy * y)), None

    return y, gradient


def _standardize_each(x, epsilon):
    """The same as `_standardize`, by TensorFlow's batch norm kernel, image by image.

    It takes 0.5 to 0.8 of the time, forward and backward, on two CPU cores.
    """
    channels = x.shape[-1]
    outputs = [
        tf.raw_ops.FusedBatchNormV3(
            x=image,
            scale=tf.ones([channels]),
            offset=tf.zeros([channels]),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=epsilon,
            is_training=True,
        ).y
        for image in tf.split(x, x.shape[0])
    ]
    return tf.concat(outputs, axis=0) if len(outputs) > 1 else outputs[0]


@keras.saving.register_keras_serializable(package=PACKAGE)
class InstanceNormalization(keras.layers.Layer):
    """Normalizes every channel of every image by its own mean and variance.

    `y = (x - mean) / sqrt(variance + epsilon)`, with the biased variance over
    height and width, then `y * gamma + beta` where `affine`. Training and
    inference are the same. Statistics are computed in float32 whatever the
    precision policy.

    Args:
        affine: whether to learn a scale (initialized from N(1, 0.02)) and an offset
            (from 0) for each channel. The PyTorch CycleGAN has neither, the original
            Torch one has both.
        epsilon: added to the variance; 1e-5 as in PyTorch.
        seed: of the scale's initializer.
        **kwargs: of `keras.layers.Layer`.

    Input: `(batch, height, width, channels)`, float. Output: the same shape.

    Source: Ulyanov et al., arXiv:1607.08022, equation 7.
    """

    def __init__(
        self,
        affine: bool = False,
        epsilon: float = 1e-5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not epsilon > 0:
            raise ValueError(f"epsilon must be above 0. Received epsilon={epsilon}.")
        self.affine = affine
        self.epsilon = epsilon
        self.seed = seed

    def build(self, input_shape):
        check_image_batch(self, input_shape)
        if self.affine:
            channels = (input_shape[-1],)
            self.gamma = self.add_weight(
                name="gamma",
                shape=channels,
                initializer=keras.initializers.RandomNormal(1.0, 0.02, self.seed),
                autocast=False,
            )
            self.beta = self.add_weight(
                name="beta", shape=channels, initializer="zeros", autocast=False
            )

    def call(self, inputs, training=None):
        floats = tf.cast(inputs, tf.float32)
        if training and inputs.shape[0] is not None and on_cpu():
            outputs = _standardize_each(floats, self.epsilon)
        else:
            outputs = _standardize(floats, self.epsilon)
        if self.affine:
            outputs = outputs * self.gamma + self.beta
        return tf.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "affine": self.affine,
            "epsilon": self.epsilon,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package=PACKAGE)
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization as in PyTorch, with a choice of inference statistics.

    In training, each channel is normalized over batch, height and width. The moving
    statistics follow PyTorch's conventions: momentum 0.9 (PyTorch calls it 0.1) and an
    unbiased variance.

    Args:
        statistics: what normalizes at inference. `"stored"`: the moving
            statistics. `"image"`: each image's own statistics, so that a batch gives
            the same as its images one by one. This is what pix2pix does at test time
            (batches of one, network in training mode; section 3.4 of the paper).
        momentum: of the moving statistics.
        epsilon: added to the variance.
        **kwargs: of `keras.layers.BatchNormalization`.

    Input: `(batch, height, width, channels)`, float. Output: the same shape.
    """

    def __init__(
        self,
        statistics: Literal["stored", "image"] = "stored",
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ) -> None:
        if statistics not in ("stored", "image"):
            raise ValueError(
                f'statistics must be "stored" or "image". Received "{statistics}".'
            )
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)
        self.statistics = statistics

    def build(self, input_shape):
        check_image_batch(self, input_shape)
        super().build(input_shape)

    def add_weight(self, *args, trainable=True, **kwargs):
        if trainable:
            return super().add_weight(*args, **kwargs)
        # Each replica updates its own statistics; reading them outside a replica gives
        # their mean, which is what a single device would have. Synchronized updates
        # could not be compiled by XLA.
        return keras.Variable(
            kwargs["initializer"],
            kwargs["shape"],
            self.variable_dtype,
            trainable=False,
            autocast=False,
            aggregation="mean",
            synchronization="on_read",
            name=kwargs["name"],
        )

    def call(self, inputs, training=None):
        if training and self.trainable:
            normalize = self._normalize_batch
            if self.synchronized:
                normalize = self._normalize_global_batch
            outputs, mean, variance = normalize(inputs)
            self._update(self.moving_mean, mean)
            self._update(self.moving_variance, variance)
        elif self.statistics == "image":
            scale, offset = self._scale_and_offset()
            outputs = _standardize(tf.cast(inputs, tf.float32), self.epsilon)
            outputs = outputs * scale + offset
        else:
            return super().call(inputs, training=False)
        return tf.cast(outputs, self.compute_dtype)

    def _scale_and_offset(self):
        channels = self.moving_mean.shape
        return (
            self.gamma if self.scale else tf.ones(channels),
            self.beta if self.center else tf.zeros(channels),
        )

    def _normalize_batch(self, inputs):
        """Normalizes by TensorFlow's fused kernel, whose variance is unbiased."""
        scale, offset = self._scale_and_offset()
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=scale,
            offset=offset,
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
            is_training=True,
        )
        return outputs, mean, variance

    def _normalize_global_batch(self, inputs):
        """Normalizes by the images of all replicas, which have equally many."""
        scale, offset = self._scale_and_offset()
        floats = tf.cast(inputs, tf.float32)
        axes = (0, 1, 2)
        mean, variance = keras.ops.moments(floats, axes, synchronized=True)
        outputs = tf.nn.batch_normalization(
            floats, mean, variance, offset, scale, self.epsilon
        )
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        count = tf.cast(replicas * tf.size(inputs) // inputs.shape[-1], tf.float32)
        return outputs, mean, variance * count / tf.maximum(count - 1.0, 1.0)

    def _update(self, moving, value):
        moving.assign(moving * self.momentum + value * (1.0 - self.momentum))

    def get_config(self):
        return {**super().get_config(), "statistics": self.statistics}


@keras.saving.register_keras_serializable(package=PACKAGE)
class FixedNormalization(keras.layers.Layer):
    """`scale * (x - mean) / sqrt(variance + epsilon) + offset`, all of them weights.

    Args:
        epsilon: added to the variance.
        **kwargs: of `keras.layers.Layer`.

    Input: `(batch, height, width, channels)`, float. Output: the same shape.
    """

    def __init__(self, epsilon: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        for name, start in (
            ("mean", "zeros"),
            ("variance", "ones"),
            ("scale", "ones"),
            ("offset", "zeros"),
        ):
            weight = self.add_weight(
                name=name,
                shape=(input_shape[-1],),
                initializer=start,
                trainable=False,
                autocast=False,
            )
            setattr(self, name, weight)

    def call(self, inputs):
        centred = tf.cast(inputs, tf.float32) - self.mean
        outputs = centred * (1.0 / tf.sqrt(self.variance + self.epsilon))
        return tf.cast(outputs * self.scale + self.offset, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
