"""Fast convolutions against Keras' own, forward and backward."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import dtype_policy, images
from tfi2i import layers
from tfi2i.layers import convolution
from tfi2i.layers.gemm import kn2row_conv
from tfi2i.layers.padding import pad_images
from tfi2i.layers.winograd import Window, winograd_conv, winograd_conv_transpose

# Layer, arguments, shape of the input, filters, way that is taken.
OF_U_NET = {"kernel_size": 4, "strides": 2, "padding": "same"}
OF_RESNET = {"kernel_size": 3, "strides": 2}
# Of the algorithm's five points. The gradient of its kernel is up to 3e-5 of the
# deviation from float64, the library's own convolutions 3e-6.
FIVE_POINTS = {"kernel_size": 4}
CASES = [
    ("Conv2D", OF_U_NET, (1, 2, 2, 5), 6, "im2col_conv"),
    ("Conv2D", OF_U_NET, (2, 4, 8, 6), 6, "im2col_conv"),
    ("Conv2D", OF_U_NET, (2, 16, 16, 4), 6, None),
    ("Conv2D", OF_U_NET, (1, 3, 4, 4), 6, None),
    ("Conv2D", OF_U_NET, (2, 32, 36, 32), 128, "winograd_conv"),
    ("Conv2D", OF_U_NET, (1, 33, 32, 128), 128, None),
    ("Conv2D", OF_RESNET, (2, 33, 34, 32), 128, "winograd_conv"),
    ("Conv2D", OF_RESNET, (2, 33, 30, 16), 128, None),
    ("Conv2D", {"kernel_size": 3}, (2, 19, 10, 256), 256, "winograd_conv"),
    ("Conv2D", {"kernel_size": 3}, (1, 34, 34, 16), 256, None),
    ("Conv2D", {"kernel_size": 3, "dilation_rate": 2}, (1, 34, 34, 256), 256, None),
    ("Conv2D", {"kernel_size": 3, "groups": 2}, (1, 34, 34, 256), 256, None),
    ("Conv2D", {"kernel_size": (3, 4)}, (1, 34, 34, 256), 256, None),
    ("Conv2D", {"kernel_size": 7}, (2, 9, 8, 48), 3, "kn2row_conv"),
    ("Conv2D", {"kernel_size": 7}, (2, 9, 8, 47), 3, None),
    ("Conv2D", {"kernel_size": 7}, (1, 9, 8, 80), 5, None),
    ("Conv2D", {"kernel_size": 1}, (1, 9, 8, 48), 3, None),
    ("Conv2D", {"kernel_size": 3, "strides": (1, 2)}, (1, 33, 33, 128), 128, None),
    ("Conv2D", {"kernel_size": 4, "strides": 2}, (2, 35, 32, 32), 128, "winograd_conv"),
    ("Conv2DTranspose", OF_U_NET, (1, 1, 1, 5), 6, "col2im_conv_transpose"),
    ("Conv2DTranspose", OF_U_NET, (2, 2, 4, 6), 6, "col2im_conv_transpose"),
    ("Conv2DTranspose", OF_U_NET, (2, 8, 8, 6), 6, None),
    ("Conv2DTranspose", OF_U_NET, (2, 16, 17, 128), 32, "winograd_conv_transpose"),
    ("Conv2DTranspose", OF_RESNET, (2, 16, 17, 128), 32, "winograd_conv_transpose"),
    ("Conv2DTranspose", {"kernel_size": 3}, (1, 32, 32, 128), 128, None),
    ("Conv2DTranspose", {**OF_U_NET, "output_padding": 1}, (2, 4, 4, 6), 6, None),
    (
        *("Conv2DTranspose", {**OF_RESNET, "output_padding": 1}, (2, 16, 17, 128)),
        *(32, None),
    ),
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


def _record_algorithms(monkeypatch):
    taken = []
    for name in {case[-1] for case in CASES} - {None}:
        way = getattr(convolution, name)

        def record(*args, name=name, way=way, **options):
            taken.append(name)
            return way(*args, **options)

        monkeypatch.setattr(convolution, name, record)
    return taken


@pytest.mark.parametrize(("name", "options", "shape", "filters", "way"), CASES)
def test_equals_keras_in_training(name, options, shape, filters, way, monkeypatch):
    taken = _record_algorithms(monkeypatch)
    ours, theirs = _pair(name, options, shape, filters)
    x = tf.constant(images(*shape))
    upstream = images(*theirs.compute_output_shape(shape), seed=1)
    found = _with_gradients(ours, x, upstream, training=True)
    assert taken == [way] * (way is not None)
    expected = _with_gradients(theirs, x, upstream, training=True)
    for mine, its in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, its, rtol=0, atol=2e-5 * np.std(its))


def _padding(pad, mode):
    if mode == "reflect":
        return layers.ReflectionPadding2D(pad)
    return keras.layers.ZeroPadding2D(pad)


@pytest.mark.parametrize(
    ("options", "shape", "filters", "pad", "mode", "way"),
    [
        pytest.param(
            *(FIVE_POINTS, (2, 16, 17, 128), 128, 1, "zeros", "winograd_conv"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *(FIVE_POINTS, (2, 17, 16, 128), 128, 1, "reflect", "winograd_conv"),
            marks=pytest.mark.slow,
        ),
        ({"kernel_size": 4}, (1, 4, 4, 8), 128, 1, "zeros", None),
        ({"kernel_size": 4, "strides": 2}, (1, 8, 8, 8), 128, 1, "zeros", None),
        ({"kernel_size": 3, "groups": 2}, (1, 6, 6, 8), 128, 1, "reflect", None),
        ({"kernel_size": 3, "dilation_rate": 2}, (1, 6, 6, 8), 128, 1, "zeros", None),
        pytest.param(
            *({"kernel_size": 3}, (2, 16, 18, 128), 128, 1, "zeros", "winograd_conv"),
            marks=pytest.mark.slow,
        ),
        ({"kernel_size": 3}, (2, 16, 18, 128), 128, 1, "reflect", "winograd_conv"),
        (OF_RESNET, (2, 33, 32, 32), 128, 1, "zeros", "winograd_conv"),
        ({"kernel_size": 7}, (2, 9, 8, 48), 3, 3, "reflect", "kn2row_conv"),
        ({"kernel_size": 4}, (2, 9, 8, 32), 2, 1, "zeros", "kn2row_conv"),
        ({"kernel_size": 7, "use_bias": False}, (1, 9, 8, 3), 128, 3, "reflect", None),
    ],
)
def test_pads_as_a_layer_before_it_would(
    options, shape, filters, pad, mode, way, monkeypatch
):
    taken = _record_algorithms(monkeypatch)
    ours = layers.Conv2D(filters, pad=pad, pad_mode=mode, **options)
    theirs = keras.Sequential(
        [_padding(pad, mode), keras.layers.Conv2D(filters, **options)]
    )
    ours.build(shape)
    theirs.build(shape)
    theirs.set_weights(ours.get_weights())
    x = tf.constant(images(*shape))
    np.testing.assert_array_equal(ours(x), theirs(x))
    assert ours.compute_output_shape(shape) == theirs.compute_output_shape(shape)
    assert ours.compute_output_shape((None, None, None, shape[-1]))[1:3] == (None, None)
    upstream = images(*theirs.compute_output_shape(shape), seed=1)
    found = _with_gradients(ours, x, upstream, training=True)
    assert taken == [way] * (way is not None)
    expected = _with_gradients(theirs, x, upstream, training=True)
    for mine, its in zip(found, expected, strict=True):
        tolerance = (5e-5 if way and options == FIVE_POINTS else 2e-5) * np.std(its)
        np.testing.assert_allclose(mine, its, rtol=0, atol=tolerance)
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
    "case",
    [case for case in CASES if case[2][-1] < 16]
    + [pytest.param(CASES[4], marks=pytest.mark.slow)],
)
def test_large_kernels_are_used_before_their_updates(case, monkeypatch):
    """The gradients are the same, and come in that order."""
    monkeypatch.setattr(convolution, "_LARGE_KERNEL", 1)
    test_equals_keras_in_training(*case, monkeypatch)
    name, options, shape, filters, _ = case
    layer = getattr(layers, name)(filters, **options)
    layer.build(shape)

    @tf.function
    def step(x):
        return _with_gradients(layer, x, 1.0, training=True)

    graph = step.get_concrete_function(tf.constant(images(*shape))).graph
    of_inputs, of_kernel = graph.outputs[1:3]
    # Passed on by identities, that of the kernel once the other one is there; or one
    # operation makes both.
    waits = {one for op in _before(of_kernel) for one in op.control_inputs}
    made = [_before(one)[-1] for one in (of_inputs, of_kernel)]
    assert waits & set(_before(of_inputs)) or made[0] is made[1]


def _before(tensor):
    """Its operation and those that only pass on what the next ones have made."""
    found = [tensor.op]
    while found[-1].type in ("Identity", "IdentityN"):
        tensor = tensor.op.inputs[tensor.value_index]
        found.append(tensor.op)
    return found


@pytest.mark.parametrize(
    ("shape", "mode", "size"),
    [((1, 6, 6, 2), "reflect", 3), ((1, 16, 16, 128), "reflect", 3)],
    ids=["plain", "winograd"],
)
def test_padded_layers_are_differentiable_twice_in_graphs(shape, mode, size):
    ours = layers.Conv2D(shape[-1], size, pad=1, pad_mode=mode, use_bias=False)
    plain = keras.Sequential(
        [_padding(1, mode), keras.layers.Conv2D(shape[-1], size, use_bias=False)]
    )
    for layer in (ours, plain):
        layer.build(shape)
    ours.set_weights([0.1 * images(*ours.kernel.shape)])
    plain.set_weights(ours.get_weights())

    def second(layer):
        @tf.function
        def penalized(x):
            with tf.GradientTape() as outer:
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    loss = tf.reduce_mean(layer(x, training=True) ** 3)
                norm = tf.norm(inner.gradient(loss, x))
            return outer.gradient(norm, layer.trainable_weights[0].value)

        return penalized(tf.constant(images(*shape)))

    expected = second(plain).numpy()
    np.testing.assert_allclose(
        second(ours), expected, rtol=0, atol=1e-4 * np.abs(expected).max()
    )


def test_padding_in_bfloat16():
    with dtype_policy("mixed_bfloat16"):
        ours = layers.Conv2D(4, 3, pad=1, pad_mode="reflect")
        theirs = keras.Sequential([_padding(1, "reflect"), keras.layers.Conv2D(4, 3)])
    for layer in (ours, theirs):
        layer.build((2, 6, 6, 3))
    theirs.set_weights(ours.get_weights())
    x = tf.constant(images(2, 6, 6, 3))
    found, expected = (
        _with_gradients(layer, x, 1.0, training=True) for layer in (ours, theirs)
    )
    for mine, its in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, its)


def test_data_format_is_the_layer_s_own():
    layer = layers.Conv2DTranspose(4, **OF_U_NET)
    layer.build((1, 16, 16, 3))
    x = images(1, 16, 16, 3)
    expected = layer(x)
    keras.config.set_image_data_format("channels_first")
    try:
        np.testing.assert_array_equal(layer(x, training=True), expected)
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pad": -1}, "pad must be a whole number .* Received pad=-1"),
        ({"pad": 1.5}, "Received pad=1.5"),
        ({"pad_mode": "same"}, '"zeros" or "reflect". Received \'same\''),
        ({"pad": 1, "data_format": "channels_first"}, "pad=1 needs .*channels_last"),
    ],
)
def test_bad_padding(options, message):
    with pytest.raises(ValueError, match=message):
        layers.Conv2D(4, 3, **options)


def test_an_image_that_is_too_small_to_reflect():
    layer = layers.Conv2D(4, 7, pad=3, pad_mode="reflect")
    with pytest.raises(ValueError, match="Conv2D 'conv.*' pads by 3.* more than 3"):
        layer(images(1, 3, 8, 2))


@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose"])
def test_inference_is_plain_but_where_it_is_asked_for(name, monkeypatch):
    taken = _record_algorithms(monkeypatch)
    ours, theirs = _pair(name, OF_U_NET, (1, 4, 4, 8), 8)
    x = images(1, 4, 4, 8)
    np.testing.assert_array_equal(ours(x), theirs(x))
    assert not taken
    with convolution.fast_inference():
        np.testing.assert_allclose(ours(x), theirs(x), atol=1e-4)
    assert len(taken) == 1
    ours(x)
    assert len(taken) == 1


def test_padding_where_shapes_are_not_known():
    layer = layers.Conv2D(4, 3, pad=1, pad_mode="reflect")
    layer.build((None, None, None, 2))
    x = tf.constant(images(2, 6, 5, 2))
    shape = tf.TensorSpec((None, None, None, 2), tf.float32)
    traced = tf.function(
        lambda x: _with_gradients(layer, x, 1.0, training=True), input_signature=[shape]
    )
    for found, expected in zip(
        traced(x), _with_gradients(layer, x, 1.0, training=True), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


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
        ours, theirs = _pair(name, OF_U_NET, (2, 4, 4, 3), 3)
    x = images(2, 4, 4, 3)
    outputs = ours(x)
    assert outputs.dtype == ours.compute_dtype
    np.testing.assert_array_equal(outputs, theirs(x))
    config = keras.saving.serialize_keras_object(ours)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(ours) and again.get_config() == ours.get_config()


WINDOWS = [Window(3), Window(2), Window(4, stride=2, pad=1), Window(3, stride=2, pad=1)]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_winograd_is_exact_on_whole_numbers(window):
    """Nothing is rounded in what halves and float32 hold."""
    draw = np.random.default_rng(0)
    x = draw.integers(-8, 8, (2, 6, 8, 3)).astype(np.float32)
    size, around = window.size, [window.pad] * 2
    kernel = draw.integers(-8, 8, (size, size, 3, 5)).astype(np.float32)
    padding = [[0, 0], around, around, [0, 0]]
    expected = tf.nn.conv2d(x, kernel, window.stride, padding)
    np.testing.assert_array_equal(winograd_conv(x, kernel, window), expected)
    y = draw.integers(-8, 8, expected.shape).astype(np.float32)
    shape = (2, window.inputs(y.shape[1]), window.inputs(y.shape[2]), 3)
    expected = tf.nn.conv2d_transpose(y, kernel, shape, window.stride, padding)
    np.testing.assert_array_equal(winograd_conv_transpose(y, kernel, window), expected)


@tf.function
def _second(convolve, x, kernel):
    with tf.GradientTape() as outer:
        outer.watch([x, kernel])
        with tf.GradientTape() as inner:
            inner.watch(x)
            loss = tf.reduce_sum(convolve(x, kernel) ** 3)
        norm = tf.norm(inner.gradient(loss, x))
    return outer.gradient(norm, [x, kernel])


def _transposed(x, kernel):
    return tf.nn.conv2d_transpose(
        x, kernel, (1, 12, 12, 2), 2, [[0, 0], [1, 1], [1, 1], [0, 0]]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fast", "plain", "size"),
    [
        (lambda x, k: winograd_conv(x, k, Window(3)), None, 3),
        (lambda x, k: winograd_conv(x, k, Window(4)), None, 4),
        (
            lambda x, k: winograd_conv_transpose(x, k, Window(4, stride=2, pad=1)),
            _transposed,
            4,
        ),
        (
            lambda x, k: winograd_conv(x, k, Window(4, stride=2, pad=1)),
            lambda x, k: tf.nn.conv2d(x, k, 2, [[0, 0], [1, 1], [1, 1], [0, 0]]),
            4,
        ),
        (
            lambda x, k: kn2row_conv(x, k, 2, "reflect"),
            lambda x, k: tf.nn.conv2d(pad_images(x, 2, "reflect"), k, 1, "VALID"),
            3,
        ),
    ],
    ids=["3x3", "4x4", "transposed", "stride 2", "narrow"],
)
def test_fast_ways_are_differentiable_twice(fast, plain, size):
    plain = plain or (lambda x, kernel: tf.nn.conv2d(x, kernel, 1, "VALID"))
    x, kernel = tf.constant(images(1, 6, 6, 2)), tf.constant(images(size, size, 2, 2))
    for ours, theirs in zip(
        _second(fast, x, kernel), _second(plain, x, kernel), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)
