"""Convolutions with fewer multiplications: 16 for four outputs of 3x3, not 36.

The minimal filtering algorithms F(2x2, r x r) of Lavin and Gray, arXiv:1509.09308,
section 4.1: the image is cut into tiles of r + 1 pixels a side that overlap by r - 1,
tiles and kernel are transformed by additions, multiplied, and transformed back. A
convolution of 4x4 needs 25 multiplications where there were 64. One of 4x4 with stride
2 is one of 2x2 on an image of four times the channels, the pixels of every second row
and column, and needs 36 where there were 64. One of 3x3 with stride 2 needs 36 as
before, but in products of matrices. The result is the convolution's but for rounding:
of its deviation less than 1e-5 in float32, 3e-5 for the five points of a dense 4x4.

TensorFlow's libraries for CPUs have no such kernels. The transforms are compiled by
XLA, which makes one pass over memory of each; the products are TensorFlow's own.
"""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfi2i.layers.base import compiled
from tfi2i.layers.padding import padded

# Where polynomials are multiplied, but for infinity, by the number of taps.
_POINTS = {2: (0, 1), 3: (0, 1, -1), 4: (0, 1, -1, 0.5)}


class Window(NamedTuple):
    """How a kernel moves over images.

    Attributes:
        size: side of the kernel.
        stride: 1 or 2.
        pad: pixels put around the images first, which takes no pass of its own.
        pad_mode: as that of `tfi2i.layers.Conv2D`.
    """

    size: int
    stride: int = 1
    pad: int = 0
    pad_mode: str = "zeros"

    @property
    def taps(self):
        """Side of the kernel that every phase of the image meets."""
        return -(-self.size // self.stride)

    def outputs(self, side):
        """Pixels that a side of the image becomes."""
        return (side + 2 * self.pad - self.size) // self.stride + 1

    def inputs(self, side):
        """Pixels that a transposed convolution makes of a side."""
        return self.stride * (side - 1) + self.size - 2 * self.pad

    def tiles(self, side):
        """Pairs of them, the last of which may be half outside."""
        return (self.outputs(side) + 1) // 2


def winograd_conv(images, kernel, window):
    """Convolves.

    Args:
        images: float32 `(batch, height, width, channels)`, of known shape.
        kernel: float32 `(size, size, channels, filters)`, with 2 to 4 taps.
        window: how the kernel moves.

    Returns:
        float32 `(batch, window.outputs(height), window.outputs(width), filters)`.
    """
    shape = tuple(images.shape)

    @tf.custom_gradient
    def convolved(images, kernel):
        def gradient(upstream):
            # Kept from the way forward, or made before it is needed, tiles would be
            # four times the images.
            with tf.control_dependencies([upstream]):
                tiles = _input_forward(images, window)
                transformed = _kernel_forward(kernel, window)
            parts = _output_backward(upstream, shape, window)
            of_kernel = _products(tiles, parts, transpose_a=True)
            # Else layers below could start, and these tiles would wait in memory.
            with tf.control_dependencies(of_kernel):
                of_tiles = _products(parts, transformed, transpose_b=True)
            of_images = _input_backward(of_tiles, shape, window)
            return of_images, _kernel_backward(of_kernel, window)

        # Kernels could all be transformed at the start, and would wait for their
        # images.
        with tf.control_dependencies([images]):
            transformed = _kernel_forward(kernel, window)
        products = _products(_input_forward(images, window), transformed)
        return _output_forward(products, shape, window), gradient

    return convolved(images, kernel)


def winograd_conv_transpose(images, kernel, window):
    """The transpose of `winograd_conv`: from its outputs' shape to its images'.

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
    def convolved(images, kernel):
        def gradient(upstream):
            with tf.control_dependencies([upstream]):
                transformed = _kernel_forward(kernel, window)
                parts = _output_backward(images, shape, window)
            tiles = _input_forward(upstream, window)
            of_kernel = _products(tiles, parts, transpose_a=True)
            with tf.control_dependencies(of_kernel):
                products = _products(tiles, transformed)
            of_images = _output_forward(products, shape, window)
            return of_images, _kernel_backward(of_kernel, window)

        with tf.control_dependencies([images]):
            transformed = _kernel_forward(kernel, window)
        parts = _output_backward(images, shape, window)
        tiles = _products(parts, transformed, transpose_b=True)
        return _input_backward(tiles, shape, window), gradient

    return convolved(images, kernel)


def _products(left, right, **transposed):
    """A few products of as many matrices each: faster made than one of all."""
    return [tf.matmul(a, b, **transposed) for a, b in zip(left, right, strict=True)]


@compiled
def _input_forward(images, window):
    """B^T d B of every tile d, as `taps + 1` times `(taps + 1, tiles, channels)`."""
    _, height, width, _ = images.shape
    phases = _phases(images, window)
    shape = (window.taps + 1, -1, phases.shape[-1])
    return [
        tf.reshape(tf.stack(_spread(row, 2, window.tiles(width), window.taps)), shape)
        for row in _spread(phases, 1, window.tiles(height), window.taps)
    ]


@compiled
def _input_backward(tiles, shape, window):
    batch, height, width, _ = shape
    counts = (batch, window.tiles(height), window.tiles(width))
    shape_of_row = (window.taps + 1, *counts, tiles[0].shape[-1])
    rows = [
        _gather(tf.unstack(tf.reshape(row, shape_of_row)), 2, window.taps)
        for row in tiles
    ]
    images = tf.zeros(shape)
    with tf.GradientTape() as tape:
        tape.watch(images)
        phases = _phases(images, window)
    return tape.gradient(phases, images, _gather(rows, 1, window.taps))


@compiled
def _output_forward(products, shape, window):
    """A^T m A of every tile m."""
    batch, height, width, _ = shape
    counts = (batch, window.tiles(height), window.tiles(width))
    filters = products[0].shape[-1]
    narrow, _, _ = _transforms(window.taps)
    sides = [tf.reshape(row, (window.taps + 1, *counts, filters)) for row in products]
    sides = [tf.stack(_combined(narrow, tf.unstack(row)), axis=3) for row in sides]
    outputs = tf.stack(_combined(narrow, sides), axis=2)
    outputs = tf.reshape(outputs, (batch, 2 * counts[1], 2 * counts[2], filters))
    return outputs[:, : window.outputs(height), : window.outputs(width)]


@compiled
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
    rows = _combined(narrow.T, [pairs[:, :, 0], pairs[:, :, 1]])
    rows = [_combined(narrow.T, [row[:, :, :, 0], row[:, :, :, 1]]) for row in rows]
    return [tf.reshape(tf.stack(row), (window.taps + 1, -1, filters)) for row in rows]


@compiled
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
        tf.stack(_combined(spread, tf.unstack(row)))
        for row in _combined(spread, tf.unstack(phases))
    ]


@compiled
def _kernel_backward(transformed, window):
    taps, stride = window.taps, window.stride
    _, spread, _ = _transforms(taps)
    rows = [tf.stack(_combined(spread.T, tf.unstack(row))) for row in transformed]
    phases = tf.stack(_combined(spread.T, rows))
    channels, filters = phases.shape[2] // stride**2, phases.shape[3]
    phases = tf.reshape(phases, (taps, taps, stride, stride, channels, filters))
    kernel = tf.transpose(phases, (0, 2, 1, 3, 4, 5))
    kernel = tf.reshape(kernel, (taps * stride, taps * stride, channels, filters))
    return kernel[: window.size, : window.size]


def _phases(images, window):
    """Padded images, enough for whole tiles; pixels that `stride` divides together."""
    _, height, width, _ = images.shape
    around = padded(images, window.pad, window.pad_mode)
    needed = [
        window.stride * (2 * window.tiles(side) + window.taps - 1)
        for side in (height, width)
    ]
    missing = [max(0, n - s) for n, s in zip(needed, around.shape[1:3], strict=True)]
    around = tf.pad(around, [[0, 0], [0, missing[0]], [0, missing[1]], [0, 0]])
    around = around[:, : needed[0], : needed[1]]
    if window.stride == 1:
        return around
    batch, height, width, channels = around.shape
    stride = window.stride
    height, width = height // stride, width // stride
    phases = tf.reshape(around, (batch, height, stride, width, stride, channels))
    phases = tf.transpose(phases, (0, 1, 3, 2, 4, 5))
    return tf.reshape(phases, (batch, height, width, stride * stride * channels))


@functools.cache
def _transforms(taps):
    """A^T, G and B^T of F(2, taps): values at points, and what is made of them.

    Two polynomials are multiplied by their values at points and at infinity; a
    convolution is that transposed (section 4.1).
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


def _combined(matrix, parts):
    """A matrix of constants times a vector of tensors."""
    rows = []
    for factors in matrix:
        terms = [
            part if factor == 1 else float(factor) * part
            for factor, part in zip(factors, parts, strict=True)
            if factor
        ]
        rows.append(functools.reduce(tf.add, terms))
    return rows


def _spread(images, axis, tiles, taps):
    """B^T of every tile, along one axis of the image."""

    def pixels(first):
        index = [slice(None)] * 4
        index[axis] = slice(first, first + 2 * tiles - 1, 2)
        return images[tuple(index)]

    _, _, lagrange = _transforms(taps)
    return _combined(lagrange, [pixels(first) for first in range(taps + 1)])


def _gather(tiles, axis, taps):
    """B: adds up what every pixel gave to the tiles it is in."""
    _, _, lagrange = _transforms(taps)
    parts = _combined(lagrange.T, tiles)
    parts += [tf.zeros_like(parts[0])] * (len(parts) % 2)
    count, last = parts[0].shape[axis], len(parts) // 2 - 1
    halves = []
    for half in (0, 1):
        # Every second part is that of even pixels, a pair further in each.
        around = [[i, last - i] for i in range(last + 1)]
        halves.append(
            functools.reduce(
                tf.add,
                [
                    tf.pad(part, [pad if at == axis else [0, 0] for at in range(4)])
                    for part, pad in zip(parts[half::2], around, strict=True)
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
