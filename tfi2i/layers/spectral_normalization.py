"""Spectral normalization with a seed."""

from typing import Any

import keras

from tfi2i.layers.base import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class SpectralNormalization(keras.layers.SpectralNormalization):
    """Keras' layer, with a power iteration whose start follows from a seed.

    Each call in training divides the wrapped layer's kernel, in place, by an estimate
    of its largest singular value; one step of power iteration improves the estimate
    each time. Calls at inference use the kernel as it is.

    Args:
        layer: with a `kernel`.
        seed: integer that fixes the start; None draws one.
        **kwargs: of `keras.layers.SpectralNormalization`.

    Source: Miyato et al., arXiv:1802.05957, algorithm 1. There the gradient passes
    through the division, here it does not.
    """

    def __init__(
        self, layer: keras.layers.Layer, seed: int | None = None, **kwargs: Any
    ) -> None:
        # Under mixed precision, kernels would else be stored as rounded as they are
        # computed with.
        kwargs.setdefault("dtype", layer.variable_dtype)
        super().__init__(layer, **kwargs)
        self.seed = seed

    def build(self, input_shape):
        super().build(input_shape)
        normal = keras.initializers.RandomNormal(seed=self.seed)
        self.vector_u.assign(normal(self.vector_u.shape, self.vector_u.dtype))

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
