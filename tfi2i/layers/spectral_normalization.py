"""Spectral normalization with a seed."""

from typing import Any

import keras

from tfi2i.layers.base import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class SpectralNormalization(keras.layers.SpectralNormalization):
    """`keras.layers.SpectralNormalization` with a seed for its power iteration.

    Each call in training makes one step of power iteration, which improves an estimate
    of the kernel's largest singular value, and divides the kernel by it in place. Calls
    at inference use the kernel as it is.

    Args:
        layer: that has a `kernel`.
        seed: integer that decides the first vector; None draws one.
        **kwargs: of `keras.layers.SpectralNormalization`.

    Source: Miyato et al., arXiv:1802.05957, algorithm 1. Unlike there, the gradient
    does not pass through the division.
    """

    def __init__(
        self, layer: keras.layers.Layer, seed: int | None = None, **kwargs: Any
    ) -> None:
        # Otherwise, under mixed precision, kernels would be stored rounded.
        kwargs.setdefault("dtype", layer.variable_dtype)
        super().__init__(layer, **kwargs)
        self.seed = seed

    def build(self, input_shape):
        super().build(input_shape)
        normal = keras.initializers.RandomNormal(seed=self.seed)
        self.vector_u.assign(normal(self.vector_u.shape, self.vector_u.dtype))

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
