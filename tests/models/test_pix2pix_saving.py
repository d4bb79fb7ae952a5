"""A saved Pix2Pix goes on as if it had never been saved."""

import json

import keras
import numpy as np
import pytest

from tests.checks import images, state, tiny_pix2pix
from tfi2i import networks
from tfi2i.models import Adam, Pix2Pix
from tfi2i.models.schedules import ConstantThenLinear


def _step(model, seed):
    real_a, real_b = (
        images(2, 16, 16, 3, seed=seed),
        images(2, 16, 16, 3, seed=seed + 9),
    )
    return model.train_on_batch(real_a, real_b, return_dict=True)


def _assert_same(model, other):
    pairs = list(zip(state(model), state(other), strict=True))
    assert pairs
    for ours, theirs in pairs:
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def _written(config):
    """As a file holds it: shapes become lists."""
    return json.loads(json.dumps(config))


def _compile(model, optimizers):
    if optimizers == "schedule":
        model.compile(
            Adam(ConstantThenLinear(1e-3, 1, 3, steps_per_epoch=1)),
            keras.optimizers.SGD(1e-3, momentum=0.9),
        )
    else:
        model.compile(
            *(keras.optimizers.LossScaleOptimizer(Adam(), 64.0) for _ in range(2))
        )


@pytest.mark.slow
@pytest.mark.parametrize("optimizers", ["schedule", "loss scale"])
def test_goes_on_bit_for_bit(tmp_path, optimizers):
    model = tiny_pix2pix("batch", dropout=0.5)
    _compile(model, optimizers)
    for seed in (1, 2):
        _step(model, seed)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    _assert_same(model, loaded)
    assert loaded.generator_optimizer.iterations.numpy() == 2
    for seed in (3, 4):
        assert _step(model, seed) == _step(loaded, seed)
    _assert_same(model, loaded)


def test_random_state_is_saved():
    # What the test above rests on: dropout moves on, and its state is in the file.
    model = tiny_pix2pix(dropout=0.5)
    model.compile(run_eagerly=True)
    (before,) = [variable.numpy() for variable in model.random_state()]
    _step(model, 1)
    (after,) = [variable.numpy() for variable in model.random_state()]
    assert np.any(before != after)


def test_two_networks_with_dropout_keep_their_states(tmp_path):
    generator = networks.unet(7, filters=1, seed=0)
    model = Pix2Pix(generator, networks.patchgan(6, filters=1, num_layers=1))
    model.compile()
    image = images(1, 128, 128, 3)
    model.generator(image, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert len(loaded.random_state()) == 2
    expected = model.generator(image, training=True)
    np.testing.assert_array_equal(loaded.generator(image, training=True), expected)


@pytest.mark.parametrize(
    "options",
    [
        dict(adversarial_loss="lsgan", gan_weight=0.5, l1_weight=3.0, l2_weight=2.0),
        dict(conditional=False),
        dict(gan_weight=0.0),
    ],
    ids=str,
)
def test_options_survive(tmp_path, options):
    model = tiny_pix2pix(**options)
    model.compile(Adam(1e-3, beta_1=0.9), Adam(2e-3), run_eagerly=True)
    _step(model, 1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, Pix2Pix)
    assert _written(loaded.get_config()) == _written(model.get_config())
    assert loaded.get_compile_config() == model.get_compile_config()
    _assert_same(model, loaded)
    assert _step(model, 2) == _step(loaded, 2)


def test_config_round_trip():
    model = tiny_pix2pix("batch", dropout=0.5, l2_weight=2.0, name="facades")
    config = _written(keras.saving.serialize_keras_object(model))
    again = keras.saving.deserialize_keras_object(config)
    assert not again.compiled
    assert again.name == "facades"
    assert _written(again.get_config()) == _written(model.get_config())
    again.set_weights(model.get_weights())
    image = images(2, 16, 16, 3)
    np.testing.assert_array_equal(again(image), model(image))


def test_weights_file_keeps_the_weights_and_random_state(tmp_path):
    model = tiny_pix2pix("batch", dropout=0.5)
    model.compile(run_eagerly=True)
    _step(model, 1)
    model.save_weights(tmp_path / "model.weights.h5")
    other = tiny_pix2pix("batch", dropout=0.5)
    other.compile()
    other.load_weights(tmp_path / "model.weights.h5")
    _assert_same(model, other)


def test_generator_alone_is_an_ordinary_keras_model(tmp_path):
    model = tiny_pix2pix("batch", dropout=0.5)
    model.generator.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    image = images(2, 16, 16, 3)
    np.testing.assert_array_equal(loaded(image), model(image))
