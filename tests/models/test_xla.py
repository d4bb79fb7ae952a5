"""Steps that XLA compiles against plain ones."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import dtype_policy, images, tiny_cyclegan, tiny_pix2pix, two_devices


def _trained(make, options, strategy, jit_compile):
    """Losses and weights after two steps; without dropout."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = make(**options)
        optimizers = [keras.optimizers.SGD(0.01) for _ in range(2)]
        model.compile(*optimizers, jit_compile=jit_compile)
    pairs = images(4, 16, 16, 3), images(4, 16, 16, 3, seed=1)
    data = tf.data.Dataset.from_tensor_slices(pairs).batch(2, drop_remainder=True)
    losses = model.fit(data, verbose=0).history
    return losses, [weight.numpy() for weight in model.weights]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "options", "devices"),
    [
        (tiny_pix2pix, {}, 1),
        pytest.param(tiny_pix2pix, {"norm": "batch"}, 2, marks=pytest.mark.slow),
        pytest.param(tiny_cyclegan, {"pool_size": 2}, 1, marks=pytest.mark.slow),
        pytest.param(tiny_cyclegan, {}, 2, marks=pytest.mark.slow),
    ],
)
def test_a_compiled_step_is_the_plain_one(make, options, devices):
    strategy = two_devices() if devices == 2 else tf.distribute.get_strategy()
    plain = _trained(make, options, strategy, jit_compile=False)
    compiled = _trained(make, options, strategy, jit_compile=True)
    for name, values in plain[0].items():
        assert compiled[0][name] == pytest.approx(values, rel=1e-6), name
    for expected, found in zip(plain[1], compiled[1], strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_a_mirrored_strategy_of_one_device():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    losses, _ = _trained(tiny_pix2pix, {}, strategy, jit_compile=True)
    expected, _ = _trained(
        tiny_pix2pix, {}, tf.distribute.get_strategy(), jit_compile=False
    )
    for name, values in expected.items():
        assert losses[name] == pytest.approx(values, rel=1e-6), name


def test_the_choice_is_saved(tmp_path):
    model = tiny_pix2pix()
    model.compile(jit_compile=True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.get_compile_config() == model.get_compile_config()
    assert again.get_compile_config()["jit_compile"] is True


@pytest.mark.slow
def test_losses_are_scaled_within():
    pair = images(2, 16, 16, 3), images(2, 16, 16, 3, seed=1)
    losses, weights = {}, {}
    with dtype_policy("mixed_float16"):
        for jit_compile in (False, True):
            model = tiny_pix2pix()
            kernel = model.generator.trainable_weights[0]
            before = kernel.numpy()
            optimizers = [
                keras.optimizers.LossScaleOptimizer(
                    keras.optimizers.SGD(0.01), initial_scale=16.0
                )
                for _ in range(2)
            ]
            model.compile(*optimizers, jit_compile=jit_compile)
            losses[jit_compile] = model.train_on_batch(*pair, return_dict=True)
            weights[jit_compile] = kernel.numpy()
    assert losses[True] == pytest.approx(losses[False], rel=2e-3)
    assert np.abs(weights[False] - before).max() > 0.05
    np.testing.assert_allclose(weights[True], weights[False], rtol=0, atol=1e-3)
