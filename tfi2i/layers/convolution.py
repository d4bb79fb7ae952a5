"""Convolutions that choose the fastest algorithm for their shapes on CPUs.

On CPUs TensorFlow has one implementation of convolutions. Where feature maps are a few
pixels large, as in the middle of a U-Net, it spends most of its time reordering the
weights, and a single matrix product is faster. Another matrix product is faster for
convolutions to a few filters, and Winograd's algorithm for kernels of 3x3 and 4x4.
Results differ by rounding only.

All of them keep the image in memory for the gradient, not a padded copy of it. A large
kernel is updated only after both gradients are computed: otherwise TensorFlow copies
the kernel before the update, because a gradient still reads it.

The fast algorithms need static shapes, and some need XLA, which other programs may not
have. So they are used in training, and at inference only within `fast_inference`.
Exports contain plain convolutions.
"""

import contextlib
import contextvars
import functools
from typing import Any

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE, on_cpu
from tfi2i.layers.gemm import col2im_conv_transpose, im2col_conv, kn2row_conv
from tfi2i.layers.padding import (
    PAD_MODES,
    check_pixels,
    check_reflection,
    pad_images,
)
from tfi2i.layers.winograd import Window, winograd_conv, winograd_conv_transpose

_fast_inference = contextvars.ContextVar("fast_inference", default=False)

# Measured on two cores. With more positions a matrix product is slower than TensorFlow;
# with fewer tiles or channels, Winograd's transforms are.
_MAX_POSITIONS = {"im2col": 16, "col2im": 64, "kn2row": 2**19}
_MAX_KN2ROW_FILTERS = 4
_MIN_KN2ROW_CHANNELS_PER_FILTER = 16
_MIN_WINOGRAD_CHANNELS = 128
_MIN_WINOGRAD_WORK = 64 * 256

# In weights, 4 MB. Copying a smaller kernel is faster than waiting for a gradient.
_LARGE_KERNEL = 2**20


@contextlib.contextmanager
def fast_inference():
    """Lets graphs traced for inference use the fast algorithms, too.

    Only those that soon make up for their compilation. Use it for graphs that run in
    the process that traces them, never for exports.
    """
    token = _fast_inference.set(True)
    try:
        yield
    finally:
        _fast_inference.reset(token)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`, faster in training on CPUs, with built-in padding.

    Weights, input and output are those of `keras.layers.Conv2D`. The gradient pads the
    image again instead of keeping it padded.

    Args:
        *args: of `keras.layers.Conv2D`.
        pad: pixels added on each of the four sides before the convolution.
        pad_mode: `"zeros"`, or `"reflect"`, which does not repeat the edge and needs
            images larger than `pad`.
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
        convolve = None
        if _can_choose_algorithm(self, inputs, training):
            convolve = self._choose_algorithm(inputs.shape, training)
        if convolve is None and not _saves_memory(self, training):
            return super().call(self._pad_images(inputs))
        kernel = tf.convert_to_tensor(self.kernel)
        if training:
            inputs, kernel = _order_gradients(inputs, kernel)
        if convolve is None:
            convolve = self._convolve_padded
            if self.pad:
                convolve = functools.partial(_recompute_in_gradient, convolve)
        return _add_bias_and_activate(self, convolve(inputs, kernel))

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        sides = [side and side + 2 * self.pad for side in sides]
        return super().compute_output_shape((batch, *sides, channels))

    def get_config(self):
        return {**super().get_config(), "pad": self.pad, "pad_mode": self.pad_mode}

    def _pad_images(self, images):
        return pad_images(images, self.pad, self.pad_mode)

    def _convolve_padded(self, inputs, kernel):
        return self.convolution_op(self._pad_images(inputs), kernel)

    def _choose_algorithm(self, shape, training):
        batch, height, width, channels = shape
        size, stride = self.kernel_size[0], self.strides[0]
        if self.kernel_size != (size, size) or self.strides != (stride, stride):
            return None
        border = {"pad": self.pad, "pad_mode": self.pad_mode}
        if (size, stride, self.padding) == (4, 2, "same") and not self.pad:
            if height % 2 or width % 2:
                return None
            if batch * height * width // 4 <= _MAX_POSITIONS["im2col"]:
                return im2col_conv
            # What "same" means for these sizes.
            border = {"pad": 1, "pad_mode": "zeros"}
        elif self.padding != "valid":
            return None
        window = Window(size, stride, **border)
        if _suits_kn2row(window, shape, self.filters):
            return functools.partial(kn2row_conv, **border)
        if not _suits_winograd(window, shape, self.filters, training):
            return None
        return functools.partial(winograd_conv, window=window)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose`, faster in training on CPUs.

    Arguments, weights, input and output are the same.
    """

    def call(self, inputs, training=None):
        convolve = None
        if _can_choose_algorithm(self, inputs, training):
            convolve = self._choose_algorithm(inputs.shape, training)
        if convolve is None and not _saves_memory(self, training):
            return super().call(inputs)
        kernel = tf.convert_to_tensor(self.kernel)
        if training:
            inputs, kernel = _order_gradients(inputs, kernel)
        convolve = convolve or self._convolve_transpose
        return _add_bias_and_activate(self, convolve(inputs, kernel))

    def _convolve_transpose(self, inputs, kernel):
        return keras.ops.conv_transpose(
            inputs,
            kernel,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def _choose_algorithm(self, shape, training):
        batch, height, width, channels = shape
        kind = (self.kernel_size, self.strides, self.padding)
        if self.output_padding is not None:
            return None
        if kind == ((4, 4), (2, 2), "same"):
            if batch * height * width <= _MAX_POSITIONS["col2im"]:
                return col2im_conv_transpose
            window = Window(4, stride=2, pad=1)
        elif kind == ((3, 3), (2, 2), "valid"):
            window = Window(3, stride=2)
        else:
            return None
        outputs = (batch, *map(window.inputs, (height, width)), self.filters)
        if not _suits_winograd(window, outputs, channels, training):
            return None
        return functools.partial(winograd_conv_transpose, window=window)


def _suits_kn2row(window, shape, filters):
    """Whether a pixel's products are fewer than the copies that im2col would make."""
    batch, height, width, channels = shape
    return (
        window.stride == 1
        and 1 < window.size <= min(height, width) + 2 * window.pad
        and filters <= _MAX_KN2ROW_FILTERS
        and filters * _MIN_KN2ROW_CHANNELS_PER_FILTER <= channels
        and batch * height * width <= _MAX_POSITIONS["kn2row"]
    )


