"""Convolutions as one matrix product (GEMM)."""

import tensorflow as tf

from tfi2i.layers.base import compile_with_xla
from tfi2i.layers.padding import pad_images


def im2col_conv(images, kernel):
    """A 4x4 convolution with stride 2, padded by one pixel of zeros.

    The pixels of each window become one row (im2col), times the kernel as a matrix.

    Args:
        images: `(batch, height, width, channels)`, static shape, sides even.
        kernel: `(4, 4, channels, filters)`.

    Returns:
        `(batch, height / 2, width / 2, filters)`.
    """
    batch, height, width, channels = images.shape
    padded = pad_images(images, 1, "zeros")
    windows = [
        padded[:, top : top + height : 2, left : left + width : 2]
        for top in range(4)
        for left in range(4)
    ]
    rows = tf.reshape(tf.stack(windows, axis=3), (-1, 16 * channels))
    filters = kernel.shape[-1]
    outputs = tf.matmul(rows, tf.reshape(kernel, (-1, filters)))
    return tf.reshape(outputs, (batch, height // 2, width // 2, filters))


def col2im_conv_transpose(images, kernel):
    """A 4x4 transposed convolution with stride 2, cropped by one pixel.

    The matrix product gives each pixel's 4x4 window; overlapping windows are added
    (col2im).

    Args:
        images: `(batch, height, width, channels)`, static shape.
        kernel: `(4, 4, filters, channels)`.

    Returns:
        `(batch, 2 height, 2 width, filters)`.
    """
    batch, height, width, channels = images.shape
    filters = kernel.shape[2]
    rows = tf.reshape(images, (-1, channels))
    windows = tf.matmul(rows, tf.reshape(kernel, (-1, channels)), transpose_b=True)
    windows = tf.reshape(windows, (batch, height, width, 4, 4, filters))
    tall = _add_overlapping(tf.unstack(windows, axis=3), axis=1)
    return _add_overlapping(tf.unstack(tall, axis=3), axis=2)


def kn2row_conv(images, kernel, pad=0, pad_mode="zeros"):
    """A convolution with stride 1 to a few filters.

    One matrix product of all pixels with all positions of the kernel; the products are
    then shifted and added (kn2row, Vasudevan et al., arXiv:1704.04428). The gradient
    pads the images again instead of keeping them padded.

    Args:
        images: `(batch, height, width, channels)`, static shape.
        kernel: `(size, size, channels, filters)`.
        pad: pixels added on each of the four sides first.
        pad_mode: as that of `tfi2i.layers.Conv2D`.

    Returns:
        `(batch, height + 2 pad - size + 1, width + 2 pad - size + 1, filters)`.
    """
    batch, height, width, channels = images.shape
    size, filters = kernel.shape[0], kernel.shape[-1]
    shape = (batch, height + 2 * pad, width + 2 * pad, size, size, filters)

    @tf.custom_gradient
    def convolve(images, kernel):
        def gradient(upstream):
            with tf.control_dependencies([upstream]):
                copy = tf.identity(images)
            with tf.GradientTape() as tape:
                tape.watch(copy)
                padded = pad_images(copy, pad, pad_mode)
            d_products = _shifted_copies(upstream, size)
            d_products = tf.reshape(d_products, (-1, size * size * filters))
            rows = tf.reshape(padded, (-1, channels))
            d_matrix = tf.matmul(rows, d_products, transpose_a=True)
            d_rows = tf.matmul(d_products, _kernel_matrix(kernel), transpose_b=True)
            d_images = tape.gradient(padded, copy, tf.reshape(d_rows, padded.shape))
            d_kernel = tf.reshape(d_matrix, (channels, size, size, filters))
            return d_images, tf.transpose(d_kernel, (1, 2, 0, 3))

        rows = tf.reshape(pad_images(images, pad, pad_mode), (-1, channels))
        products = tf.matmul(rows, _kernel_matrix(kernel))
        return _shift_and_add(tf.reshape(products, shape)), gradient

    return convolve(images, kernel)


def _kernel_matrix(kernel):
    """The kernel as `(channels, size * size * filters)`."""
    return tf.reshape(tf.transpose(kernel, (2, 0, 1, 3)), (kernel.shape[2], -1))


@compile_with_xla
def _shift_and_add(products):
    """Adds each window's products of its pixels, columns first."""
    _, height, width, size, _, _ = products.shape
    height, width = height - size + 1, width - size + 1
    rows = tf.add_n([products[:, :, i : i + width, :, i] for i in range(size)])
    return tf.add_n([rows[:, i : i + height, :, i] for i in range(size)])


def _shifted_copies(upstream, size):
    """The gradient of `_shift_and_add`: each pixel gets that of all its windows."""
    last = size - 1
    padded = pad_images(upstream, last, "zeros")
    height, width = padded.shape[1] - last, padded.shape[2] - last
    rows = tf.stack(
        [padded[:, :, last - i : last - i + width] for i in range(size)], axis=3
    )
    return tf.stack(
        [rows[:, last - i : last - i + height] for i in range(size)], axis=3
    )


def _add_overlapping(parts, axis):
    """Adds windows of four pixels that are two pixels apart, along one axis.

    Args:
        parts: the first to fourth pixel of every window; the first lies outside the two
            pixels that the window's position becomes.
        axis: of the image.
    """
    p0, p1, p2, p3 = parts
    zeros, count = tf.zeros_like(tf.gather(p0, [0], axis=axis)), p0.shape[axis]
    later = tf.concat([zeros, tf.gather(p3, range(count - 1), axis=axis)], axis)
    earlier = tf.concat([tf.gather(p0, range(1, count), axis=axis), zeros], axis)
    pairs = tf.stack([p1 + later, p2 + earlier], axis=axis + 1)
    shape = [2 * count if at == axis else side for at, side in enumerate(p0.shape)]
    return tf.reshape(pairs, shape)
