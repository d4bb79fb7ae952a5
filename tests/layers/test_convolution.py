"""Fast convolutions against Keras' own, forward and backward."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import dtype_policy, images
from tfi2i import layers
from tfi2i.layers import convolution
from tfi2i.layers.winograd import winograd_conv

# Layer, arguments, shape of the input, way that is taken.
SMALL_MAPS = {"kernel_size": 4, "strides": 2, "padding": "same"}
CASES = [
    ("Conv2D", SMALL_MAPS, (1, 2, 2, 5), "_product_down"),
    ("Conv2D", SMALL_MAPS, (2, 4, 8, 6), "_product_down"),
    ("Conv2D", SMALL_MAPS, (2, 16, 16, 4), None),
    ("Conv2D", SMALL_MAPS, (1, 3, 4, 4), None),
    ("Conv2D", {"kernel_size": 3}, (1, 18, 18, 256), "winograd_conv"),
    ("Conv2D", {"kernel_size": 3}, (2, 26, 10, 256), "winograd_conv"),
    ("Conv2D", {"kernel_size": 3}, (1, 34, 33, 256), None),
    ("Conv2D", {"kernel_size": 3}, (1, 34, 34, 16), None),
    ("Conv2D", {"kernel_size": 3, "dilation_rate": 2}, (1, 34, 34, 256), None),
    ("Conv2D", {"kernel_size": 3, "groups": 2}, (1, 34, 34, 256), None),
    ("Conv2DTranspose", SMALL_MAPS, (1, 1, 1, 5), "_product_up"),
    ("Conv2DTranspose", SMALL_MAPS, (2, 2, 4, 6), "_product_up"),
    ("Conv2DTranspose", SMALL_MAPS, (2, 8, 8, 6), None),
]


def _pair(name, options, shape, filters):
    """Ours and Keras' layer of the same random weights."""
    pair = [
        getattr(module, name)(filters, **options) for module in (layers, keras.layers)
    ]
    for layer in pair:
        layer.build(shape)
    draw = np.random.default_rng(0)
    weights = [draw.normal(size=value.shape) for value in pair[0].get_weights()]
    for layer in pair:
        layer.set_weights(weights)
    return pair


def _with_gradients(layer, x, upstream, training):
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x, training=training)
        loss = tf.reduce_sum(outputs * upstream)
    return outputs, *tape.gradient(loss, [x, *layer.trainable_weights])


def _ways(monkeypatch):
    taken = []
    for name in ("_product_down", "_product_dense", "_product_up", "winograd_conv"):
        way = getattr(convolution, name)

        def told(*args, name=name, way=way, **options):
            taken.append(name)
            return way(*args, **options)

        monkeypatch.setattr(convolution, name, told)
    return taken


@pytest.mark.parametrize(("name", "options", "shape", "way"), CASES)
def test_equals_keras_in_training(name, options, shape, way, monkeypatch):
    taken = _ways(monkeypatch)
    filters = 256 if shape[-1] == 256 else 6
    ours, theirs = _pair(name, options, shape, filters)
    x = tf.constant(images(*shape))
    upstream = images(*theirs.compute_output_shape(shape), seed=1)
    found = _with_gradients(ours, x, upstream, training=True)
    assert taken == [way] * (way is not None)
    expected = _with_gradients(theirs, x, upstream, training=True)
    for mine, its in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, its, rtol=0, atol=2e-5 * np.std(its))


ZEROS = keras.layers.ZeroPadding2D
REFLECTION = layers.ReflectionPadding2D


@pytest.mark.parametrize(
    ("options", "shape", "padding", "way"),
    [
        ({"kernel_size": 4}, (2, 9, 12, 128), ZEROS(1), "_product_dense"),
        ({"kernel_size": 4}, (2, 9, 12, 128), REFLECTION(1), None),
        ({"kernel_size": 4}, (1, 4, 4, 8), ZEROS(1), None),
        ({"kernel_size": 4, "strides": 2}, (1, 8, 8, 8), ZEROS(1), None),
        ({"kernel_size": 3}, (2, 16, 18, 128), ZEROS(1), "winograd_conv"),
        ({"kernel_size": 3}, (2, 16, 18, 128), REFLECTION(1), "winograd_conv"),
        ({"kernel_size": 7, "use_bias": False}, (1, 9, 8, 3), REFLECTION(3), None),
    ],
)
def test_pads_as_a_layer_before_it_would(options, shape, padding, way, monkeypatch):
    taken = _ways(monkeypatch)
    reflects = isinstance(padding, REFLECTION)
    pad = padding.padding if reflects else padding.padding[0][0]
    mode = "reflect" if reflects else "zeros"
    ours = layers.Conv2D(128, pad=pad, pad_mode=mode, **options)
    theirs = keras.Sequential([padding, keras.layers.Conv2D(128, **options)])
    ours.build(shape)
    theirs.build(shape)
    theirs.set_weights(ours.get_weights())
    x = tf.constant(images(*shape))
    np.testing.assert_array_equal(ours(x), theirs(x))
    assert ours.compute_output_shape(shape) == theirs.compute_output_shape(shape)
    assert ours.compute_output_shape((None, None, None, shape[-1]))[1:3] == (None, None)
    upstream = images(*theirs.compute_output_shape(shape), seed=1)
    found = _with_gradients(ours, x, upstream, training=True)
    assert set(taken) == ({way} if way else set())
    expected = _with_gradients(theirs, x, upstream, training=True)
    for mine, its in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, its, rtol=0, atol=2e-5 * np.std(its))
    again = layers.Conv2D.from_config(ours.get_config())
    assert (again.pad, again.pad_mode) == (pad, mode)


