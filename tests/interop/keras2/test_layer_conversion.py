"""Layers of Keras 2: what becomes of them, and which are refused."""

import base64
import marshal

import keras
import numpy as np
import pytest

from tests.interop.keras2.models import (
    FOLDER,
    entries,
    gap,
    keras_2_chain,
    norms,
    refusal,
    rezip,
    with_config,
    with_layer,
    write_h5,
)
from tfi2i.interop import from_addons
from tfi2i.layers import BatchNormalization, ReflectionPadding2D


class TestLayers:
    def test_scale_or_offset_alone(self):
        scaled, _, shifted, plain = norms(from_addons(FOLDER / "mixture.keras"))
        np.testing.assert_array_equal(scaled.beta, np.zeros(4))
        assert scaled.gamma.numpy().std() > 0
        np.testing.assert_array_equal(shifted.gamma, np.ones(4))
        assert shifted.beta.numpy().std() > 0
        assert not plain.affine

    @pytest.mark.parametrize(
        "padding", [1, [1, 1], [[1, 1], [1, 1]], [[0, 0], [1, 1], [1, 1], [0, 0]]]
    )
    def test_padding_is_read_however_it_is_written(self, tmp_path, padding):
        def change(config):
            for layer in config["config"]["layers"]:
                if layer["name"] == "reflection_padding2d_1":
                    layer["config"]["padding"] = padding

        assert gap(from_addons(with_config(tmp_path, change)), "resnet") <= 1e-5

    def test_unstored_padding_follows_from_shapes(self, tmp_path):
        path = tmp_path / "resnet.keras"

        def change(config):
            for layer in config["config"]["layers"]:
                layer["config"].pop(
                    "padding" if "Reflection" in layer["class_name"] else "", None
                )

        rezip(FOLDER / "resnet.keras", path, change)
        assert gap(from_addons(path), "resnet") <= 1e-5

    def test_unstored_padding_that_shapes_contradict_is_asked_for(self, tmp_path):
        path = with_layer(tmp_path, "ReflectionPadding2D", drop=["padding"])
        assert "pads by a number of pixels that the file does not hold" in refusal(path)

        def make(name, **config):
            three = name in ("reflection_padding2d", "reflection_padding2d_3")
            return ReflectionPadding2D(3 if three else 1, name=name)

        model = from_addons(path, custom_objects={"ReflectionPadding2D": make})
        assert gap(model, "resnet") <= 1e-5

    def test_uneven_padding_is_refused(self, tmp_path):
        path = with_layer(tmp_path, "ReflectionPadding2D", padding=[3, 2])
        line = refusal(path)
        assert "'reflection_padding2d' (ReflectionPadding2D) pads by [3, 2]" in line

    def test_noise_and_statistics_that_are_always_on(self, tmp_path, caplog):
        def change(config):
            for layer in entries(config):
                if layer["class_name"] == "Sequential":
                    layers = layer["config"]["layers"]
                    if any(x["class_name"] == "Dropout" for x in layers):
                        layer["inbound_nodes"][0][0][3]["training"] = True

        line = refusal(with_config(tmp_path, change, "unet.h5"))
        assert "called with training=True" in line

        config = keras_2_chain(
            ("BatchNormalization", {"axis": [3], "epsilon": 1e-3}, {"training": True}),
            ("Dropout", {"rate": 0.5}, {"training": True}),
        )
        path = tmp_path / "own.h5"
        write_h5(
            path,
            config,
            {"layer_0": ["gamma", "beta", "moving_mean", "moving_variance"]},
        )
        model = from_addons(path)
        batch_norm = next(x for x in model.layers if isinstance(x, BatchNormalization))
        assert batch_norm.statistics == "image" and batch_norm.epsilon == 1e-3
        assert "'layer_1' was always on" in caplog.text

    def test_mixed_precision_is_kept(self, tmp_path):
        policy = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
        kind = "Addons>InstanceNormalization"
        layer = norms(from_addons(with_layer(tmp_path, kind, dtype=policy)))[0]
        assert layer.dtype_policy.name == "mixed_float16"

    @pytest.mark.parametrize(
        ("kind", "values", "words"),
        [
            ("Conv2D", {"class_name": "mine>Wavelet"}, "of the unknown kind"),
            ("Conv2D", {"data_format": "channels_first"}, "channels first"),
            ("Conv2D", {"activation": "hard_sigmoid"}, "activation 'hard_sigmoid'"),
            ("Conv2D", {"kernel_size": "wide"}, "cannot be made"),
            ("Conv2D", {"filters": 10**9}, "more than the file can hold"),
            ("Conv2D", {"dtype": "float64"}, "computes in float64"),
            ("Conv2D", {"wavelength": 3}, "has wavelength=3, which Keras 3 lacks"),
            ("Conv2DTranspose", {"groups": 2}, "has groups=2"),
            ("Addons>InstanceNormalization", {"axis": 1}, "normalizes axis 1"),
            ("Addons>InstanceNormalization", {"epsilon": 0.0}, "epsilon must be"),
            (
                "Addons>InstanceNormalization",
                {"class_name": "InstanceNormalization"},
                "other packages' compute otherwise",
            ),
            (
                "Addons>InstanceNormalization",
                {"class_name": "Addons>WeightNormalization"},
                "custom_objects={'WeightNormalization': ...}",
            ),
        ],
    )
    def test_what_cannot_be_computed_is_refused(self, tmp_path, kind, values, words):
        assert words in refusal(with_layer(tmp_path, kind, **values))

    def test_custom_objects_take_a_layers_place(self, tmp_path):
        class Wavelet(keras.layers.Conv2D):
            pass

        path = with_layer(tmp_path, "Conv2D", class_name="mine>Wavelet")
        drop = ("trainable", "dtype", "groups")

        def make(**config):
            return Wavelet(**{k: v for k, v in config.items() if k not in drop})

        for name in ("Wavelet", "mine>Wavelet"):
            model = from_addons(path, custom_objects={name: make})
            assert isinstance(model.layers[2], Wavelet)
            assert gap(model, "resnet") <= 1e-5
        line = refusal(path, custom_objects={"Wavelet": lambda name: None})
        assert "does not take the configuration of layer" in line
        line = refusal(path, custom_objects={"Wavelet": lambda **config: None})
        assert "gave a NoneType" in line


