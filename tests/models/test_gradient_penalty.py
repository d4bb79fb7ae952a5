"""Discriminators minimise the penalty that they report, taken at random places."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import images, tiny_cyclegan, tiny_pix2pix
from tfi2i.losses import gradient_penalty

RATE, WEIGHT = 1e-3, 10.0


def _batch():
    return images(2, 16, 16, 3), images(2, 16, 16, 3, seed=1)


def _model(make, weight, rate=RATE, norm="none"):
    model = make(norm, adversarial_loss="wgan-gp", gradient_penalty_weight=weight)
    rates = [keras.optimizers.SGD(0.0), keras.optimizers.SGD(rate)]
    model.compile(*rates, run_eagerly=True)
    return model


def _pix2pix(norm, **options):
    return tiny_pix2pix(norm, seed=5, **options)


def _first(model):
    """The first discriminator that is penalized, with what it judges."""
    a, b = _batch()
    if hasattr(model, "discriminator"):
        pair = [tf.concat([a, x], -1) for x in (b, model.generator(a))]
        return model.discriminator, *pair
    return model.discriminator_a, a, model.generator_ba(b)


@pytest.mark.parametrize("make", [_pix2pix, tiny_cyclegan])
def test_the_step_goes_down_the_penalty(make):
    free, penalized = _model(make, 0.0), _model(make, WEIGHT)
    judge, real, fake = _first(_model(make, WEIGHT))
    start = [w.numpy() for w in judge.trainable_weights]
    for model in (free, penalized):
        losses = model.train_on_batch(*_batch(), return_dict=True)
    moved = [
        w.numpy().astype(np.float64) - v.numpy()
        for w, v in zip(
            _first(penalized)[0].trainable_weights,
            _first(free)[0].trainable_weights,
            strict=True,
        )
    ]
    length = np.sqrt(sum((m**2).sum() for m in moved))
    share = keras.random.uniform((2, 1, 1, 1), seed=keras.random.SeedGenerator(5))

    def penalty(step):
        for weight, value, move in zip(
            judge.trainable_weights, start, moved, strict=True
        ):
            weight.assign(value + step * move / length)
        return float(gradient_penalty(judge, real, fake, share))

    reported = losses.get("d_gp", 2 * losses.get("gp_a", 0.0))
    assert reported == pytest.approx(WEIGHT * penalty(0.0), rel=1e-4)
    # The difference that the penalty made is a step down its gradient.
    slope = (penalty(1e-3) - penalty(-1e-3)) / 2e-3
    assert slope < 0
    assert length == pytest.approx(-slope * RATE * 0.5 * WEIGHT, rel=0.02)


@pytest.mark.parametrize(
    "make", [_pix2pix, pytest.param(tiny_cyclegan, marks=pytest.mark.slow)]
)
def test_places_are_random_in_training_and_fixed_in_evaluation(make):
    # Without a norm the slope of a small critic is the same everywhere.
    model = _model(make, WEIGHT, rate=0.0, norm="instance")
    name = "d_gp" if make is _pix2pix else "gp_a"

    def values(method):
        return {method(*_batch(), return_dict=True)[name] for _ in range(3)}

    assert len(values(model.train_on_batch)) == 3
    assert len(values(model.test_on_batch)) == 1
