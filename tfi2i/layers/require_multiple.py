"""The image sizes that a network accepts."""

from typing import Any

import keras

from tfi2i.layers.base import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class RequireMultiple(keras.layers.Layer):
    """Refuses images whose sides are not multiples of a number; otherwise the identity.

    A generator with such a layer named `"size"` is translated, tiled and exported for
    images of any size: they are padded by reflection to what the layer says.

    Args:
        multiple: height and width must be multiples of it, in pixels.
        remedy: what the user can do, as a sentence without full stop.
        minimum: smallest side in pixels to which smaller images are padded at
            inference; None is `multiple`.
        **kwargs: of `keras.layers.Layer`.

    Raises:
        ValueError: in a call, for images of another size.
    """

    def __init__(
        self, multiple: int, remedy: str, minimum: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.multiple = multiple
        self.remedy = remedy
        self.minimum = minimum or multiple

    def call(self, inputs):
        height, width = inputs.shape[1:3]
        if (height or 0) % self.multiple or (width or 0) % self.multiple:
            raise ValueError(
                f"Height and width must be multiples of {self.multiple} here. "
                f"Received images of {height}x{width}. {self.remedy}."
            )
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "multiple": self.multiple,
            "remedy": self.remedy,
            "minimum": self.minimum,
        }
