"""Convolutions that take the way that is fastest for their shapes.

On CPUs TensorFlow has one kind of kernel for all convolutions. Where the maps are a few
pixels large, as in the middle of a U-Net, most of its time goes into bringing the
weights into an order of its own; a matrix product takes them as they are. Another one
serves convolutions to a few filters. For kernels of 3x3 and 4x4 there is Winograd's
algorithm. Results are the same but for rounding.

Whatever the way, what lies in memory until the gradients need it is the image, not a
padded copy, and updates find no kernel in use, which TensorFlow would copy.

The fast ways need shapes that are known when a graph is made, and some a compiler that
other programs do not have. So they are taken in training, and else only within
`fast_inference`; what is exported is made of plain convolutions.
"""

import contextlib
import contextvars
import functools
from typing import Any

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE, on_cpu
from tfi2i.layers.padding import (
    PAD_MODES,
    check_pixels,
    check_reflection,
    padded,
)
from tfi2i.layers.products import product_down, product_narrow, product_up
from tfi2i.layers.winograd import Window, winograd_conv, winograd_conv_transpose

_fast_inference = contextvars.ContextVar("fast_inference", default=False)

# Measured on two cores. With more positions the products take longer; with fewer tiles
# or channels, the transforms.
_MOST_POSITIONS = {"down": 16, "up": 64, "narrow": 2**19}
_MOST_NARROW_FILTERS = 4
_LEAST_CHANNELS_A_FILTER = 16
_LEAST_CHANNELS = 128
_LEAST_WORK = 64 * 256

# Weights, 4 MB: smaller ones are copied faster than anything waits.
_LARGE_KERNEL = 2**20


