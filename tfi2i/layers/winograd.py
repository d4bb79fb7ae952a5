"""3x3 convolutions with 16 multiplications for four outputs where there were 36.

The minimal filtering algorithm F(2x2, 3x3) of Lavin and Gray, arXiv:1509.09308, section
4.1: the image is cut into tiles of 4x4 that overlap by two, tiles and kernel are
transformed by additions, multiplied, and transformed back. The result is the
convolution's but for rounding, about 1e-5 of its deviation in float32.

TensorFlow's libraries for CPUs have no such kernel. The transforms are compiled by XLA,
which makes one pass over memory of each; the products are TensorFlow's own.
"""

import functools

import tensorflow as tf

from tfi2i.layers.padding import padded


def winograd_conv(images, kernel, pad=0, pad_mode="zeros"):
    """Convolves with stride 1.

    Args:
        images: float32 `(batch, height, width, channels)`, of known shape, height and
            width even and above 2 once they are padded.
        kernel: float32 `(3, 3, channels, filters)`.
        pad: pixels put around the images first, which takes no pass of its own.
        pad_mode: as that of `tfi2i.layers.Conv2D`.

    Returns:
        float32 `(batch, height + 2 pad - 2, width + 2 pad - 2, filters)`.
    """
    border = (pad, pad_mode)

    @tf.custom_gradient
    def convolved(images, kernel):
        # Kernels could all be transformed at the start, and would wait for their
        # images.
        with tf.control_dependencies([images]):
            transformed = _kernel_forward(kernel)
        products = _products(_input_forward(images, border), transformed)
        gradient = functools.partial(_gradients, images, kernel, border)
        return _output_forward(products, images, border), gradient

    return convolved(images, kernel)


def _gradients(images, kernel, border, upstream):
    # Kept from the way forward, or made before it is needed, tiles would be four times
    # the images.
    with tf.control_dependencies([upstream]):
        tiles, transformed = _input_forward(images, border), _kernel_forward(kernel)
    upstream = _output_backward(upstream)
    of_kernel = _products(tiles, upstream, transpose_a=True)
    # Else layers below could start, and these tiles would wait in memory.
    with tf.control_dependencies(of_kernel):
        of_tiles = _products(upstream, transformed, transpose_b=True)
    return _input_backward(of_tiles, images, border), _kernel_backward(of_kernel)


def _products(left, right, **transposed):
    """Four products of four matrices each: faster made than one of sixteen."""
    return [tf.matmul(a, b, **transposed) for a, b in zip(left, right, strict=True)]


def _compiled(function):
    return tf.function(function, jit_compile=True, autograph=False)


@_compiled
def _input_forward(images, border):
    """B^T d B of every tile d, as four times `(4, tiles, channels)`."""
    channels = images.shape[-1]
    return [
        tf.reshape(tf.stack(_spread(row, 2)), (4, -1, channels))
        for row in _spread(padded(images, *border), 1)
    ]


@_compiled
def _input_backward(tiles, images, border):
    with tf.GradientTape() as tape:
        tape.watch(images)
        around = padded(images, *border)
    batch, height, width, channels = around.shape
    shape = (4, batch, height // 2 - 1, width // 2 - 1, channels)
    rows = [_gather(tf.unstack(tf.reshape(row, shape)), 2) for row in tiles]
    return tape.gradient(around, images, _gather(rows, 1))


@_compiled
def _output_forward(products, images, border):
    """A^T m A of every tile m."""
    batch, height, width, _ = images.shape
    height, width = height + 2 * border[0], width + 2 * border[0]
    shape = (4, batch, height // 2 - 1, width // 2 - 1, products[0].shape[-1])
    sides = [
        tf.stack(_narrow(*tf.unstack(tf.reshape(row, shape))), axis=3)
        for row in products
    ]
    outputs = tf.stack(_narrow(*sides), axis=2)
    return tf.reshape(outputs, (batch, height - 2, width - 2, shape[-1]))


@_compiled
def _output_backward(upstream):
    batch, height, width, filters = upstream.shape
    tiles = tf.reshape(upstream, (batch, height // 2, 2, width // 2, 2, filters))
    rows = _widen(tiles[:, :, 0], tiles[:, :, 1])
    return [
        tf.reshape(tf.stack(_widen(row[:, :, :, 0], row[:, :, :, 1])), (4, -1, filters))
        for row in rows
    ]


@_compiled
def _kernel_forward(kernel):
    """G g G^T, as four times `(4, channels, filters)`."""
    rows = _spread_kernel(*tf.unstack(kernel))
    return [tf.stack(_spread_kernel(*tf.unstack(row))) for row in rows]


@_compiled
def _kernel_backward(transformed):
    rows = [tf.stack(_gather_kernel(*tf.unstack(row))) for row in transformed]
    return tf.stack(_gather_kernel(*rows))


def _spread(images, axis):
    """B^T: the differences of what lies two apart, along one axis of the image."""
    count = images.shape[axis]

    def every_second(first, last):
        index = [slice(None)] * 4
        index[axis] = slice(first, last, 2)
        return images[tuple(index)]

    d0, d1 = every_second(0, count - 2), every_second(1, count - 2)
    d2, d3 = every_second(2, count), every_second(3, count)
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3


def _gather(tiles, axis):
    """B: adds up what every pixel gave to the tiles it is in."""
    t0, t1, t2, t3 = tiles
    even = _before(t0, axis) + _after(t1 + t2 - t0, axis)
    odd = _before(t1 - t2 + t3, axis) + _after(-t3, axis)
    shape = [2 * side if at == axis else side for at, side in enumerate(even.shape)]
    return tf.reshape(tf.stack([even, odd], axis + 1), shape)


def _before(tiles, axis):
    return tf.pad(tiles, [[0, int(at == axis)] for at in range(4)])


def _after(tiles, axis):
    return tf.pad(tiles, [[int(at == axis), 0] for at in range(4)])


def _narrow(m0, m1, m2, m3):
    """A^T."""
    return m0 + m1 + m2, m1 - m2 - m3


def _widen(y0, y1):
    """A."""
    return y0, y0 + y1, y0 - y1, -y1


def _spread_kernel(g0, g1, g2):
    """G."""
    return g0, 0.5 * (g0 + g1 + g2), 0.5 * (g0 - g1 + g2), g2


def _gather_kernel(u0, u1, u2, u3):
    """G^T."""
    return u0 + 0.5 * (u1 + u2), 0.5 * (u1 - u2), 0.5 * (u1 + u2) + u3
