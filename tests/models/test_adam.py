"""Our Adam against the paper's algorithm in NumPy float64."""

import keras
import numpy as np
import tensorflow as tf

from tfi2i.models import Adam


def _by_hand(weight, gradients, rate, beta_1, beta_2, epsilon):
    """Algorithm 1 of arXiv:1412.6980."""
    mean = square = 0.0
    for step, gradient in enumerate(gradients, 1):
        mean = beta_1 * mean + (1 - beta_1) * gradient
        square = beta_2 * square + (1 - beta_2) * gradient**2
        corrected = np.sqrt(square / (1 - beta_2**step)) + epsilon
        weight = weight - rate * mean / (1 - beta_1**step) / corrected
    return weight


def _gradients(scale):
    generator = np.random.default_rng(0)
    return [scale * generator.normal(size=(3, 4)) for _ in range(5)]


def _updated(scale, variable, optimizer):
    for gradient in _gradients(scale):
        optimizer.apply([tf.constant(gradient, tf.float32)], [variable])
    return variable.numpy()


def test_follows_the_paper_also_where_gradients_vanish():
    start = np.linspace(-1, 1, 12).reshape(3, 4)
    for scale in (1.0, 1e-8):
        variable = keras.Variable(start, dtype="float32")
        ours = _updated(scale, variable, Adam(1e-2, epsilon=1e-8))
        expected = _by_hand(start, _gradients(scale), 1e-2, 0.5, 0.999, 1e-8)
        np.testing.assert_allclose(ours, expected, rtol=0, atol=2e-7)
        assert np.abs(ours - start).max() > 1e-3


def test_scalars_are_made_once_for_all_weights():
    variables = [keras.Variable(np.ones((3, 4)), dtype="float32") for _ in range(3)]
    optimizer = Adam()
    optimizer.build(variables)
    step = tf.function(lambda: optimizer.apply([tf.ones((3, 4))] * 3, variables))
    kinds = [op.type for op in step.get_concrete_function().graph.get_operations()]
    assert kinds.count("ResourceApplyAdam") == 3
    assert kinds.count("Pow") == 2 and kinds.count("Sqrt") == 1


def test_replicas_update_alike():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        variable = keras.Variable(np.ones((3, 4)), dtype="float32")
        optimizer = Adam(1e-2)
        optimizer.build([variable])

    @tf.function
    def step(gradient):
        strategy.run(lambda: optimizer.apply([gradient / 2], [variable]))

    gradients = _gradients(1.0)
    for gradient in gradients:
        step(tf.constant(gradient, tf.float32))
    expected = _by_hand(np.ones((3, 4)), gradients, 1e-2, 0.5, 0.999, 1e-8)
    for copy in variable.value.values:
        np.testing.assert_allclose(copy.numpy(), expected, rtol=0, atol=2e-7)


def test_config_round_trip():
    optimizer = Adam(3e-4, beta_1=0.4, epsilon=1e-6)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(copy) is Adam
    assert copy.get_config() == optimizer.get_config()
