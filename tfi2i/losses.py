"""Adversarial and reconstruction losses: pure functions of tensors.

Every loss is a float32 scalar, this replica's mean over batch and patches; the
trainer divides it by the number of replicas.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


def vanilla_loss(scores, is_real):
    """Cross-entropy of raw scores with "real" or "fake", averaged over patches.

    `mean(-log(sigmoid(s)))` for real, `mean(-log(1 - sigmoid(s)))` for fake. As the
    generator's loss, with `is_real=True` on fake scores, it is the non-saturating
    one.

    Args:
        scores: float tensor of any shape, in (-inf, inf), no sigmoid applied.
        is_real: what the scores should say.

    Returns:
        Scalar >= 0.

    Source: Goodfellow et al., arXiv:1406.2661, section 3; pix2pix section 3.3.
    """
    scores = tf.cast(scores, tf.float32)
    return tf.reduce_mean(tf.math.softplus(-scores if is_real else scores))


def lsgan_loss(scores, is_real):
    """Squared distance of raw scores from 1 (real) or 0 (fake), over patches.

    Args:
        scores: float tensor of any shape, in (-inf, inf), no sigmoid applied.
        is_real: what the scores should say.

    Returns:
        Scalar >= 0.

    Source: Mao et al., arXiv:1611.04076, equation 9; CycleGAN section 4.
    """
    scores = tf.cast(scores, tf.float32)
    return tf.reduce_mean(tf.square(scores - (1.0 if is_real else 0.0)))


class AdversarialLoss(NamedTuple):
    """What generator and discriminator minimise, as functions of raw scores."""

    generator: Callable
    """From `fake_scores` to a scalar."""
    discriminator: Callable
    """From `real_scores, fake_scores` to two scalars, `d_real` and `d_fake`."""


def _pair(loss):
    return AdversarialLoss(
        generator=lambda fake: loss(fake, is_real=True),
        discriminator=lambda real, fake: (
            loss(real, is_real=True),
            loss(fake, is_real=False),
        ),
    )


ADVERSARIAL_LOSSES = {"vanilla": _pair(vanilla_loss), "lsgan": _pair(lsgan_loss)}


def l1_loss(target, output):
    """Mean absolute difference of two tensors of one shape: a scalar >= 0.

    Images in [-1, 1] give at most 2. Source: pix2pix section 3.1, equation 3.
    """
    return tf.reduce_mean(tf.abs(_difference(target, output)))


def l2_loss(target, output):
    """Mean squared difference of two tensors of one shape: a scalar >= 0.

    Images in [-1, 1] give at most 4. Source: Pathak et al., arXiv:1604.07379,
    equation 1, which pix2pix section 3.1 compares with L1.
    """
    return tf.reduce_mean(tf.square(_difference(target, output)))


def _difference(target, output):
    target, output = tf.convert_to_tensor(target), tf.convert_to_tensor(output)
    if not target.shape.is_compatible_with(output.shape):
        raise ValueError(
            f"Target and output must have one shape. Received {target.shape} and "
            f"{output.shape}: is out_channels of the generator that of the target?"
        )
    return tf.cast(target, tf.float32) - tf.cast(output, tf.float32)
