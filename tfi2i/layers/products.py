"""Convolutions as one product of matrices."""

import tensorflow as tf

from tfi2i.layers.base import compiled
from tfi2i.layers.padding import padded


def product_down(images, kernel):
    """A convolution of 4x4 with stride 2, padded by a pixel of zeros.

    Args:
        images: `(batch, height, width, channels)`, of known shape, sides even.
        kernel: `(4, 4, channels, filters)`.

    Returns:
        `(batch, height / 2, width / 2, filters)`.
    """
    batch, height, width, channels = images.shape
    around = padded(images, 1, "zeros")
    windows = [
        around[:, top : top + height : 2, left : left + width : 2]
        for top in range(4)
        for left in range(4)
    ]
    rows = tf.reshape(tf.stack(windows, axis=3), (-1, 16 * channels))
    filters = kernel.shape[-1]
    outputs = tf.matmul(rows, tf.reshape(kernel, (-1, filters)))
    return tf.reshape(outputs, (batch, height // 2, width // 2, filters))


def product_up(images, kernel):
    """A transposed convolution of 4x4 with stride 2, cropped by a pixel.

    Args:
        images: `(batch, height, width, channels)`, of known shape.
        kernel: `(4, 4, filters, channels)`.

    Returns:
        `(batch, 2 height, 2 width, filters)`.
    """
    batch, height, width, channels = images.shape
    filters = kernel.shape[2]
    rows = tf.reshape(images, (-1, channels))
    windows = tf.matmul(rows, tf.reshape(kernel, (-1, channels)), transpose_b=True)
    windows = tf.reshape(windows, (batch, height, width, 4, 4, filters))
    tall = _overlapped(tf.unstack(windows, axis=3), axis=1)
    return _overlapped(tf.unstack(tall, axis=3), axis=2)


def product_narrow(images, kernel, pad=0, pad_mode="zeros"):
    """A convolution with stride 1 to a few filters.

    What every pixel gives to the windows that it is in is one product of matrices,
    which is then added up. Padding is not kept for the gradients, but made again.

    Args:
        images: `(batch, height, width, channels)`, of known shape.
        kernel: `(size, size, channels, filters)`.
        pad: pixels put around the images first.
        pad_mode: as that of `tfi2i.layers.Conv2D`.

    Returns:
        `(batch, height + 2 pad - size + 1, width + 2 pad - size + 1, filters)`.
    """
    batch, height, width, channels = images.shape
    size, filters = kernel.shape[0], kernel.shape[-1]
    shape = (batch, height + 2 * pad, width + 2 * pad, size, size, filters)

    @tf.custom_gradient
    def convolved(images, kernel):
        def gradient(upstream):
            with tf.control_dependencies([upstream]):
                again = tf.identity(images)
            with tf.GradientTape() as tape:
                tape.watch(again)
                around = padded(again, pad, pad_mode)
            given = tf.reshape(_windows_of(upstream, size), (-1, size * size * filters))
            rows = tf.reshape(around, (-1, channels))
            of_columns = tf.matmul(rows, given, transpose_a=True)
            of_rows = tf.matmul(given, _columns(kernel), transpose_b=True)
            of_images = tape.gradient(around, again, tf.reshape(of_rows, around.shape))
            of_kernel = tf.reshape(of_columns, (channels, size, size, filters))
            return of_images, tf.transpose(of_kernel, (1, 2, 0, 3))

        rows = tf.reshape(padded(images, pad, pad_mode), (-1, channels))
        given = tf.matmul(rows, _columns(kernel))
        return _added_up(tf.reshape(given, shape)), gradient

    return convolved(images, kernel)


def _columns(kernel):
    """`(channels, size * size * filters)`."""
    return tf.reshape(tf.transpose(kernel, (2, 0, 1, 3)), (kernel.shape[2], -1))


@compiled
def _added_up(given):
    """Adds up what pixels gave to each window, columns first."""
    _, height, width, size, _, _ = given.shape
    height, width = height - size + 1, width - size + 1
    rows = tf.add_n([given[:, :, i : i + width, :, i] for i in range(size)])
    return tf.add_n([rows[:, i : i + height, :, i] for i in range(size)])


def _windows_of(upstream, size):
    """To each pixel, from each window that it is in: the gradient of `_added_up`."""
    last = size - 1
    around = padded(upstream, last, "zeros")
    height, width = around.shape[1] - last, around.shape[2] - last
    rows = tf.stack(
        [around[:, :, last - i : last - i + width] for i in range(size)], axis=3
    )
    return tf.stack(
        [rows[:, last - i : last - i + height] for i in range(size)], axis=3
    )


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
