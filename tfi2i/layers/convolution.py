"""Convolutions that take the way that is fastest for their shapes.

On CPUs TensorFlow has one kind of kernel for all convolutions. Where the maps are a few
pixels large, as in the middle of a U-Net, most of its time goes into bringing the
weights into an order of its own; a matrix product takes them as they are. For kernels
of 3x3 there is Winograd's algorithm. Results are the same but for rounding.

Whatever the way, what lies in memory until the gradients need it is the image, not a
padded copy, and updates find no kernel in use, which TensorFlow would copy.

The fast ways need shapes that are known when a graph is made, and one of them a
compiler that other programs do not have. So they are taken in training, and else only
within `fast_inference`; what is exported is made of plain convolutions.
"""

import contextlib
import contextvars
import functools

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE, on_cpu
from tfi2i.layers.padding import (
    PAD_MODES,
    check_pixels,
    check_reflection,
    padded,
)
from tfi2i.layers.winograd import winograd_conv

_fast_inference = contextvars.ContextVar("fast_inference", default=False)

# Measured on two cores. With more positions the products take longer; with fewer tiles
# or channels, the transforms.
_MOST_POSITIONS = {"down": 16, "up": 64, "dense": 2048}
_LEAST_CHANNELS = 128
_LEAST_WORK = 64 * 256

# Weights, 4 MB: smaller ones are copied faster than anything waits.
_LARGE_KERNEL = 2**20


@contextlib.contextmanager
def fast_inference():
    """Within, graphs that are made at inference may take every way, too.

    For graphs that run in the program that makes them.
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

    def __init__(self, *args, pad=0, pad_mode="zeros", **kwargs):
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
        way = self._way(inputs.shape) if _may_choose(self, inputs, training) else None
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

    def _way(self, shape):
        batch, height, width, channels = shape
        height, width = height + 2 * self.pad, width + 2 * self.pad
        narrower = min(channels, self.filters)
        kind = (self.kernel_size, self.strides, self.padding)
        if kind == ((4, 4), (1, 1), "valid"):
            is_dense = self.pad == 1 and self.pad_mode == "zeros"
            fits = batch * (height - 2) * (width - 2) <= _MOST_POSITIONS["dense"]
            is_wide = narrower >= _LEAST_CHANNELS
            return _product_dense if is_dense and fits and is_wide else None
        if height % 2 or width % 2:
            return None
        if kind == ((4, 4), (2, 2), "same") and not self.pad:
            positions = batch * height * width // 4
            return _product_down if positions <= _MOST_POSITIONS["down"] else None
        if kind == ((3, 3), (1, 1), "valid"):
            tiles = batch * (height // 2 - 1) * (width // 2 - 1)
            if narrower >= _LEAST_CHANNELS and tiles * narrower >= _LEAST_WORK:
                pad = {"pad": self.pad, "pad_mode": self.pad_mode}
                return functools.partial(winograd_conv, **pad)
        return None


@keras.saving.register_keras_serializable(package=PACKAGE)
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """As Keras' layer, faster in training on CPUs.

    Arguments, weights, input and output are those of `keras.layers.Conv2DTranspose`.
    """

    def call(self, inputs, training=None):
        way = self._way(inputs) if _may_choose(self, inputs, training) else None
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

    def _way(self, inputs):
        batch, height, width, _ = inputs.shape
        kind = (self.kernel_size, self.strides, self.padding)
        if kind != ((4, 4), (2, 2), "same"):
            return None
        return _product_up if batch * height * width <= _MOST_POSITIONS["up"] else None


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


def _product_down(images, kernel):
    """A convolution of 4x4 with stride 2 as one product of matrices."""
    return _product(images, kernel, stride=2)


@tf.custom_gradient
def _product_dense(images, kernel):
    """A convolution of 4x4 with stride 1 as one product of matrices.

    The gradients are those of the library, but of padding to the image's own size: with
    a pixel less a side, as it is, they take half as long again.
    """

    def gradient(upstream):
        upstream = tf.pad(upstream, [[0, 0], [0, 1], [0, 1], [0, 0]])
        how = {"out_backprop": upstream, "strides": [1, 1, 1, 1], "padding": "SAME"}
        of_images = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=images.shape, filter=kernel, **how
        )
        of_kernel = tf.raw_ops.Conv2DBackpropFilter(
            input=images, filter_sizes=kernel.shape, **how
        )
        return of_images, of_kernel

    return _product(images, kernel, stride=1), gradient


def _product(images, kernel, stride):
    """Every window, padded by a pixel of zeros, times the kernel."""
    batch, height, width, channels = images.shape
    height, width = (height - 2) // stride + 1, (width - 2) // stride + 1
    around = padded(images, 1, "zeros")
    last_top, last_left = stride * (height - 1) + 1, stride * (width - 1) + 1
    windows = [
        around[:, top : top + last_top : stride, left : left + last_left : stride]
        for top in range(4)
        for left in range(4)
    ]
    rows = tf.reshape(tf.stack(windows, axis=3), (-1, 16 * channels))
    filters = kernel.shape[-1]
    outputs = tf.matmul(rows, tf.reshape(kernel, (-1, filters)))
    return tf.reshape(outputs, (batch, height, width, filters))


def _product_up(images, kernel):
    """A transposed convolution of 4x4 with stride 2 as one product of matrices."""
    batch, height, width, channels = images.shape
    filters = kernel.shape[2]
    rows = tf.reshape(images, (-1, channels))
    windows = tf.matmul(rows, tf.reshape(kernel, (-1, channels)), transpose_b=True)
    windows = tf.reshape(windows, (batch, height, width, 4, 4, filters))
    tall = _overlapped(tf.unstack(windows, axis=3), axis=1)
    return _overlapped(tf.unstack(tall, axis=3), axis=2)


def _overlapped(parts, axis):
    """Adds up windows of four that are two apart, along one axis of the image.

    Args:
        parts: first to fourth of every window, which begins one before its pixel.
        axis: along which positions become two pixels each.
    """
    p0, p1, p2, p3 = parts
    none, count = tf.zeros_like(tf.gather(p0, [0], axis=axis)), p0.shape[axis]
    later = tf.concat([none, tf.gather(p3, range(count - 1), axis=axis)], axis)
    earlier = tf.concat([tf.gather(p0, range(1, count), axis=axis), none], axis)
    pairs = tf.stack([p1 + later, p2 + earlier], axis=axis + 1)
    shape = [2 * count if at == axis else side for at, side in enumerate(p0.shape)]
    return tf.reshape(pairs, shape)
