"""Numbers about images: pure functions of two batches in [-1, 1]."""

import tensorflow as tf


def l1(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference of each image, on a scale of 0 to 1.

    Args:
        target: float tensor `(batch, height, width, channels)` in [-1, 1].
        output: of the same shape and range.

    Returns:
        float32 tensor `(batch,)`: 0 for equal images, 1 for black against white.
    """
    return tf.reduce_mean(tf.abs(target - output), axis=[1, 2, 3]) / 2


def psnr(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Peak signal-to-noise ratio of each image in decibels.

    Args:
        target: float tensor `(batch, height, width, channels)` in [-1, 1].
        output: of the same shape and range.

    Returns:
        float32 tensor `(batch,)`; infinite for equal images.
    """
    return tf.image.psnr(target, output, max_val=2.0)


def ssim(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Structural similarity of each image, averaged over its channels.

    Gaussian window of 11 pixels with a standard deviation of 1.5, K1 = 0.01, K2 =
    0.03, no padding.

    Args:
        target: float tensor `(batch, height, width, channels)` in [-1, 1], at least
            11 pixels a side.
        output: of the same shape and range.

    Returns:
        float32 tensor `(batch,)` in [-1, 1]: 1 for equal images.

    Source: Wang et al., IEEE Transactions on Image Processing 13(4), 2004.
    """
    # Its constants are those of a data range that starts at 0.
    return tf.image.ssim((target + 1) / 2, (output + 1) / 2, max_val=1.0)
