"""Adversarial and reconstruction losses: pure functions of tensors.

Every loss is a float32 scalar: the mean over the batch of one replica and its patches.
The trainer divides it by the number of replicas.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


def vanilla_loss(scores: tf.Tensor, is_real: bool) -> tf.Tensor:
    """Mean cross-entropy of raw scores with "real" or "fake".

    `mean(-log(sigmoid(s)))` for real, `mean(-log(1 - sigmoid(s)))` for fake. With
    `is_real=True` on fake scores it is the non-saturating loss of the generator.

    Args:
        scores: float tensor of any shape, in (-inf, inf), without a sigmoid.
        is_real: whether the scores should be those of real images.

    Returns:
        Scalar >= 0.

    Source: Goodfellow et al., arXiv:1406.2661, section 3; pix2pix section 3.3.
    """
    scores = tf.cast(scores, tf.float32)
    return tf.reduce_mean(tf.math.softplus(-scores if is_real else scores))


def lsgan_loss(scores: tf.Tensor, is_real: bool) -> tf.Tensor:
    """Mean squared distance of raw scores from 1 (real) or 0 (fake).

    Args:
        scores: float tensor of any shape, in (-inf, inf), without a sigmoid.
        is_real: whether the scores should be those of real images.

    Returns:
        Scalar >= 0.

    Source: Mao et al., arXiv:1611.04076, equation 9; CycleGAN section 4.
    """
    scores = tf.cast(scores, tf.float32)
    return tf.reduce_mean(tf.square(scores - (1.0 if is_real else 0.0)))


def hinge_loss(scores: tf.Tensor, is_real: bool) -> tf.Tensor:
    """Hinge loss of the discriminator, with margins at 1 (real) and -1 (fake).

    `mean(max(0, 1 - s))` for real, `mean(max(0, 1 + s))` for fake. The generator
    minimizes `critic_loss` then.

    Args:
        scores: float tensor of any shape, in (-inf, inf), without a sigmoid.
        is_real: whether the scores should be those of real images.

    Returns:
        Scalar >= 0.

    Source: Lim and Ye, arXiv:1705.02894, section 3; Miyato et al.,
    arXiv:1802.05957, equations 16 and 17.
    """
    scores = tf.cast(scores, tf.float32)
    return tf.reduce_mean(tf.nn.relu(1.0 - scores if is_real else 1.0 + scores))


def critic_loss(scores: tf.Tensor, is_real: bool) -> tf.Tensor:
    """Mean score, negated for real: the critic's loss of the Wasserstein GAN.

    Args:
        scores: float tensor of any shape, in (-inf, inf).
        is_real: whether the scores should be those of real images.

    Returns:
        Scalar in (-inf, inf).

    Source: Arjovsky et al., arXiv:1701.07875, algorithm 1.
    """
    mean = tf.reduce_mean(tf.cast(scores, tf.float32))
    return -mean if is_real else mean


def gradient_penalty(
    judge: Callable[[tf.Tensor], tf.Tensor],
    real: tf.Tensor,
    fake: tf.Tensor,
    share: tf.Tensor,
) -> tf.Tensor:
    """Mean squared distance of the critic's gradient norm from 1, between images.

    `mean((|d sum(judge(x)) / dx| - 1)**2)` over the batch, at
    `x = share * real + (1 - share) * fake`.

    Args:
        judge: function from images to raw scores; those of all patches are summed.
        real: float tensor `(batch, height, width, channels)`.
        fake: of the same shape.
        share: float tensor `(batch, 1, 1, 1)` in [0, 1], the weight of `real`.

    Returns:
        Scalar >= 0.

    Source: Gulrajani et al., arXiv:1704.00028, equation 3.
    """
    between = share * real + (1.0 - share) * fake
    with tf.GradientTape() as tape:
        tape.watch(between)
        scores = tf.cast(judge(between), tf.float32)
    gradient = tf.cast(tape.gradient(scores, between), tf.float32)
    # The root has no finite slope at 0; 1e-16 is the reference's epsilon.
    norms = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=(1, 2, 3)) + 1e-16)
    return tf.reduce_mean(tf.square(norms - 1.0))


class AdversarialLoss(NamedTuple):
    """What generator and discriminator minimize, as functions of raw scores."""

    generator: Callable[[tf.Tensor], tf.Tensor]
    """From `fake_scores` to a scalar."""
    discriminator: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    """From `real_scores, fake_scores` to two scalars, `d_real` and `d_fake`."""
    boundary: float | None
    """Score above which an image counts as real; None: the loss has none."""
    is_penalized: bool = False
    """Whether the discriminator minimizes `gradient_penalty`, too."""


def _adversarial(
    generator: Callable[..., tf.Tensor],
    discriminator: Callable[..., tf.Tensor],
    boundary: float | None,
    is_penalized: bool = False,
) -> AdversarialLoss:
    return AdversarialLoss(
        generator=lambda fake: generator(fake, is_real=True),
        discriminator=lambda real, fake: (
            discriminator(real, is_real=True),
            discriminator(fake, is_real=False),
        ),
        boundary=boundary,
        is_penalized=is_penalized,
    )


ADVERSARIAL_LOSSES = {
    "vanilla": _adversarial(vanilla_loss, vanilla_loss, boundary=0.0),
    "lsgan": _adversarial(lsgan_loss, lsgan_loss, boundary=0.5),
    "hinge": _adversarial(critic_loss, hinge_loss, boundary=0.0),
    "wgan-gp": _adversarial(critic_loss, critic_loss, boundary=None, is_penalized=True),
}


def l1_loss(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference of two tensors of one shape: a scalar >= 0.

    Images in [-1, 1] give at most 2. Source: pix2pix section 3.1, equation 3.
    """
    return tf.reduce_mean(tf.abs(_difference(target, output)))


def l2_loss(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Mean squared difference of two tensors of one shape: a scalar >= 0.

    Images in [-1, 1] give at most 4. Source: Pathak et al., arXiv:1604.07379,
    equation 1, which pix2pix section 3.1 compares with L1.
    """
    return tf.reduce_mean(tf.square(_difference(target, output)))


def _difference(target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    target, output = tf.convert_to_tensor(target), tf.convert_to_tensor(output)
    if not target.shape.is_compatible_with(output.shape):
        raise ValueError(
            f"Target and output must have one shape. Received {target.shape} and "
            f"{output.shape}: is out_channels of the generator that of the target?"
        )
    return tf.cast(target, tf.float32) - tf.cast(output, tf.float32)
