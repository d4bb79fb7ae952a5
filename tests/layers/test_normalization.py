"""Normalization against NumPy in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checks import check_layer, dtype_policy, numeric_gradient
from tfi2i.layers import BatchNormalization, InstanceNormalization


def _normal(*shape, mean=0.0, deviation=1.0, seed=0):
    x = np.random.default_rng(seed).normal(mean, deviation, shape)
    return x.astype(np.float32)


def _instance_norm(x, gamma=1.0, beta=0.0):
    x = np.asarray(x, np.float64)
    mean = x.mean(axis=(1, 2), keepdims=True)
    return (x - mean) / np.sqrt(x.var(axis=(1, 2), keepdims=True) + 1e-5) * gamma + beta


class TestInstanceNormalization:
    @pytest.mark.parametrize("affine", [False, True])
    def test_equals_numpy(self, affine):
        x = _normal(3, 7, 12, 5, mean=2.0, deviation=[0.5, 1, 10, 1, 1])
        layer = InstanceNormalization(affine=affine)
        layer.build(x.shape)
        gamma, beta = 1.0, 0.0
        if affine:
            gamma, beta = np.linspace(-2, 2, 5), np.linspace(3, -1, 5)
            layer.set_weights([gamma, beta])
        expected = _instance_norm(x, gamma, beta)
        for training in (False, True):
            outputs = layer(x, training=training)
            np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-5)

    @pytest.mark.parametrize("training", [False, True])
    def test_gradients_are_central_differences(self, training):
        x, weights = _normal(2, 3, 4, 2), _normal(2, 3, 4, 2, seed=1)
        gamma, beta = np.array([1.5, -0.7]), np.array([0.2, 0.1])
        layer = InstanceNormalization(affine=True)
        layer.build(x.shape)
        layer.set_weights([gamma, beta])
        inputs = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(weights * layer(inputs, training=training) ** 2)
        sources = [inputs, layer.gamma.value, layer.beta.value]

        def function(x, gamma=gamma, beta=beta):
            return np.sum(weights * _instance_norm(x, gamma, beta) ** 2)

        expected = [
            numeric_gradient(function, x.astype(np.float64), 1e-5),
            numeric_gradient(lambda gamma: function(x, gamma), gamma, 1e-5),
            numeric_gradient(lambda beta: function(x, gamma, beta), beta, 1e-5),
        ]
        for ours, numeric in zip(tape.gradient(loss, sources), expected, strict=True):
            np.testing.assert_allclose(ours, numeric, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("training", [False, True])
    @pytest.mark.parametrize("wrap", [lambda f: f, tf.function])
    def test_second_gradients_are_central_differences(self, wrap, training):
        # As a gradient penalty takes them: the gradient of a gradient's norm.
        x, weights = _normal(1, 2, 3, 2), _normal(1, 2, 3, 2, seed=1)
        layer = InstanceNormalization()

        @wrap
        def ours(inputs):
            with tf.GradientTape() as outer:
                outer.watch(inputs)
                with tf.GradientTape() as inner:
                    inner.watch(inputs)
                    outputs = layer(inputs, training=training)
                    loss = tf.reduce_sum(weights * outputs**2)
                norm = tf.norm(inner.gradient(loss, inputs))
            return outer.gradient(norm, inputs)

        def function(x):
            return np.sum(weights * _instance_norm(x) ** 2)

        expected = numeric_gradient(
            lambda x: np.linalg.norm(numeric_gradient(function, x, 1e-4)),
            x.astype(np.float64),
            1e-3,
        )
        np.testing.assert_allclose(ours(tf.constant(x)), expected, rtol=1e-3, atol=1e-3)

    @pytest.mark.parametrize("affine", [False, True])
    def test_large_float16_activations(self, affine):
        signs = np.random.default_rng(0).choice([-1, 1], (2, 8, 8, 3))
        x = tf.constant(60000 * signs, tf.float16)
        with dtype_policy("mixed_float16"):
            layer = InstanceNormalization(affine=affine, seed=3)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        assert y.dtype == tf.float16
        assert np.isfinite(tape.gradient(y, x)).all()
        gamma = layer.gamma.numpy() if affine else 1.0
        np.testing.assert_allclose(y, _instance_norm(x, gamma), rtol=2e-3, atol=2e-3)
        assert all(weight.dtype == "float32" for weight in layer.weights)

    def test_statistics_are_float32(self):
        # In float16 the sum would overflow, and the squares be off by a quarter.
        x = 2000 + np.random.default_rng(0).integers(0, 4, (1, 32, 32, 2))
        with dtype_policy("mixed_float16"):
            y = InstanceNormalization()(tf.constant(x, tf.float16))
        np.testing.assert_allclose(y, _instance_norm(x), rtol=2e-3, atol=2e-3)

    @given(
        scale=st.floats(0.5, 50),
        shift=st.floats(-10, 10),
        seed=st.integers(0, 1000),
    )
    @settings(max_examples=25, deadline=None)
    def test_ignores_scale_and_shift_of_a_channel(self, scale, shift, seed):
        x = _normal(2, 5, 4, 3, seed=seed)
        changed = x * np.float32([scale, 1, 1]) + np.float32([0, shift, 0])
        layer = InstanceNormalization()
        np.testing.assert_allclose(layer(changed), layer(x), rtol=0, atol=5e-4)

    @pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
    @pytest.mark.parametrize("affine", [False, True])
    def test_is_a_good_layer(self, affine, policy):
        with dtype_policy(policy):
            layer = InstanceNormalization(affine=affine, epsilon=1e-3, seed=7)
        check_layer(layer, _normal(2, 4, 6, 3))

    def test_scale_starts_as_the_reference_s(self):
        layer = InstanceNormalization(affine=True, seed=1)
        layer.build((None, 4, 4, 4000))
        assert layer.gamma.numpy().mean() == pytest.approx(1, abs=2e-3)
        assert layer.gamma.numpy().std() == pytest.approx(0.02, rel=0.05)
        assert not layer.beta.numpy().any()

    def test_bad_epsilon(self):
        with pytest.raises(ValueError, match="above 0. Received epsilon=0"):
            InstanceNormalization(epsilon=0)


class TestBatchNormalization:
    def test_training_equals_numpy(self):
        batches = [_normal(3, 4, 6, 2, mean=5.0, seed=seed) for seed in (0, 1)]
        gamma, beta = np.array([0.5, -2.0]), np.array([1.0, 3.0])
        layer = BatchNormalization()
        layer.build(batches[0].shape)
        layer.set_weights([gamma, beta, np.zeros(2), np.ones(2)])
        moving_mean, moving_variance = np.zeros(2), np.ones(2)
        for batch in batches:
            x = batch.astype(np.float64)
            mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
            expected = (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta
            y = layer(batch, training=True)
            np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5)
            unbiased = x.var(axis=(0, 1, 2), ddof=1)
            moving_mean = 0.9 * moving_mean + 0.1 * mean
            moving_variance = 0.9 * moving_variance + 0.1 * unbiased
        np.testing.assert_allclose(layer.moving_mean, moving_mean, rtol=1e-5)
        np.testing.assert_allclose(layer.moving_variance, moving_variance, rtol=1e-5)

    def test_stored_statistics(self):
        x = _normal(2, 4, 3, 2)
        gamma, beta = np.array([0.5, -2.0]), np.array([1.0, 3.0])
        mean, variance = np.array([0.3, -4.0]), np.array([0.1, 9.0])
        layer = BatchNormalization(statistics="stored")
        layer.build(x.shape)
        layer.set_weights([gamma, beta, mean, variance])
        expected = (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta
        np.testing.assert_allclose(layer(x, training=False), expected, atol=1e-5)
        np.testing.assert_array_equal(layer(x), layer(x, training=False))

    def test_image_statistics(self):
        means = np.arange(3).reshape(3, 1, 1, 1)
        x = _normal(3, 4, 6, 2, mean=means, deviation=[1.0, 5.0])
        gamma, beta = np.array([0.5, -2.0]), np.array([1.0, 3.0])
        layer = BatchNormalization(statistics="image")
        layer.build(x.shape)
        layer.set_weights([gamma, beta, np.full(2, 0.3), np.full(2, 5.0)])
        before = layer.get_weights()
        y = layer(x, training=False)
        np.testing.assert_allclose(y, _instance_norm(x, gamma, beta), rtol=0, atol=1e-5)
        one_by_one = np.concatenate([layer(x[i : i + 1]) for i in range(3)])
        np.testing.assert_allclose(y, one_by_one, rtol=0, atol=1e-6)
        for value, old in zip(layer.get_weights(), before, strict=True):
            np.testing.assert_array_equal(value, old)

    def test_image_statistics_are_those_of_training_with_one_image(self):
        x = _normal(1, 6, 5, 3, mean=1.0)
        layer = BatchNormalization(statistics="image")
        inference = layer(x, training=False)
        np.testing.assert_allclose(layer(x, training=True), inference, atol=1e-5)

    def test_frozen_layer_keeps_its_statistics(self):
        layer = BatchNormalization(trainable=False)
        x = _normal(2, 4, 4, 2, mean=3.0)
        np.testing.assert_allclose(layer(x, training=True), x / np.sqrt(1 + 1e-5), 1e-5)
        np.testing.assert_array_equal(layer.moving_mean, [0, 0])

    @pytest.mark.parametrize("statistics", ["stored", "image"])
    @pytest.mark.parametrize(("scale", "center"), [(False, True), (True, False)])
    def test_without_scale_or_offset(self, statistics, scale, center):
        x = _normal(1, 5, 4, 2, mean=1.0)
        layer = BatchNormalization(
            statistics,
            scale=scale,
            center=center,
            gamma_initializer=keras.initializers.Constant(3.0),
            beta_initializer=keras.initializers.Constant(7.0),
        )
        expected = _instance_norm(x, 3.0 if scale else 1.0, 7.0 if center else 0.0)
        np.testing.assert_allclose(layer(x, training=True), expected, atol=2e-5)
        if statistics == "image":
            np.testing.assert_allclose(layer(x), expected, atol=2e-5)
        assert len(layer.trainable_weights) == 1
        check_layer(layer, x)

    @pytest.mark.parametrize("statistics", ["stored", "image"])
    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
    def test_mixed_precision(self, statistics, policy):
        # 60000 squared is beyond float16.
        signs = np.random.default_rng(0).choice([-1, 1], (1, 8, 8, 3))
        with dtype_policy(policy):
            layer = BatchNormalization(statistics)
        x = tf.constant(60000 * signs, layer.compute_dtype)
        for training in (True, False):
            y = layer(x, training=training)
            assert y.dtype == layer.compute_dtype
            assert np.isfinite(tf.cast(y, tf.float32)).all()
            if training or statistics == "image":
                expected = _instance_norm(tf.cast(x, tf.float64))
                tolerance = 2e-3 if policy == "mixed_float16" else 1e-2
                np.testing.assert_allclose(
                    tf.cast(y, tf.float64), expected, atol=tolerance
                )
        assert all(weight.dtype == "float32" for weight in layer.weights)
        variance = 0.9 + 0.1 * np.var(x.numpy().astype(np.float64), (0, 1, 2), ddof=1)
        np.testing.assert_allclose(layer.moving_variance, variance, rtol=1e-4)

    @pytest.mark.parametrize("statistics", ["stored", "image"])
    def test_is_a_good_layer(self, statistics):
        layer = BatchNormalization(statistics, momentum=0.8, epsilon=1e-3)
        check_layer(layer, _normal(2, 4, 6, 3))

    def test_unknown_statistics(self):
        with pytest.raises(ValueError, match='must be "stored" or "image".*"batch"'):
            BatchNormalization("batch")


@pytest.mark.parametrize("value", [0.1, -0.7, 1234.567])
def test_a_map_of_one_value_becomes_exactly_0(value):
    """Else rounding, enlarged by each norm, would decide what a network paints."""
    image = np.full((1, 37, 61, 2), value, np.float32)
    for layer in (InstanceNormalization(), BatchNormalization("image")):
        assert not np.any(layer(image, training=False))