@contextlib.contextmanager
def fast_inference():
    """Within, graphs that are made at inference may take fast ways, too.

    Those whose compiling soon pays; for graphs that run in the program that makes them.
    """
    token = _fast_inference.set(True)
    try:
        yield
    finally:
        _fast_inference.reset(token)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Conv2D(keras.layers.Conv2D):
    """As Keras' layer, faster in training on CPUs, and can pad by itself.

    Weights, input and output are those of `keras.layers.Conv2D`, arguments as well but
    for two. What is padded is not kept until the gradients need it, but made again.

    Args:
        *args: of `keras.layers.Conv2D`.
        pad: pixels put around the image first.
        pad_mode: `"zeros"`, or `"reflect"` without repeating the edge: images must be
            larger than `pad` then.
        **kwargs: of `keras.layers.Conv2D`.

    Raises:
        ValueError: a bad `pad`, an unknown `pad_mode`, or `pad` with channels first.
    """

    def __init__(
        self, *args: Any, pad: int = 0, pad_mode: str = "zeros", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        check_pixels("pad", pad)
        if pad_mode not in PAD_MODES:
            expected = " or ".join(f'"{mode}"' for mode in PAD_MODES)
            raise ValueError(f"pad_mode must be {expected}. Received {pad_mode!r}.")
        if pad and self.data_format != "channels_last":
            raise ValueError(
                f"pad={pad} needs data_format='channels_last'. "
                f"Received {self.data_format!r}."
            )
        self.pad = pad
        self.pad_mode = pad_mode

    def call(self, inputs, training=None):
        if self.pad_mode == "reflect":
            check_reflection(self, inputs.shape, self.pad)
        way = None
        if _may_choose(self, inputs, training):
            way = self._way(inputs.shape, training)
        if way is None and not _saves_memory(self, training):
            return super().call(self._padded(inputs))
        kernel = tf.convert_to_tensor(self.kernel)
        if training:
            inputs, kernel = _used_before_updates(inputs, kernel)
        if way is None:
            way = self._plain
            if self.pad:
                way = functools.partial(_made_again, way)
        return _finished(self, way(inputs, kernel))

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        sides = [side and side + 2 * self.pad for side in sides]
        return super().compute_output_shape((batch, *sides, channels))

    def get_config(self):
        return {**super().get_config(), "pad": self.pad, "pad_mode": self.pad_mode}

    def _padded(self, images):
        return padded(images, self.pad, self.pad_mode)

    def _plain(self, inputs, kernel):
        return self.convolution_op(self._padded(inputs), kernel)

    def _way(self, shape, training):
        batch, height, width, channels = shape
        size, stride = self.kernel_size[0], self.strides[0]
        if self.kernel_size != (size, size) or self.strides != (stride, stride):
            return None
        border = {"pad": self.pad, "pad_mode": self.pad_mode}
        if (size, stride, self.padding) == (4, 2, "same") and not self.pad:
            if height % 2 or width % 2:
                return None
            if batch * height * width // 4 <= _MOST_POSITIONS["down"]:
                return product_down
            # As TensorFlow pads for it.
            border = {"pad": 1, "pad_mode": "zeros"}
        elif self.padding != "valid":
            return None
        window = Window(size, stride, **border)
        if _is_narrow(window, shape, self.filters):
            return functools.partial(product_narrow, **border)
        if not _suits_winograd(window, shape, self.filters, training):
            return None
        return functools.partial(winograd_conv, window=window)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """As Keras' layer, faster in training on CPUs.

    Arguments, weights, input and output are those of `keras.layers.Conv2DTranspose`.
    """

    def call(self, inputs, training=None):
        way = None
        if _may_choose(self, inputs, training):
            way = self._way(inputs.shape, training)
        if way is None and not _saves_memory(self, training):
            return super().call(inputs)
        kernel = tf.convert_to_tensor(self.kernel)
        if training:
            inputs, kernel = _used_before_updates(inputs, kernel)
        return _finished(self, (way or self._plain)(inputs, kernel))

    def _plain(self, inputs, kernel):
        return keras.ops.conv_transpose(
            inputs,
            kernel,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def _way(self, shape, training):
        batch, height, width, channels = shape
        kind = (self.kernel_size, self.strides, self.padding)
        if self.output_padding is not None:
            return None
        if kind == ((4, 4), (2, 2), "same"):
            if batch * height * width <= _MOST_POSITIONS["up"]:
                return product_up
            window = Window(4, stride=2, pad=1)
        elif kind == ((3, 3), (2, 2), "valid"):
            window = Window(3, stride=2)
        else:
            return None
        outputs = (batch, *map(window.inputs, (height, width)), self.filters)
        if not _suits_winograd(window, outputs, channels, training):
            return None
        return functools.partial(winograd_conv_transpose, window=window)


def _is_narrow(window, shape, filters):
    """Whether each pixel gives its windows fewer numbers than it takes to copy them."""
    batch, height, width, channels = shape
    return (
        window.stride == 1
        and 1 < window.size <= min(height, width) + 2 * window.pad
        and filters <= _MOST_NARROW_FILTERS
        and filters * _LEAST_CHANNELS_A_FILTER <= channels
        and batch * height * width <= _MOST_POSITIONS["narrow"]
    )


def _suits_winograd(window, shape, filters, training):
    """Whether the products are worth the transforms, of images of that shape.

    At inference, where XLA's compiling counts, those of ResNet's blocks alone are.
    """
    kind = (window.size, window.stride)
    if kind != (3, 1) and not (training and kind in ((4, 1), (3, 2), (4, 2))):
        return False
    batch, height, width, channels = shape
    tiles = batch * window.tiles(height) * window.tiles(width)
    narrower = min(window.stride**2 * channels, filters)
    return narrower >= _LEAST_CHANNELS and tiles * narrower >= _LEAST_WORK


def _may_choose(layer, inputs, training):
    is_plain = (
        inputs.shape.is_fully_defined()
        and layer.compute_dtype == "float32"
        and layer.data_format == "channels_last"
        and layer.dilation_rate == (1, 1)
        and getattr(layer, "groups", 1) == 1
    )
    # A GPU's library has such ways of its own.
    is_wanted = bool(training) or _fast_inference.get()
    return is_plain and is_wanted and on_cpu()


def _saves_memory(layer, training):
    """Whether the plain way, too, is taken with fewer copies."""
    return training and layer.data_format == "channels_last"


def _used_before_updates(inputs, kernel):
    """Both, where a large kernel's gradient is there after that of the inputs.

    Else its update may come while the other gradient still reads the kernel, and
    TensorFlow would update a copy. Inputs get their gradient even where nobody asks for
    it; first layers, which that would concern, have small kernels.
    """
    if kernel.shape.num_elements() < _LARGE_KERNEL:
        return inputs, kernel

    @tf.custom_gradient
    def passed_on(inputs, kernel):
        def gradient(of_inputs, of_kernel):
            with tf.control_dependencies([of_inputs]):
                return of_inputs, tf.identity(of_kernel)

        return (tf.identity(inputs), tf.identity(kernel)), gradient

    return passed_on(inputs, kernel)


def _finished(layer, outputs):
    if layer.use_bias:
        outputs = tf.nn.bias_add(outputs, layer.bias)
    return layer.activation(outputs)


def _made_again(function, *tensors):
    """What a function returns; what it makes on the way is not kept for gradients."""

    @tf.custom_gradient
    def made(*tensors):
        def gradient(upstream):
            # Else it could be made before it is needed, or be that of the way forward.
            with tf.control_dependencies([upstream]):
                again = [tf.identity(tensor) for tensor in tensors]
            with tf.GradientTape() as tape:
                tape.watch(again)
                outputs = function(*again)
            return tape.gradient(outputs, again, upstream)

        return function(*tensors), gradient

    return made(*tensors)