class TestCode:
    def test_real_lambda_is_refused_and_can_be_replaced(self):
        line = refusal(FOLDER / "lambda.h5")
        assert "Layer 'doubled' is a Lambda, stored as program code" in line
        assert "custom_objects={'Lambda': ...}" in line

        def make(name, **config):
            return keras.layers.Rescaling(2.0, name=name)

        model = from_addons(FOLDER / "lambda.h5", custom_objects={"Lambda": make})
        assert isinstance(model.get_layer("doubled"), keras.layers.Rescaling)

    @pytest.mark.parametrize(
        ("kind", "key"),
        [
            ("Lambda", "function"),
            ("Activation", "activation"),
            ("Dense", "kernel_initializer"),
            ("TFOpLambda", "function"),
            ("mine>Own", "anything"),
        ],
    )
    def test_of_a_file_is_never_run(self, tmp_path, kind, key):
        proof = tmp_path / "proof"
        code = compile(f"open({str(proof)!r}, 'w').close()", "evil", "exec")
        stored = base64.b64encode(marshal.dumps(code)).decode()
        for value in (
            [stored, None, None],
            {"class_name": "__lambda__", "config": {"value": stored}},
            {"module": "os", "class_name": "system", "config": f"touch {proof}"},
        ):
            layer = (kind, {key: value, "function_type": "lambda", "units": 2}, {})
            path = tmp_path / "evil.h5"
            write_h5(path, keras_2_chain(layer), {"layer_0": ["kernel", "bias"]})
            refusal(path)
        assert not proof.exists()