def _suits_winograd(window, shape, filters, training):
    """Whether Winograd's savings exceed the cost of its transforms.

    At inference, where compilation by XLA counts, only ResNet's blocks qualify.
    """
    kind = (window.size, window.stride)
    if kind != (3, 1) and not (training and kind in ((4, 1), (3, 2), (4, 2))):
        return False
    batch, height, width, channels = shape
    tiles = batch * window.tiles(height) * window.tiles(width)
    narrower = min(window.stride**2 * channels, filters)
    return narrower >= _MIN_WINOGRAD_CHANNELS and tiles * narrower >= _MIN_WINOGRAD_WORK


def _can_choose_algorithm(layer, inputs, training):
    is_plain = (
        inputs.shape.is_fully_defined()
        and layer.compute_dtype == "float32"
        and layer.data_format == "channels_last"
        and layer.dilation_rate == (1, 1)
        and getattr(layer, "groups", 1) == 1
    )
    # cuDNN chooses among algorithms by itself.
    is_wanted = bool(training) or _fast_inference.get()
    return is_plain and is_wanted and on_cpu()


def _saves_memory(layer, training):
    """Whether TensorFlow's own convolution is called so that it keeps no copies."""
    return training and layer.data_format == "channels_last"


def _order_gradients(inputs, kernel):
    """Returns both, such that a large kernel's gradient follows that of the inputs.

    Otherwise the kernel may be updated while the inputs' gradient still reads it, and
    TensorFlow would copy it first. The inputs' gradient is now computed even where no
    one needs it; that happens in first layers only, whose kernels are small.
    """
    if kernel.shape.num_elements() < _LARGE_KERNEL:
        return inputs, kernel

    @tf.custom_gradient
    def identity(inputs, kernel):
        def gradient(d_inputs, d_kernel):
            with tf.control_dependencies([d_inputs]):
                return d_inputs, tf.identity(d_kernel)

        return (tf.identity(inputs), tf.identity(kernel)), gradient

    return identity(inputs, kernel)


def _add_bias_and_activate(layer, outputs):
    if layer.use_bias:
        outputs = tf.nn.bias_add(outputs, layer.bias)
    return layer.activation(outputs)


def _recompute_in_gradient(function, *tensors):
    """Calls `function`; its gradient computes intermediate values again."""

    @tf.custom_gradient
    def call(*tensors):
        def gradient(upstream):
            # Without it, values could be computed too early, or shared with the forward
            # pass.
            with tf.control_dependencies([upstream]):
                copies = [tf.identity(tensor) for tensor in tensors]
            with tf.GradientTape() as tape:
                tape.watch(copies)
                outputs = function(*copies)
            return tape.gradient(outputs, copies, upstream)

        return function(*tensors), gradient

    return call(*tensors)
