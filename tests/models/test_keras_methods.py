"""The methods of `keras.Model`: each works, or one line says why not."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import (
    dtype_policy,
    images,
    least_cyclegan,
    least_pix2pix,
    state,
    tiny_cyclegan,
)
from tfi2i import networks
from tfi2i.models import Adam, Pix2Pix

A, B = images(4, 16, 16, 3), images(4, 16, 16, 3, seed=1)
LOSSES = {"g_gan", "g_l1", "d_real", "d_fake"}


@pytest.fixture(scope="module")
def model():
    """One that tests share which do not depend on its weights."""
    model = least_pix2pix()
    model.compile()
    return model


class _Batches(keras.utils.PyDataset):
    def __init__(self):
        super().__init__()

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return A[2 * index : 2 * index + 2], B[2 * index : 2 * index + 2]


def _generator():
    while True:
        yield A[:2], B[:2]


def _dataset(dtype="float32"):
    pairs = A.astype(dtype), B.astype(dtype)
    return tf.data.Dataset.from_tensor_slices(pairs).batch(2)


@pytest.mark.parametrize(
    "data", [_Batches, _generator, _dataset], ids=["PyDataset", "generator", "dataset"]
)
def test_fit_takes_what_keras_takes(model, data):
    steps = 2 if data is _generator else None
    history = model.fit(data(), steps_per_epoch=steps, verbose=0).history
    assert set(history) == LOSSES


def test_fit_takes_keras_arguments(model):
    history = model.fit(
        A,
        B,
        batch_size=2,
        epochs=4,
        initial_epoch=1,
        steps_per_epoch=1,
        validation_split=0.5,
        validation_batch_size=1,
        validation_steps=1,
        validation_freq=2,
        verbose=0,
    )
    assert history.epoch == [1, 2, 3]
    assert set(history.history) == LOSSES | {f"val_{name}" for name in LOSSES}
    assert len(history.history["val_g_l1"]) == 2
    assert history is model.history


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_floats_train_as_float32(dtype):
    losses = []
    # The same numbers, which all types hold.
    pair = [np.round(side * 8) / 8 for side in (A, B)]
    for cast in ("float32", dtype):
        model = least_pix2pix()
        model.compile()
        sides = [tf.cast(side, cast) for side in pair]
        data = tf.data.Dataset.from_tensors(tuple(sides))
        losses.append(model.fit(data, verbose=0).history)
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("make", "dtype"), [(least_pix2pix, "uint8"), (least_cyclegan, "int32")]
)
def test_whole_numbers_are_refused(make, dtype):
    model = make()
    model.compile()
    whole = np.zeros(A.shape, dtype)
    for attempt in (
        lambda: model.fit(whole, whole, verbose=0),
        lambda: model.fit(_dataset(dtype), verbose=0),
        lambda: model.evaluate(whole, whole, verbose=0),
        lambda: model.train_on_batch(A, whole),
        lambda: model.test_on_batch(whole, B),
        lambda: model.predict(whole, verbose=0),
        lambda: model.predict_on_batch(whole),
    ):
        with pytest.raises(
            ValueError, match=rf"^Batches must be float, in \[-1, 1\]. Received {dtype}"
        ):
            attempt()


@pytest.mark.slow
@pytest.mark.parametrize("make", [least_pix2pix, least_cyclegan])
def test_floats_of_0_to_255_are_refused(make):
    model = make()
    model.compile()
    a, b = (127.5 * side + 127.5 for side in (A, B))
    for attempt in (
        lambda: model.fit(_dataset().map(lambda a, b: (a * 255, b * 255)), verbose=0),
        lambda: model.fit(a, B, verbose=0),
        lambda: model.fit(A, b, verbose=0),
        lambda: model.fit(A, B, validation_data=(a, b), verbose=0),
        lambda: model.evaluate(A, b, verbose=0),
        lambda: model.train_on_batch(a, B),
        lambda: model.test_on_batch(A, b),
        lambda: model.predict(a, verbose=0),
        lambda: model.predict_on_batch(a),
    ):
        with pytest.raises(
            ValueError,
            match=r"must be float, in \[-1, 1\], but one has images up to 25",
        ) as caught:
            attempt()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"jit_compile": True}])
def test_floats_of_0_to_255_are_refused_however_it_is_compiled(options):
    model = least_pix2pix()
    model.compile(**options)
    with pytest.raises(ValueError, match="images up to 100"):
        model.fit(A, B * 0 + 100, verbose=0)


def test_standardized_images_train(model):
    history = model.fit(A * 3, B * 3, verbose=0).history
    assert np.isfinite(history["g_l1"]).all()


def test_a_dictionary_is_the_same_as_x_and_y():
    histories = []
    for batch in ((A, B), ({"b": B, "a": A, "label": A[:, 0, 0]},)):
        model = least_pix2pix()
        model.compile()
        histories.append(model.fit(*batch, verbose=0, shuffle=False).history)
    assert histories[0] == histories[1]


def test_a_dictionary_without_an_image_is_refused(model):
    with pytest.raises(ValueError, match="needs pairs.*Received a dictionary of 'a'"):
        model.fit({"a": A}, verbose=0)


def test_the_other_way_paints_a_from_b():
    forth, back = least_pix2pix(), least_pix2pix(direction="b2a")
    for model in (forth, back):
        model.compile()
    losses = forth.train_on_batch(A, B, return_dict=True)
    assert back.train_on_batch({"a": B, "b": A}, return_dict=True) == losses
    painted = back.paint({"a": tf.constant(B), "b": tf.constant(A)})
    assert list(painted) == ["real_b", "fake_a", "real_a"]


def test_several_tensors_are_refused(model):
    with pytest.raises(ValueError, match="must be one tensor.*Received tuple"):
        model.fit([A, A], [B, B], verbose=0)


def test_weights_of_examples_are_refused(model):
    with pytest.raises(ValueError, match="Sample weights are not supported"):
        model.fit(A, B, sample_weight=np.ones(4), verbose=0)
    for method in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match="class_weight is not supported"):
            method(A, B, class_weight={0: 1.0})


def test_on_batch_methods_agree_with_the_others(model):
    losses = model.test_on_batch(A, B, return_dict=True)
    expected = model.evaluate(A, B, verbose=0, return_dict=True)
    assert losses == pytest.approx(expected)
    in_order = [losses[name] for name in model.metrics_names]
    assert model.evaluate(A, B, verbose=0) == pytest.approx(in_order)
    assert set(losses) == set(model.metrics_names) == LOSSES
    predicted = model.predict(A, batch_size=3, verbose=0)
    assert predicted.shape == A.shape
    np.testing.assert_allclose(model.predict_on_batch(A), predicted, atol=1e-5)
    np.testing.assert_allclose(model(A), predicted, atol=1e-5)
    trained = model.train_on_batch(A, B, return_dict=True)
    assert trained.keys() == losses.keys()


def test_metrics(model):
    model.test_on_batch(A, B)
    results = model.get_metrics_result()
    assert float(results["g_l1"]) > 0
    assert model.compute_metrics(A, B, B).keys() == results.keys()
    model.reset_metrics()
    assert float(model.get_metrics_result()["g_l1"]) == 0


@pytest.mark.parametrize("method", ["compute_loss", "compiled_loss"])
@pytest.mark.filterwarnings("ignore:`model.compiled_loss")
def test_there_is_no_one_loss(model, method):
    arguments = (A, B, B) if method == "compute_loss" else (B, B)
    with pytest.raises(ValueError, match="Pix2Pix has no one loss"):
        getattr(model, method)(*arguments)


def test_summary_and_layers(model):
    lines = []
    model.summary(print_fn=lines.append, expand_nested=True, show_trainable=True)
    assert "generator" in model.network_names and lines
    assert model.layers == [model.generator, model.discriminator]
    assert model.get_layer(index=0) is model.generator
    assert model.get_layer(model.discriminator.name) is model.discriminator
    counts = [network.count_params() for network in model.layers]
    assert model.count_params() == sum(counts)


def test_shapes(model):
    assert model.compute_output_shape((None, 16, 16, 3)) == (None, 16, 16, 3)
    assert model(keras.Input((None, None, 3))).shape == (None, None, None, 3)
    model.build((None, 16, 16, 3))


def test_it_is_a_layer_of_other_models(model):
    outer = keras.Sequential([keras.Input((16, 16, 3)), model])
    expected = model.predict(A, verbose=0)
    np.testing.assert_allclose(outer.predict(A, verbose=0), expected, atol=1e-6)


def test_save_and_load_whole(tmp_path):
    model = least_cyclegan(pool_size=2)
    model.compile(Adam(1e-3))
    model.train_on_batch(A, B)
    model.save(tmp_path / "model.keras")
    model.save(tmp_path / "folder", zipped=False)
    for name in ("model.keras", "folder"):
        again = keras.models.load_model(tmp_path / name)
        for a, b in zip(state(model), state(again), strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="HDF5, which holds one optimizer only"):
        model.save(tmp_path / "model.h5")


@pytest.mark.slow
def test_save_and_load_weights(tmp_path):
    model, other = least_pix2pix(dropout=0.5), least_pix2pix(dropout=0.5)
    for one in (model, other):
        one.compile()
    model.train_on_batch(A, B)
    model.save_weights(tmp_path / "w.weights.h5")
    other.load_weights(tmp_path / "w.weights.h5")
    for a, b in zip(state(model), state(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.filterwarnings("ignore")
def test_load_weights_skips_what_does_not_fit(tmp_path, model):
    model.save_weights(tmp_path / "w.weights.h5")
    other = Pix2Pix(
        networks.resnet(1, filters=4, norm="none"), least_pix2pix().discriminator
    )
    with pytest.raises(ValueError):
        other.load_weights(tmp_path / "w.weights.h5")
    other.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)
    for a, b in zip(
        model.discriminator.get_weights(),
        other.discriminator.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_configurations(model):
    for again in (
        keras.models.model_from_json(model.to_json()),
        type(model).from_config(model.get_config()),
        keras.models.clone_model(model),
    ):
        again.set_weights(model.get_weights())
        np.testing.assert_array_equal(again.predict(A, verbose=0), model.predict(A))
        again.compile_from_config(model.get_compile_config())
        assert again.get_compile_config() == model.get_compile_config()


def test_state_trees(model):
    tree = model.get_state_tree("numpy_array")
    other = least_pix2pix()
    other.compile()
    other.train_on_batch(A, B)
    # An optimizer's name is part of its variables' paths.
    other.set_state_tree(tree)
    for a, b in zip(state(model), state(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_state_tree_needs_unique_names():
    named_alike = tiny_cyclegan()
    named_alike.compile()
    with pytest.raises(ValueError, match="variable path is found twice"):
        named_alike.get_state_tree()


def test_stateless_methods(model):
    variables = model.trainable_variables, model.non_trainable_variables
    values = [[v.value for v in group] for group in variables]
    outputs, _ = model.stateless_call(*values, A)
    np.testing.assert_allclose(outputs, model.predict(A, verbose=0), atol=1e-6)
    with pytest.raises(ValueError, match="has no one loss"):
        model.stateless_compute_loss(*values, model.metrics_variables, A, B, B)


@pytest.mark.parametrize("make", [least_pix2pix, least_cyclegan])
def test_export_writes_a_saved_model(make, tmp_path):
    model = make()
    model.export(tmp_path / "any", verbose=False)
    expected = model.predict(A, verbose=0)
    # As one expression: nothing else holds what is loaded.
    found = tf.saved_model.load(str(tmp_path / "any")).serve(A)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    layer = keras.layers.TFSMLayer(tmp_path / "any", call_endpoint="serve")
    np.testing.assert_allclose(layer(A), expected, atol=1e-6)
    generators = tf.saved_model.load(str(tmp_path / "any")).variables
    assert len(generators) == len(model.networks_of("generator")[0].variables)


def test_export_takes_keras_arguments(model, tmp_path):
    one = [keras.InputSpec(shape=(1, 16, 16, 3), dtype="float32")]
    model.export(tmp_path / "one", verbose=False, input_signature=one)
    loaded = tf.saved_model.load(str(tmp_path / "one"))
    expected = model.predict(A[:1], verbose=0)
    np.testing.assert_allclose(loaded.serve(A[:1]), expected, atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_export_writes_onnx_and_tflite(model, tmp_path):
    import onnxruntime
    from ai_edge_litert.interpreter import Interpreter

    expected = model.predict(A[:1], verbose=0)
    model.export(tmp_path / "m.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: A[:1]})
    np.testing.assert_allclose(found, expected, atol=1e-4)
    model.export(tmp_path / "m.tflite", format="litert", verbose=False)
    interpreter = Interpreter(str(tmp_path / "m.tflite"))
    taken = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(taken, (1, 16, 16, 3))
    interpreter.allocate_tensors()
    interpreter.set_tensor(taken, A[:1])
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_quantize_leaves_layers_without_it():
    model = least_pix2pix()
    model.compile()
    expected = model.predict(A, verbose=0)
    model.quantize("int8")
    np.testing.assert_array_equal(model.predict(A, verbose=0), expected)
    model.train_on_batch(A, B)


@pytest.mark.parametrize("is_compiled_after", [False, True])
def test_frozen_networks_stay(is_compiled_after):
    model = least_cyclegan()
    model.compile(Adam(0.1, use_ema=True), Adam(0.1))
    model.generator_ab.trainable = False
    if is_compiled_after:
        model.compile(Adam(0.1, use_ema=True), Adam(0.1))
    before = [network.get_weights() for network in model.networks_of("generator")]
    model.train_on_batch(A, B)
    with model.averaged():
        pass
    for old, new in zip(before[0], model.generator_ab.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not np.array_equal(before[1][0], model.generator_ba.get_weights()[0])


@pytest.mark.parametrize(
    "options",
    [
        {"run_eagerly": True},
        {"steps_per_execution": 3},
        {"jit_compile": "auto"},
        pytest.param(
            {"generator_optimizer": "sgd", "discriminator_optimizer": "adam"},
            marks=pytest.mark.slow,
        ),
        {"generator_optimizer": Adam(gradient_accumulation_steps=2)},
    ],
    ids=lambda options: next(iter(options)),
)
def test_compile_takes_keras_arguments(options):
    model = least_pix2pix()
    model.compile(**options)
    history = model.fit(A, B, batch_size=1, validation_data=(A, B), verbose=0).history
    assert np.isfinite(list(history.values())).all()


@pytest.mark.parametrize("name", ["optimizer", "loss", "metrics", "loss_weights"])
def test_compile_says_what_it_has_instead(name):
    with pytest.raises(TypeError, match=f"has losses of its own. Received {name}"):
        least_pix2pix().compile(**{name: "adam"})


def test_it_must_be_compiled_first():
    with pytest.raises(ValueError, match="call `compile"):
        least_pix2pix().fit(A, B, verbose=0)


def test_mixed_float16_scales_losses_by_itself(tmp_path):
    with dtype_policy("mixed_float16"):
        model = least_pix2pix()
        plain = least_pix2pix()
    model.compile()
    plain.compile(auto_scale_loss=False)
    scaled = keras.optimizers.LossScaleOptimizer
    for name in ("generator_optimizer", "discriminator_optimizer"):
        assert isinstance(getattr(model, name), scaled)
        assert not isinstance(getattr(plain, name), scaled)
    # What is loaded is what was saved, or its optimizers' state would not fit.
    for one in (model, plain):
        one.train_on_batch(A, B)
        one.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        for a, b in zip(state(one), state(again), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "make", [least_pix2pix, pytest.param(least_cyclegan, marks=pytest.mark.slow)]
)
def test_networks_may_return_float16(make):
    with dtype_policy("mixed_float16"):
        model = make()
    model.compile()
    assert model.networks_of("generator")[0](A).dtype == "float16"
    losses = model.fit(A, B, validation_data=(A, B), verbose=0).history
    assert np.isfinite(list(losses.values())).all()
    painted = model.paint({"a": tf.constant(A), "b": tf.constant(B)})
    assert {image.dtype for image in painted.values()} == {tf.float32}


def test_other_precisions_need_no_scaling():
    for policy in ("float32", "mixed_bfloat16"):
        with dtype_policy(policy):
            model = least_pix2pix()
        model.compile()
        assert isinstance(model.generator_optimizer, Adam)


@pytest.mark.parametrize("policy", ["float64", "float16", "bfloat16"])
def test_weights_of_other_precisions_are_refused(policy):
    with (
        dtype_policy(policy),
        pytest.raises(ValueError, match=f"weights of {policy}.*mixed_float16"),
    ):
        least_pix2pix()


def test_float32_networks_train_under_another_floatx():
    with dtype_policy("float32"):
        model = least_pix2pix()
    keras.config.set_floatx("float64")
    try:
        model.compile()
        history = model.fit(A, B, verbose=0).history
    finally:
        keras.config.set_floatx("float32")
    assert np.isfinite(list(history.values())).all()


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    """A generator that is no functional model."""

    def __init__(self, channels=3, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.conv = keras.layers.Conv2D(channels, 3, padding="same", activation="tanh")

    def call(self, inputs, training=None):
        return self.conv(inputs)

    def get_config(self):
        return {**super().get_config(), "channels": self.channels}


def _subclassed_pix2pix(generator):
    discriminator = networks.patchgan(6, filters=2, num_layers=1, norm="instance")
    return Pix2Pix(generator, discriminator)


def test_subclassed_generators_train_save_and_export(tmp_path):
    generator = Subclassed()
    generator(A)
    model = _subclassed_pix2pix(generator)
    model.compile()
    before = generator.conv.kernel.numpy()
    model.fit(A, B, verbose=0)
    assert np.any(generator.conv.kernel.numpy() != before)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for a, b in zip(state(model), state(again), strict=True):
        np.testing.assert_array_equal(a, b)
    again.export(tmp_path / "saved", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    expected = model.predict(A, verbose=0)
    np.testing.assert_allclose(loaded.serve(A), expected, atol=1e-6)


def test_subclassed_networks_must_be_built():
    with pytest.raises(ValueError, match=r"generator \(Subclassed\) has no weights"):
        _subclassed_pix2pix(Subclassed())
    unbuilt = keras.Sequential([keras.layers.Conv2D(3, 3)])
    with pytest.raises(ValueError, match=r"generator \(Sequential\) has no weights"):
        _subclassed_pix2pix(unbuilt)


def test_channels_of_subclassed_networks_are_checked():
    generator = Subclassed(channels=1)
    generator(A)
    with pytest.raises(ValueError, match="should take 4 channels"):
        _subclassed_pix2pix(generator)


class _WithoutTraining(Subclassed):
    def call(self, inputs):
        return self.conv(inputs)


def _two_inputs():
    inputs = [keras.Input((None, None, 3)) for _ in range(2)]
    return keras.Model(inputs, keras.layers.Add()(inputs))


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        (lambda: keras.layers.Conv2D(3, 3), "generator must be a keras.Model"),
        (lambda: tf.identity, "generator must be a keras.Model"),
        (_two_inputs, "generator .* must take one batch"),
        (
            lambda: keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)]),
            "generator .* must take one batch",
        ),
        (lambda: _called(_WithoutTraining()), "must take `training` in its call"),
    ],
)
def test_what_cannot_generate_is_refused_in_one_line(generator, message):
    with pytest.raises(ValueError, match=message) as caught:
        _subclassed_pix2pix(generator())
    assert "\n" not in str(caught.value)


def _called(network):
    network(A)
    return network
