"""Sub-pixel convolution: a convolution whose channels become pixels."""

from typing import Any

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class SubpixelInitializer(keras.initializers.Initializer):
    """Draws kernels from N(0, stddev), equal for all pixels that one pixel becomes.

    At the start the convolution then equals nearest-neighbour upsampling followed by a
    convolution, which has no checkerboard artefacts.

    Args:
        factor: upsampling factor of each side.
        stddev: of the normal distribution.
        seed: integer; None draws one.

    Source: ICNR, Aitken et al., arXiv:1707.02937, section 3.
    """

    def __init__(self, factor=2, stddev=0.02, seed=None):
        self.factor = factor
        self.stddev = stddev
        self.seed = seed

    def __call__(self, shape, dtype=None):
        repeats = self.factor**2
        normal = keras.initializers.RandomNormal(0.0, self.stddev, self.seed)
        kernel = normal((*shape[:-1], shape[-1] // repeats), dtype)
        # depth_to_space turns each of factor**2 groups of channels into another pixel.
        return tf.tile(kernel, [1] * (len(shape) - 1) + [repeats])

    def get_config(self):
        return {"factor": self.factor, "stddev": self.stddev, "seed": self.seed}


@keras.saving.register_keras_serializable(package=PACKAGE)
class DepthToSpace(keras.layers.Layer):
    """Rearranges channels into pixels: `(h, w, c)` to `(fh, fw, c / f**2)`.

    Args:
        factor: upsampling factor of each side.
        **kwargs: of `keras.layers.Layer`.

    Source: Shi et al., arXiv:1609.05158, section 2.2.
    """

    def __init__(self, factor: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return tf.nn.depth_to_space(inputs, self.factor)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        height, width = (side and side * self.factor for side in (height, width))
        return batch, height, width, channels // self.factor**2

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
