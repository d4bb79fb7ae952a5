"""Winograd's convolution algorithm, which needs fewer multiplications.

The minimal filtering algorithms F(2x2, r x r) of Lavin and Gray, arXiv:1509.09308,
section 4.1: the image is cut into tiles of r + 1 pixels a side that overlap by r - 1
pixels; tiles and kernel are transformed by additions, multiplied, and transformed back.

Multiplications for four outputs:

- 3x3: 16 instead of 36.
- 4x4: 25 instead of 64.
- 4x4 with stride 2: 36 instead of 64. It equals a 2x2 convolution of four times the
  channels, one for each combination of even and odd rows and columns.
- 3x3 with stride 2: 36 as before, but in matrix products.

The result differs from the convolution by rounding: relative to its standard deviation
by less than 1e-5 in float32, 3e-5 for the five points of a dense 4x4.

TensorFlow's CPU libraries have no such kernels. XLA compiles each transform to one pass
over memory; the products are TensorFlow's own.
"""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfi2i.layers.base import compile_with_xla
from tfi2i.layers.padding import pad_images

# Interpolation points by the number of taps; infinity is always one more.
_POINTS = {2: (0, 1), 3: (0, 1, -1), 4: (0, 1, -1, 0.5)}


class Window(NamedTuple):
    """How a kernel moves over images.

    Attributes:
        size: side of the kernel.
        stride: 1 or 2.
        pad: pixels added on each of the four sides first, in the same pass.
        pad_mode: as that of `tfi2i.layers.Conv2D`.
    """

    size: int
    stride: int = 1
    pad: int = 0
    pad_mode: str = "zeros"

    @property
    def taps(self):
        """Side of the kernel that each phase of the image is convolved with."""
        return -(-self.size // self.stride)

    def outputs(self, side):
        """Output pixels of a side of the image."""
        return (side + 2 * self.pad - self.size) // self.stride + 1

    def inputs(self, side):
        """Output pixels of a transposed convolution of a side."""
        return self.stride * (side - 1) + self.size - 2 * self.pad

    def tiles(self, side):
        """Tiles along a side: pairs of output pixels, the last one maybe half empty."""
        return (self.outputs(side) + 1) // 2


def winograd_conv(images, kernel, window):
    """A convolution.

    Args:
        images: float32 `(batch, height, width, channels)`, static shape.
        kernel: float32 `(size, size, channels, filters)`, with 2 to 4 taps.
        window: how the kernel moves.

    Returns:
        float32 `(batch, window.outputs(height), window.outputs(width), filters)`.
    """
    shape = tuple(images.shape)

    @tf.custom_gradient
    def convolve(images, kernel):
        def gradient(upstream):
            # Tiles take four times the memory of the images: neither keep them from the
            # forward pass nor compute them early.
            with tf.control_dependencies([upstream]):
                tiles = _input_forward(images, window)
                transformed = _kernel_forward(kernel, window)
            parts = _output_backward(upstream, shape, window)
            d_kernel = _products(tiles, parts, transpose_a=True)
            # Otherwise lower layers could start while these tiles stay in memory.
            with tf.control_dependencies(d_kernel):
                d_tiles = _products(parts, transformed, transpose_b=True)
            d_images = _input_backward(d_tiles, shape, window)
            return d_images, _kernel_backward(d_kernel, window)

        # Otherwise all kernels could be transformed at once and wait in memory.
        with tf.control_dependencies([images]):
            transformed = _kernel_forward(kernel, window)
        products = _products(_input_forward(images, window), transformed)
        return _output_forward(products, shape, window), gradient

    return convolve(images, kernel)


def winograd_conv_transpose(images, kernel, window):
    """A transposed convolution: the transpose of `winograd_conv`.

    Args:
        images: float32 `(batch, height, width, channels)`, of known shape.
        kernel: float32 `(size, size, filters, channels)`, with 2 to 4 taps.
        window: how the kernel of that convolution moves.

    Returns:
        float32 `(batch, window.inputs(height), window.inputs(width), filters)`.
    """
    batch, height, width, _ = images.shape
    shape = (batch, window.inputs(height), window.inputs(width), kernel.shape[2])

    @tf.custom_gradient
    def convolve(images, kernel):
        def gradient(upstream):
            with tf.control_dependencies([upstream]):
                transformed = _kernel_forward(kernel, window)
                parts = _output_backward(images, shape, window)
            tiles = _input_forward(upstream, window)
            d_kernel = _products(tiles, parts, transpose_a=True)
            with tf.control_dependencies(d_kernel):
                products = _products(tiles, transformed)
            d_images = _output_forward(products, shape, window)
            return d_images, _kernel_backward(d_kernel, window)

        with tf.control_dependencies([images]):
            transformed = _kernel_forward(kernel, window)
        parts = _output_backward(images, shape, window)
        tiles = _products(parts, transformed, transpose_b=True)
        return _input_backward(tiles, shape, window), gradient

    return convolve(images, kernel)


def _products(left, right, **transposed):
    """Several batched matrix products, which is faster than a single one."""
    return [tf.matmul(a, b, **transposed) for a, b in zip(left, right, strict=True)]


@compile_with_xla
def _input_forward(images, window):
    """B^T d B of every tile d, as `taps + 1` times `(taps + 1, tiles, channels)`."""
    _, height, width, _ = images.shape
    rows, columns = window.tiles(height), window.tiles(width)
    phases = _phases(images, window)
    shape = (window.taps + 1, -1, phases.shape[-1])
    return [
        tf.reshape(tf.stack(_transform_tiles(row, 2, columns, window.taps)), shape)
        for row in _transform_tiles(phases, 1, rows, window.taps)
    ]


@compile_with_xla
def _input_backward(tiles, shape, window):
    batch, height, width, _ = shape
    counts = (batch, window.tiles(height), window.tiles(width))
    shape_of_row = (window.taps + 1, *counts, tiles[0].shape[-1])
    rows = [
        _add_tiles(tf.unstack(tf.reshape(row, shape_of_row)), 2, window.taps)
        for row in tiles
    ]
    images = tf.zeros(shape)
    with tf.GradientTape() as tape:
        tape.watch(images)
        phases = _phases(images, window)
    return tape.gradient(phases, images, _add_tiles(rows, 1, window.taps))


@compile_with_xla
def _output_forward(products, shape, window):
    """A^T m A of every tile m."""
    batch, height, width, _ = shape
    counts = (batch, window.tiles(height), window.tiles(width))
    filters = products[0].shape[-1]
    narrow, _, _ = _transforms(window.taps)
    sides = [tf.reshape(row, (window.taps + 1, *counts, filters)) for row in products]
    sides = [tf.stack(_multiply(narrow, tf.unstack(row)), axis=3) for row in sides]
    outputs = tf.stack(_multiply(narrow, sides), axis=2)
    outputs = tf.reshape(outputs, (batch, 2 * counts[1], 2 * counts[2], filters))
    return outputs[:, : window.outputs(height), : window.outputs(width)]


@compile_with_xla
def _output_backward(upstream, shape, window):
    """A y A^T of every pair y of rows and columns, as `_input_forward` has tiles."""
    batch, height, width, _ = shape
    counts = (batch, window.tiles(height), window.tiles(width))
    filters = upstream.shape[-1]
    missing = [
        [0, 2 * count - side]
        for count, side in zip(counts[1:], upstream.shape[1:3], strict=True)
    ]
    pairs = tf.pad(upstream, [[0, 0], *missing, [0, 0]])
    pairs = tf.reshape(pairs, (batch, counts[1], 2, counts[2], 2, filters))
    narrow, _, _ = _transforms(window.taps)
    rows = _multiply(narrow.T, [pairs[:, :, 0], pairs[:, :, 1]])
    rows = [_multiply(narrow.T, [row[:, :, :, 0], row[:, :, :, 1]]) for row in rows]
    return [tf.reshape(tf.stack(row), (window.taps + 1, -1, filters)) for row in rows]


@compile_with_xla
def _kernel_forward(kernel, window):
    """G g G^T, as `taps + 1` times `(taps + 1, channels, filters)`."""
    size, _, channels, filters = kernel.shape
    taps, stride = window.taps, window.stride
    missing = [0, taps * stride - size]
    kernel = tf.pad(kernel, [missing, missing, [0, 0], [0, 0]])
    phases = tf.reshape(kernel, (taps, stride, taps, stride, channels, filters))
    phases = tf.transpose(phases, (0, 2, 1, 3, 4, 5))
    phases = tf.reshape(phases, (taps, taps, stride * stride * channels, filters))
    _, spread, _ = _transforms(taps)
    return [
        tf.stack(_multiply(spread, tf.unstack(row)))
        for row in _multiply(spread, tf.unstack(phases))
    ]


@compile_with_xla
def _kernel_backward(transformed, window):
    taps, stride = window.taps, window.stride
    _, spread, _ = _transforms(taps)
    rows = [tf.stack(_multiply(spread.T, tf.unstack(row))) for row in transformed]
    phases = tf.stack(_multiply(spread.T, rows))
    channels, filters = phases.shape[2] // stride**2, phases.shape[3]
    phases = tf.reshape(phases, (taps, taps, stride, stride, channels, filters))
    kernel = tf.transpose(phases, (0, 2, 1, 3, 4, 5))
    kernel = tf.reshape(kernel, (taps * stride, taps * stride, channels, filters))
    return kernel[: window.size, : window.size]


def _phases(images, window):
    """Images padded to whole tiles; with stride, its phases as channels."""
    _, height, width, _ = images.shape
    padded = pad_images(images, window.pad, window.pad_mode)
    needed = [
        window.stride * (2 * window.tiles(side) + window.taps - 1)
        for side in (height, width)
    ]
    missing = [max(0, n - s) for n, s in zip(needed, padded.shape[1:3], strict=True)]
    padded = tf.pad(padded, [[0, 0], [0, missing[0]], [0, missing[1]], [0, 0]])
    padded = padded[:, : needed[0], : needed[1]]
    if window.stride == 1:
        return padded
    batch, height, width, channels = padded.shape
    stride = window.stride
    height, width = height // stride, width // stride
    phases = tf.reshape(padded, (batch, height, stride, width, stride, channels))
    phases = tf.transpose(phases, (0, 1, 3, 2, 4, 5))
    return tf.reshape(phases, (batch, height, width, stride * stride * channels))


@functools.cache
def _transforms(taps):
    """The matrices A^T, G and B^T of F(2, taps), section 4.1.

    They evaluate two polynomials at points and at infinity and interpolate their
    product; a convolution is the transpose of that.
    """
    points = _POINTS[taps]
    count = len(points) + 1
    narrow = np.array([[1] * len(points) + [0], [*points, 1]], np.float64)
    spread, lagrange = np.zeros((count, taps)), np.zeros((count, count))
    for index, point in enumerate(points):
        others = [other for other in points if other != point]
        scale = np.prod([point - other for other in others])
        spread[index] = [point**power / scale for power in range(taps)]
        lagrange[index, :taps] = np.poly(others)[::-1]
    spread[-1, -1] = 1
    lagrange[-1] = np.poly(points)[::-1]
    return narrow, spread, lagrange


def _multiply(matrix, parts):
    """The product of a constant matrix and a vector of tensors."""
    rows = []
    for factors in matrix:
        terms = [
            part if factor == 1 else float(factor) * part
            for factor, part in zip(factors, parts, strict=True)
            if factor
        ]
        rows.append(functools.reduce(tf.add, terms))
    return rows


def _transform_tiles(images, axis, tiles, taps):
    """B^T of every tile, along one axis of the image."""

    def pixels(first):
        index = [slice(None)] * 4
        index[axis] = slice(first, first + 2 * tiles - 1, 2)
        return images[tuple(index)]

    _, _, lagrange = _transforms(taps)
    return _multiply(lagrange, [pixels(first) for first in range(taps + 1)])


def _add_tiles(tiles, axis, taps):
    """The transpose of `_transform_tiles`: each pixel is the sum over its tiles."""
    _, _, lagrange = _transforms(taps)
    parts = _multiply(lagrange.T, tiles)
    parts += [tf.zeros_like(parts[0])] * (len(parts) % 2)
    count, last = parts[0].shape[axis], len(parts) // 2 - 1
    halves = []
    for half in (0, 1):
        # Parts of even and of odd pixels alternate, each pair shifted by two pixels.
        paddings = [[i, last - i] for i in range(last + 1)]
        halves.append(
            functools.reduce(
                tf.add,
                [
                    tf.pad(part, [pad if at == axis else [0, 0] for at in range(4)])
                    for part, pad in zip(parts[half::2], paddings, strict=True)
                ],
            )
        )
    shape = [
        2 * side if at == axis else side for at, side in enumerate(halves[0].shape)
    ]
    pixels = tf.reshape(tf.stack(halves, axis + 1), shape)
    index = [slice(None)] * 4
    index[axis] = slice(0, 2 * count + taps - 1)
    return pixels[tuple(index)]
