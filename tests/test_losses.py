"""Losses against NumPy in float64."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checks import images, numeric_gradient
from tfi2i.losses import (
    ADVERSARIAL_LOSSES,
    critic_loss,
    gradient_penalty,
    hinge_loss,
    l1_loss,
    l2_loss,
    lsgan_loss,
    vanilla_loss,
)

SCORES = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=4),
    elements=st.floats(-30, 30, width=32),
)


@given(scores=SCORES)
@settings(max_examples=50, deadline=None)
def test_vanilla_is_cross_entropy(scores):
    exact = scores.astype(np.float64)
    real = -np.log(1 / (1 + np.exp(-exact))).mean()
    fake = np.log1p(np.exp(exact)).mean()
    assert float(vanilla_loss(scores, True)) == pytest.approx(real, rel=1e-5, abs=1e-6)
    assert float(vanilla_loss(scores, False)) == pytest.approx(fake, rel=1e-5, abs=1e-6)


@given(scores=SCORES)
@settings(max_examples=50, deadline=None)
def test_lsgan_is_a_squared_distance(scores):
    exact = scores.astype(np.float64)
    assert float(lsgan_loss(scores, True)) == pytest.approx(
        ((exact - 1) ** 2).mean(), 1e-5
    )
    assert float(lsgan_loss(scores, False)) == pytest.approx((exact**2).mean(), 1e-5)


@given(scores=SCORES)
@settings(max_examples=50, deadline=None)
def test_hinge_and_critic(scores):
    exact = scores.astype(np.float64)
    real = np.where(exact < 1, 1 - exact, 0).mean()
    fake = np.where(exact > -1, 1 + exact, 0).mean()
    assert float(hinge_loss(scores, True)) == pytest.approx(real, 1e-5, 1e-5)
    assert float(hinge_loss(scores, False)) == pytest.approx(fake, 1e-5, 1e-5)
    assert float(critic_loss(scores, True)) == pytest.approx(-exact.mean(), 1e-4, 1e-5)
    assert float(critic_loss(scores, False)) == pytest.approx(exact.mean(), 1e-4, 1e-5)


def test_gradient_penalty_is_that_of_numeric_gradients():
    # A critic with a gradient that differs from place to place, scoring four patches.
    weights = np.random.default_rng(0).normal(0, 1, (4, 3))

    def judge(x):
        x = x[:, :2, :2, 0].reshape(-1, 4) if isinstance(x, np.ndarray) else x
        if isinstance(x, np.ndarray):
            return np.sin(x @ weights)
        flat = tf.reshape(x[:, :2, :2, 0], (-1, 4))
        return tf.sin(flat @ tf.constant(weights, tf.float32))

    real, fake = images(2, 2, 2, 1), images(2, 2, 2, 1, seed=1)
    share = np.float32([0.25, 0.75]).reshape(2, 1, 1, 1)
    between = np.float64(share) * real + (1 - np.float64(share)) * fake
    norms = []
    for image in between:
        gradient = numeric_gradient(lambda x: judge(x[None]).sum(), image.copy(), 1e-6)
        norms.append(np.sqrt((gradient**2).sum()))
    expected = np.mean((np.array(norms) - 1) ** 2)
    penalty = gradient_penalty(judge, tf.constant(real), tf.constant(fake), share)
    assert float(penalty) == pytest.approx(expected, rel=1e-4)
    assert expected > 0.01


def test_by_hand():
    zeros = np.zeros((2, 3, 5, 1), np.float32)
    assert float(vanilla_loss(zeros, True)) == pytest.approx(np.log(2))
    assert lsgan_loss(zeros, True) == 1
    scores = np.float32([[np.log(3), -np.log(3)]])  # probabilities 3/4 and 1/4
    expected = -(np.log(0.75) + np.log(0.25)) / 2
    assert float(vanilla_loss(scores, True)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("size", [100.0, 1e4, 1e30])
def test_vanilla_is_stable(size):
    assert float(vanilla_loss(tf.constant([size]), False)) == pytest.approx(size)
    assert float(vanilla_loss(tf.constant([-size]), True)) == pytest.approx(size)
    assert float(vanilla_loss(tf.constant([size]), True)) == pytest.approx(0)
    assert float(vanilla_loss(tf.constant([-size]), False)) == pytest.approx(0)


def test_generator_learns_from_a_discriminator_that_is_sure():
    # The saturating form would have a gradient of nearly zero here.
    scores = tf.constant([-50.0, -80.0])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        loss = ADVERSARIAL_LOSSES["vanilla"].generator(scores)
    np.testing.assert_allclose(tape.gradient(loss, scores), [-0.5, -0.5])


@pytest.mark.parametrize("name", list(ADVERSARIAL_LOSSES))
def test_pairs_say_what_is_real(name):
    # High scores mean real: each player's loss is smaller where it gets its way.
    loss = ADVERSARIAL_LOSSES[name]
    high, low = tf.fill((1, 2, 2, 1), 1.0), tf.fill((1, 2, 2, 1), -0.5)
    assert loss.generator(high) < loss.generator(low)
    right = loss.discriminator(high, low)
    wrong = loss.discriminator(low, high)
    assert right[0] < wrong[0]
    assert right[1] < wrong[1]
    d_real, d_fake = loss.discriminator(high, low)
    assert float(d_real) == pytest.approx(
        {"vanilla": np.log1p(np.exp(-1)), "lsgan": 0, "hinge": 0, "wgan-gp": -1}[name]
    )
    expected = {
        "vanilla": np.log1p(np.exp(-0.5)),
        "lsgan": 0.25,
        "hinge": 0.5,
        "wgan-gp": -0.5,
    }
    assert float(d_fake) == pytest.approx(expected[name])
    # Hinge stops at its margin for the discriminator only.
    wanted = {
        "vanilla": (np.log1p(np.exp(-1)), np.log1p(np.exp(0.5))),
        "lsgan": (0, 2.25),
        "hinge": (-1, 0.5),
        "wgan-gp": (-1, 0.5),
    }
    for scores, value in zip((high, low), wanted[name], strict=True):
        assert float(loss.generator(scores)) == pytest.approx(value)


@pytest.mark.parametrize("loss", [vanilla_loss, lsgan_loss])
def test_float16_scores_give_float32(loss):
    value = loss(tf.constant([60000.0, -60000.0], tf.float16), True)
    assert value.dtype == tf.float32
    assert np.isfinite(value)


def test_reconstruction_equals_numpy():
    target, output = images(2, 5, 3, 3), images(2, 5, 3, 3, seed=1)
    gap = target.astype(np.float64) - output
    assert float(l1_loss(target, output)) == pytest.approx(np.abs(gap).mean(), 1e-5)
    assert float(l2_loss(target, output)) == pytest.approx((gap**2).mean(), 1e-5)


def test_reconstruction_of_black_as_white():
    white = tf.ones((1, 4, 4, 3))
    assert l1_loss(white, -white) == 2
    assert l2_loss(white, -white) == 4
    assert l1_loss(white, white) == l2_loss(white, white) == 0


@pytest.mark.parametrize("loss", [l1_loss, l2_loss])
def test_reconstruction_in_float16_gives_float32(loss):
    value = loss(tf.ones((1, 2, 2, 3)), tf.ones((1, 2, 2, 3), tf.float16))
    assert value.dtype == tf.float32


@pytest.mark.parametrize("loss", [l1_loss, l2_loss])
def test_reconstruction_needs_one_shape(loss):
    # Would broadcast otherwise.
    colour, grey = tf.zeros((2, 4, 4, 3)), tf.zeros((2, 4, 4, 1))
    with pytest.raises(ValueError, match=r"\(2, 4, 4, 3\) and \(2, 4, 4, 1\).*out_ch"):
        loss(colour, grey)