def test_what_is_padded_is_not_kept_for_the_gradients():
    layer = layers.Conv2D(4, 3, pad=1, pad_mode="reflect")
    layer.build((1, 8, 8, 2))

    @tf.function
    def step(x):
        return _with_gradients(layer, x, 1.0, training=True)

    graph = step.get_concrete_function(tf.constant(images(1, 8, 8, 2))).graph
    operations = graph.get_operations()
    (backward,) = (one for one in operations if one.type == "Conv2DBackpropFilter")
    padded = backward.inputs[0].op
    assert padded.type == "MirrorPad"
    # It waits for the gradient, and so is not that of the way forward.
    assert [one.type for one in padded.inputs[0].op.control_inputs] == ["Mul"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pad_mode": "same"}, '"zeros" or "reflect". Received \'same\''),
        ({"pad": 1, "data_format": "channels_first"}, "pad=1 needs .*channels_last"),
    ],
)
def test_bad_padding(options, message):
    with pytest.raises(ValueError, match=message):
        layers.Conv2D(4, 3, **options)


def test_an_image_that_is_too_small_to_reflect():
    layer = layers.Conv2D(4, 7, pad=3, pad_mode="reflect")
    with pytest.raises(ValueError, match="Conv2D pads by 3.* more than 3 pixels"):
        layer(images(1, 3, 8, 2))


@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose"])
def test_inference_is_plain_but_where_it_is_asked_for(name, monkeypatch):
    taken = _ways(monkeypatch)
    ours, theirs = _pair(name, SMALL_MAPS, (1, 4, 4, 8), 8)
    x = images(1, 4, 4, 8)
    np.testing.assert_array_equal(ours(x), theirs(x))
    assert not taken
    with layers.fast_inference():
        np.testing.assert_allclose(ours(x), theirs(x), atol=1e-4)
    assert len(taken) == 1
    ours(x)
    assert len(taken) == 1


def test_shapes_that_are_not_known_are_no_obstacle():
    ours, theirs = _pair("Conv2D", {"kernel_size": 3}, (1, 18, 18, 256), 256)
    shape = tf.TensorSpec((None, None, None, 256), tf.float32)
    traced = tf.function(lambda x: ours(x, training=True), input_signature=[shape])
    x = images(1, 18, 18, 256)
    np.testing.assert_allclose(traced(x), theirs(x), atol=1e-4)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose"])
def test_is_keras_layer_under_every_policy(name, policy):
    with dtype_policy(policy):
        ours, theirs = _pair(name, SMALL_MAPS, (2, 4, 4, 3), 3)
    x = images(2, 4, 4, 3)
    outputs = ours(x)
    assert outputs.dtype == ours.compute_dtype
    np.testing.assert_array_equal(outputs, theirs(x))
    config = keras.saving.serialize_keras_object(ours)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(ours) and again.get_config() == ours.get_config()


def test_winograd_is_exact_on_whole_numbers():
    """Nothing is rounded in what halves and float32 hold."""
    draw = np.random.default_rng(0)
    x = draw.integers(-8, 8, (2, 6, 8, 3)).astype(np.float32)
    kernel = draw.integers(-8, 8, (3, 3, 3, 5)).astype(np.float32)
    expected = tf.nn.conv2d(x, kernel, 1, "VALID")
    np.testing.assert_array_equal(winograd_conv(x, kernel), expected)


@pytest.mark.slow
def test_winograd_is_differentiable_twice():
    x, kernel = tf.constant(images(1, 6, 6, 2)), tf.constant(images(3, 3, 2, 2))

    def second(convolve):
        with tf.GradientTape() as outer:
            outer.watch([x, kernel])
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(convolve(x, kernel) ** 3)
            norm = tf.norm(inner.gradient(loss, x))
        return outer.gradient(norm, [x, kernel])

    plain = second(lambda x, kernel: tf.nn.conv2d(x, kernel, 1, "VALID"))
    for ours, theirs in zip(second(winograd_conv), plain, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)
