"""Checks and small models that several tests share: plain functions."""

import contextlib
import math
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfi2i import networks
from tfi2i.models import CycleGAN, Pix2Pix
from tfi2i.training.backup import Backup, Position
from tfi2i.training.callbacks import Clock, KeepBackup
from tfi2i.training.devices import choose_strategy


def two_devices():
    """The strategy over two logical CPUs, which tests/conftest.py makes."""
    return choose_strategy(2, batch_size=2)


@contextlib.contextmanager
def dtype_policy(name):
    """Makes layers under another precision policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def images(*shape, seed=0):
    """Random images in [-1, 1], float32."""
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def parameters(make_network):
    """Counts a network's trainable and all parameters."""
    # Weights without values: to fill 54 million takes longer than to count them.
    with keras.StatelessScope(initialize_variables=False):
        network = make_network()
    trainable = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    total = network.count_params()
    keras.utils.clear_session(free_memory=False)
    return trainable, total


def numeric_gradient(function, x, step):
    """Central differences of a scalar function of a float64 array."""
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        values = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            values.append(function(moved))
        gradient[index] = (values[0] - values[1]) / (2 * step)
    return gradient


def check_layer(layer, inputs):
    """A layer keeps its word on shapes and dtype, and its config makes it again."""
    outputs = layer(inputs)
    assert outputs.shape == layer.compute_output_shape(inputs.shape)
    assert outputs.dtype == layer.compute_dtype
    any_size = layer.compute_output_shape((None, None, None, inputs.shape[-1]))
    assert any_size == (None, None, None, outputs.shape[-1])
    in_graph = tf.function(layer)(inputs)
    np.testing.assert_allclose(in_graph, outputs, rtol=1e-5, atol=1e-5)
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    again.set_weights(layer.get_weights())
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(again(inputs), outputs)


def check_gradients(network, inputs):
    """Every trainable weight gets a gradient: finite, and not zero everywhere."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(network(inputs, training=True) - 0.3))
    gradients = tape.gradient(loss, [w.value for w in network.trainable_weights])
    for weight, gradient in zip(network.trainable_weights, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        assert np.any(gradient), weight.path


def check_initial_weights(network):
    """N(0, 0.02) kernels, N(1, 0.02) scales, zero offsets; no two layers alike."""
    kernels, scales = [], []
    for weight in network.trainable_weights:
        value = weight.numpy()
        if weight.name == "kernel":
            kernels.append(value)
            check_normal(value, 0.0)
        elif weight.name == "gamma":
            scales.append(value)
        else:
            assert weight.name in ("bias", "beta")
            assert not value.any()
    if scales:
        check_normal(np.concatenate(scales), 1.0)
    firsts = [kernel.ravel()[:8].tobytes() for kernel in kernels]
    assert len(set(firsts)) == len(firsts)


def check_normal(values, mean):
    """Values look drawn from N(mean, 0.02): moments within five standard errors."""
    error = 5 * 0.02 / math.sqrt(values.size)
    assert abs(values.mean() - mean) < error
    assert abs(np.sqrt(np.mean((values - mean) ** 2)) - 0.02) < error


def same_weights(network, other):
    """Whether two networks of one architecture have equal weights, bit for bit."""
    pairs = zip(network.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def tiny_pix2pix(norm="instance", dropout=0.0, **options):
    """A Pix2Pix of a few hundred weights for images of 8 pixels a side or more."""
    conditional = options.get("conditional", True)
    generator = networks.resnet(1, filters=2, norm=norm, dropout=dropout, seed=1)
    discriminator = networks.patchgan(
        6 if conditional else 3, filters=2, num_layers=1, norm=norm, seed=2
    )
    return Pix2Pix(generator, discriminator, **options)


def tiny_cyclegan(norm="instance", dropout=0.0, **options):
    """A CycleGAN of a few hundred weights for images of 8 pixels a side or more."""
    blocks = 1 if dropout else 0
    generators = [
        networks.resnet(blocks, filters=2, norm=norm, dropout=dropout, seed=seed)
        for seed in (1, 2)
    ]
    discriminators = [
        networks.patchgan(3, filters=2, num_layers=1, norm=norm, seed=seed)
        for seed in (3, 4)
    ]
    return CycleGAN(*generators, *discriminators, **{"seed": 5, **options})


def _one_layer(channels, seed, dropout=0.0):
    inputs = keras.Input((None, None, channels))
    x = keras.layers.Dropout(dropout, seed=seed)(inputs) if dropout else inputs
    initializer = keras.initializers.RandomNormal(0.0, 0.1, seed=seed)
    outputs = keras.layers.Conv2D(
        3, 3, padding="same", kernel_initializer=initializer, name=f"conv_{seed}"
    )(x)
    return keras.Model(inputs, keras.layers.Activation("tanh")(outputs))


def least_pix2pix(dropout=0.0, **options):
    """A Pix2Pix of one layer each, for tests of what is around the networks."""
    return Pix2Pix(_one_layer(3, 1, dropout), _one_layer(6, 2), **options)


def least_cyclegan(**options):
    """A CycleGAN of one layer each."""
    layers = [_one_layer(3, seed) for seed in range(1, 5)]
    return CycleGAN(*layers, seed=5, **options)


def state(model):
    """All that a trainer changes: weights, random state, pools, all optimizers."""
    variables = [
        *model.variables,
        *model.optimizer.variables,
        *(variable for pool in model.pools for variable in pool.state().values()),
    ]
    return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]


def check_trainer(make, batch):
    """What every trainer is held to.

    Each player updates its own networks only, by finite gradients for all their
    weights; a `.keras` file goes on to the bit, with all optimizers' slots; so does a
    backup of a fit that was killed; two devices do what one does.

    Args:
        make: without arguments, to the same trainer each time, not compiled. What
            replicas draw or keep for themselves (dropout, batch norm, penalties) is
            left out.
        batch: of two examples, by name.
    """
    _check_players(make, batch)
    with tempfile.TemporaryDirectory() as folder:
        _check_saving(make, batch, Path(folder) / "model.keras")
        _check_backup(make, batch, Path(folder) / "state.npz")
    _check_two_devices(make, batch)


class _Watched(keras.optimizers.SGD):
    """Refuses gradients that are missing or not finite; remembers what it updates."""

    def apply(self, grads, trainable_variables=None):
        self.updated = [variable.path for variable in trainable_variables]
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            assert gradient is not None, variable.path
            assert np.isfinite(gradient).all(), variable.path
        super().apply(grads, trainable_variables)


def _check_players(make, batch):
    for player in make().players:
        model = make()
        rates = [0.1 if other == player else 0.0 for other in model.players]
        model.compile(*map(_Watched, rates), run_eagerly=True)
        before = {name: net.get_weights() for name, net in model.networks.items()}
        losses = model.train_on_batch(batch, return_dict=True)
        assert np.isfinite(list(losses.values())).all()
        for other, optimizer in zip(
            model.players, model.optimizers.values(), strict=True
        ):
            networks = model.networks_of(other)
            weights = [w.path for n in networks for w in n.trainable_weights]
            assert sorted(optimizer.updated) == sorted(weights), other
        for name, network in model.networks.items():
            pairs = zip(network.get_weights(), before[name], strict=True)
            changed = [not np.array_equal(now, then) for now, then in pairs]
            assert any(changed) == (name in model.players[player]), (player, name)


def _batches(model, batch, count):
    """Different mixtures of the examples."""
    first = model.ways[0].input
    for step in range(count):
        mixed = {name: np.roll(value, step, axis=0) for name, value in batch.items()}
        yield {**mixed, first: mixed[first] * np.float32(1 - 0.1 * step)}


def _check_saving(make, batch, path):
    model = make()
    model.compile(run_eagerly=True)
    first, second, *later = _batches(model, batch, 4)
    for mixed in (first, second):
        model.train_on_batch(mixed)
    model.save(path)
    loaded = keras.saving.load_model(path)
    assert loaded.optimizer.iterations.numpy() == 2
    _check_same(model, loaded)
    for mixed in later:
        losses = model.train_on_batch(mixed, return_dict=True)
        assert loaded.train_on_batch(mixed, return_dict=True) == losses
    _check_same(model, loaded)


class _Kill(keras.callbacks.Callback):
    """Ends `fit` as nothing expects it, after some steps."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == self.steps:
            raise KeyboardInterrupt


def _check_backup(make, batch, path):
    def fit(model, last, start=None, means=None):
        start, means = start or Position(0, 0), means or {}
        clock = Clock(4, 1, start)
        options = {"epochs": 1, "minutes": 0.0, "means": means, "flush": int}
        keep = KeepBackup(
            Backup(path), clock, ["image"], should_stop=lambda: False, **options
        )
        batches = list(_batches(model, batch, 4))[start.step :]
        # The kill comes in the step after the last backup.
        callbacks = [clock, _Kill(last), keep]
        stacked = {name: np.stack([b[name] for b in batches]) for name in batch}
        data = tf.data.Dataset.from_tensor_slices(stacked)
        return model.fit(data, callbacks=callbacks, verbose=0).history

    whole, killed, resumed = make(), make(), make()
    for model in (whole, killed, resumed):
        model.compile(run_eagerly=True)
    losses = fit(whole, 5)
    with contextlib.suppress(KeyboardInterrupt):
        fit(killed, 3)
    start, means = Backup(path).restore(resumed, ["image"])
    assert start.step == 2
    assert fit(resumed, 5, start, means) == losses
    _check_same(whole, resumed)


def _check_same(model, other):
    pairs = list(zip(state(model), state(other), strict=True))
    assert len(pairs) > len(model.weights)
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours, theirs)


def _check_two_devices(make, batch):
    results = []
    for strategy in (tf.distribute.get_strategy(), two_devices()):
        with strategy.scope():
            model = make()
            # Adam would enlarge the rounding of gradients that are almost 0.
            model.compile(*(keras.optimizers.SGD(0.01) for _ in model.players))
        data = tf.data.Dataset.from_tensor_slices(batch).repeat(2).batch(2)
        history = model.fit(data, verbose=0).history
        results.append((state(model), history))
    (one, losses), (two, same_losses) = results
    assert losses.keys() == same_losses.keys()
    for name, values in losses.items():
        np.testing.assert_allclose(values, same_losses[name], rtol=1e-5, err_msg=name)
    for ours, theirs in zip(one, two, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
