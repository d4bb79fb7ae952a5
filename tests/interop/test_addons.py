"""Imported models against outputs of the real tensorflow-addons.

`addons/` holds what tests/addons/make.py made with it; see there.
"""

import base64
import io
import json
import logging
import marshal
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.addons.compare import cases, layer_gaps
from tfi2i.inference.sizes import at_inference, size_rule
from tfi2i.interop.addons import from_addons
from tfi2i.layers import (
    BatchNormalization,
    InstanceNormalization,
    ReflectionPadding2D,
)
from tfi2i.networks.blocks import RequireMultiple

FOLDER = Path(__file__).parent / "addons"
CASES = list(cases(FOLDER))
EXAMPLE = {"architecture": "keras-cyclegan"}


def arrays(name):
    with np.load(FOLDER / f"{name}.npz") as stored:
        return stored["x"], stored["y"]


def gap(model, name):
    x, y = arrays(name)
    return np.abs(model(x, training=False) - y).max()


def norms(model):
    return [x for x in model.layers if isinstance(x, InstanceNormalization)]


def refusal(path, **options):
    """The one line that says why a file is not imported."""
    with pytest.raises(ValueError) as caught:
        from_addons(path, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


def entries(config):
    """All layers of a description, those of networks inside included."""
    for layer in config["config"]["layers"]:
        yield layer
        if "layers" in layer["config"]:
            yield from entries(layer)


def with_config(folder, change, source="resnet.h5"):
    """A copy of a model whose stored description is changed."""
    path = folder / source
    shutil.copy(FOLDER / source, path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)
    return path


def with_layer(folder, kind, source="resnet.h5", drop=(), **values):
    """A copy of a model with other values in the first layer of a kind."""

    def change(config):
        layer = next(x for x in entries(config) if x["class_name"] == kind)
        layer["class_name"] = values.pop("class_name", kind)
        layer["config"].update(values)
        for key in drop:
            del layer["config"][key]

    return with_config(folder, change, source)


class TestEquality:
    def test_our_layer_equals_the_real_one(self):
        gaps = list(layer_gaps(FOLDER))
        assert len(gaps) == 6
        for shape, epsilon, difference in gaps:
            assert difference <= 1e-5, (shape, epsilon)

    def test_gradient_equals_the_real_one(self):
        with np.load(FOLDER / "layers.npz") as stored:
            x, dy, dx = (stored[f"1_{name}"] for name in ("x", "dy", "dx"))
            layer = InstanceNormalization(True, float(stored["1_epsilon"]))
            layer.build(x.shape)
            layer.set_weights([stored["1_gamma"], stored["1_beta"]])
        with tf.GradientTape() as tape:
            x = tf.constant(x)
            tape.watch(x)
            y = layer(x)
        np.testing.assert_allclose(tape.gradient(y, x, dy), dx, rtol=0, atol=1e-5)

    @pytest.mark.parametrize(
        ("path", "options", "stored"),
        CASES,
        ids=[f"{p.name}-{'-'.join(map(str, o.values()))}" for p, o, _ in CASES],
    )
    def test_model_reproduces_its_outputs(self, path, options, stored):
        model = from_addons(path, **options)
        assert gap(model, stored.stem) <= 1e-5
        assert norms(model)
        assert all(layer.trainable for layer in model.layers)
        for layer in model.layers:
            assert type(layer).__module__.split(".")[0] in ("keras", "tfi2i")
            # Networks inside networks are dissolved.
            assert not isinstance(layer, keras.Model)

    def test_every_format_is_among_them(self):
        assert len(CASES) == 26
        whole = {path.suffix for path, options, _ in CASES if not options}
        weights = {"".join(p.suffixes) for p, options, _ in CASES if options}
        assert whole == {".h5", ".keras", ""}
        assert weights == {".h5", ".weights.h5", "", ".001"}


class TestEpsilon:
    def test_is_the_files(self):
        assert [x.epsilon for x in norms(from_addons(FOLDER / "unet.h5"))] == [1e-5] * 2
        mixture = norms(from_addons(FOLDER / "mixture.keras"))
        assert [x.epsilon for x in mixture] == [1e-2, 1e-3, 1e-3, 1e-3]

    def test_is_the_default_of_addons_where_the_file_is_silent(self, tmp_path):
        kind = "Addons>InstanceNormalization"
        path = with_layer(tmp_path, kind, source="unet.h5", drop=["epsilon"])
        found = norms(from_addons(path))
        assert sorted(x.epsilon for x in found) == [1e-5, 1e-3]

    @pytest.mark.parametrize("epsilon", [1e-3, 1e-5])
    def test_of_an_own_architecture_is_its_own_with_a_warning(self, caplog, epsilon):
        model = own_model(epsilon)
        with caplog.at_level(logging.WARNING):
            from_addons(FOLDER / "own_saved_model", architecture=model)
        assert norms(model)[0].epsilon == epsilon
        assert ("epsilon=1e-05" in caplog.text) == (epsilon == 1e-5)


def own_model(epsilon=1e-3, filters=3):
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            InstanceNormalization(affine=True, epsilon=epsilon),
            keras.layers.Conv2D(filters, 3),
        ]
    )


class TestTraining:
    def test_reaches_every_weight(self):
        model = from_addons(FOLDER / "resnet_saved_model")
        x, y = arrays("resnet")
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y + 1.0))
        # Six convolutions, one of them with a bias, and five affine normalizations.
        assert len(model.trainable_variables) == len(model.weights) == 6 + 1 + 5 * 2
        for gradient in tape.gradient(loss, model.trainable_variables):
            assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0
        model.compile("adam", "mae")
        before = model.get_weights()
        model.fit(x, np.zeros_like(y), verbose=0)
        after = model.get_weights()
        for a, b in zip(before, after, strict=True):
            assert not np.array_equal(a, b)

    def test_survives_a_round_trip(self, tmp_path):
        model = from_addons(FOLDER / "mixture.keras")
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        x, _ = arrays("mixture")
        np.testing.assert_array_equal(again(x), model(x))

    def test_frozen_layers_thaw(self, tmp_path):
        path = with_layer(tmp_path, "Conv2D", trainable=False)
        model = from_addons(path)
        assert all(layer.trainable for layer in model.layers)
        assert gap(model, "resnet") <= 1e-5


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


def keras_2_chain(*layers):
    """A description as Keras 2 writes it: kind, configuration, arguments of calls."""
    shape = {"batch_input_shape": [None, 8, 8, 2], "name": "input"}
    found = [
        {
            "class_name": "InputLayer",
            "config": shape,
            "name": "input",
            "inbound_nodes": [],
        }
    ]
    for index, (kind, config, arguments) in enumerate(layers):
        name = f"layer_{index}"
        node = [[[found[-1]["name"], 0, 0, arguments]]]
        config = {"name": name, "trainable": True, "dtype": "float32", **config}
        found.append(
            {"class_name": kind, "config": config, "name": name, "inbound_nodes": node}
        )
    config = {
        "name": "chain",
        "layers": found,
        "input_layers": [["input", 0, 0]],
        "output_layers": [[found[-1]["name"], 0, 0]],
    }
    return {"class_name": "Functional", "config": config}


def write_h5(path, config, variables):
    """A whole model with weights of ones, two of each variable."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = list(variables)
        for layer, names in variables.items():
            group = weights.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{name}:0" for name in names]
            for name in names:
                group[f"{layer}/{name}:0"] = np.ones(2, np.float32)


def rezip(source, target, change=None, **members):
    """A copy of a .keras file, changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json" and change is not None:
                config = json.loads(data)
                change(config)
                data = json.dumps(config)
            new.writestr(name, members.get(name, data))


class TestSizes:
    def test_are_the_files_unless_freed(self):
        assert from_addons(FOLDER / "resnet.h5").input_shape == (None, 16, 16, 3)
        model = from_addons(FOLDER / "resnet.h5", free_size=True)
        assert model.input_shape == (None, None, None, 3)
        assert gap(model, "resnet") <= 1e-5
        assert tuple(size_rule(model)) == (2, 4)
        image = tf.random.stateless_uniform((1, 21, 30, 3), (0, 0), -1.0, 1.0)
        assert at_inference(model)(image).shape == (1, 21, 30, 3)

    def test_of_a_unet_are_multiples_of_its_depth(self):
        model = from_addons(FOLDER / "unet.keras", free_size=True)
        assert tuple(size_rule(model)) == (8, 8)
        assert gap(model, "unet") <= 1e-5
        with pytest.raises(ValueError, match="multiples of 8"):
            model(np.zeros((1, 20, 24, 3), np.float32))

    def test_of_the_example_are_free(self):
        model = from_addons(FOLDER / "resnet_checkpoint", **EXAMPLE)
        assert isinstance(model.get_layer("size"), RequireMultiple)
        assert model(np.zeros((1, 32, 20, 3), np.float32)).shape == (1, 32, 20, 3)

    def test_that_a_function_fixes_cannot_be_freed(self):
        line = refusal(FOLDER / "mixture.keras", free_size=True)
        assert "image.resize" in line


class TestArchitectures:
    def test_own_model_is_filled(self):
        model = own_model()
        found = from_addons(FOLDER / "own_saved_model", architecture=model)
        assert found is model
        assert gap(model, "own") <= 1e-5

    def test_own_model_of_other_shapes_stays_as_it_was(self):
        model = own_model(filters=2)
        before = model.get_weights()
        line = refusal(FOLDER / "own_saved_model", architecture=model)
        assert "kernel of shape (3, 3, 3, 3) for layer" in line
        assert "expected (3, 3, 3, 2)" in line
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)

    def test_own_model_of_other_layers_is_refused(self):
        line = refusal(FOLDER / "resnet_weights.h5", architecture=own_model())
        assert "weights for 11 layers; the architecture has 2" in line
        line = refusal(FOLDER / "resnet.weights.h5", architecture=own_model())
        assert "for which the architecture has no layer" in line

    def test_own_model_without_weights_is_refused(self):
        model = keras.Sequential([keras.layers.Conv2D(2, 3)])
        line = refusal(FOLDER / "own_saved_model", architecture=model)
        assert "has no weights yet" in line

    def test_unknown_name_is_refused(self):
        line = refusal(FOLDER / "resnet_checkpoint", architecture="resnet")
        assert "expected a Keras 3 model" in line and "'keras-cyclegan'" in line

    def test_example_is_refused_where_it_does_not_fit(self):
        line = refusal(FOLDER / "unet.h5", **EXAMPLE)
        assert "is not of Keras' CycleGAN example" in line

    def test_weights_alone_ask_for_one(self):
        for name in ("resnet_weights.h5", "resnet.weights.h5", "resnet_checkpoint"):
            line = refusal(FOLDER / name)
            assert "holds weights alone: say what they belong to" in line

    def test_class_of_its_own_asks_for_one(self):
        line = refusal(FOLDER / "own_saved_model")
        assert "The model 'Own' is a class of its own" in line
        assert "pass it as architecture=" in line


class TestParts:
    @pytest.mark.parametrize(
        ("name", "options", "names"),
        [
            ("cyclegan_checkpoints.001", EXAMPLE, "'gen_G', 'gen_F', 'disc_X'"),
            ("cyclegan_weights.h5", EXAMPLE, "'generator_G', 'generator_F'"),
            ("cyclegan_saved_model", {}, "'gen_G', 'gen_F', 'disc_X'"),
            ("cyclegan_saved_model", EXAMPLE, "'gen_G', 'gen_F', 'disc_X'"),
        ],
    )
    def test_several_are_named(self, name, options, names):
        line = refusal(FOLDER / name, **options)
        assert names in line and "say which as part=" in line
        line = refusal(FOLDER / name, part="gen_H", **options)
        assert "has no part 'gen_H'" in line and names in line

    def test_of_a_single_model_are_refused(self):
        assert "holds one model" in refusal(FOLDER / "resnet.h5", part="gen_G")

    @pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001"])
    def test_checkpoint_goes_by_any_of_its_names(self, suffix):
        path = FOLDER / f"cyclegan_checkpoints.001{suffix}"
        model = from_addons(path, part="gen_F", **EXAMPLE)
        assert gap(model, "cyclegan_gen_F") <= 1e-5

    def test_folder_of_checkpoints_means_the_latest(self, tmp_path):
        for name in ("resnet_checkpoint", "cyclegan_checkpoints.001"):
            for path in FOLDER.glob(f"{name}.*"):
                shutil.copy(path, tmp_path)
        line = refusal(tmp_path, **EXAMPLE)
        assert "holds several checkpoints" in line
        latest = 'model_checkpoint_path: "C:\\\\runs\\\\resnet_checkpoint"\n'
        (tmp_path / "checkpoint").write_text(latest)
        assert gap(from_addons(tmp_path, **EXAMPLE), "resnet") <= 1e-5


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


class TestBadFiles:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "an empty file"),
            (b"<!DOCTYPE html><html>404</html>", "a web page"),
            (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
            (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "from_torch"),
            (b'{"class_name": "Functional"}', "passed as architecture="),
            (b"\x89PNG\r\n\x1a\n", "of an unknown kind"),
            (b"\x89HDF\r\n\x1a\n", "damaged HDF5"),
            (b"PK\x03\x04", "damaged archive"),
        ],
    )
    def test_no_model(self, tmp_path, content, words):
        path = tmp_path / "model.h5"
        path.write_bytes(content)
        line = refusal(path)
        assert words in line and str(path) in line

    def test_nothing(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            from_addons(tmp_path / "none.h5")
        assert "a folder without a model" in refusal(tmp_path)

    @pytest.mark.parametrize(
        ("suffix", "version"), [(".keras", "3.15.1"), (".h5", "3.15.1")]
    )
    @pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
    def test_of_keras_3(self, tmp_path, suffix, version):
        path = tmp_path / f"model{suffix}"
        own_model().save(path)
        line = refusal(path)
        assert "was written by Keras 3" in line and "keras.saving.load_model" in line

    @pytest.mark.parametrize("name", ["resnet.h5", "resnet.keras", "resnet.weights.h5"])
    def test_cut_short(self, tmp_path, name):
        path = tmp_path / name
        path.write_bytes((FOLDER / name).read_bytes()[:-5000])
        assert "damaged" in refusal(path, **EXAMPLE)

    @pytest.mark.parametrize(
        "name",
        [
            "keras_metadata.pb",
            "variables/variables.index",
            "variables/variables.data-00000-of-00001",
        ],
    )
    def test_saved_model_cut_short(self, tmp_path, name):
        path = tmp_path / "model"
        shutil.copytree(FOLDER / "resnet_saved_model", path)
        data = (path / name).read_bytes()
        (path / name).write_bytes(data[: len(data) // 2])
        assert str(path) in refusal(path)

    def test_archive_that_would_burst(self, tmp_path):
        path = tmp_path / "bomb.keras"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", "{}")
            archive.writestr("model.weights.h5", bytes(50_000_000))
        assert "would unpack 'model.weights.h5' to 50000000 bytes" in refusal(path)

    def test_archives_of_others(self, tmp_path):
        path = tmp_path / "net.pth"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", b"")
        assert "which from_torch reads" in refusal(path)

    def test_hdf5_of_others(self, tmp_path):
        path = tmp_path / "data.h5"
        with h5py.File(path, "w") as file:
            file["images"] = np.zeros(3)
        assert "without a model of Keras 2 (it holds images)" in refusal(path)

    @pytest.mark.parametrize("kind", ["external", "soft", "virtual", "raw"])
    def test_weights_that_lie_in_other_files(self, tmp_path, kind):
        path = tmp_path / "resnet.h5"
        shutil.copy(FOLDER / "resnet.h5", path)
        secret = tmp_path / "secret.h5"
        with h5py.File(secret, "w") as file:
            file["x"] = np.zeros(2, np.float32)
        with h5py.File(path, "r+") as file:
            name = "instance_normalization"
            group = file[f"model_weights/{name}/{name}"]
            del group["gamma:0"]
            if kind == "external":
                group["gamma:0"] = h5py.ExternalLink(str(secret), "x")
            elif kind == "soft":
                group["gamma:0"] = h5py.SoftLink(group["beta:0"].name)
            elif kind == "virtual":
                layout = h5py.VirtualLayout((2,), np.float32)
                layout[:] = h5py.VirtualSource(str(secret), "x", (2,))
                group.create_virtual_dataset("gamma:0", layout)
            else:
                where = [(str(secret), 0, 8)]
                group.create_dataset("gamma:0", (2,), np.float32, external=where)
        assert "save the weights anew" in refusal(path)

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (np.float32([1, np.nan]), "is not finite"),
            (np.float32([1, np.inf]), "is not finite"),
            (np.int32([1, 2]), "of type int32"),
            (np.array([b"a", b"b"]), "of type"),
            (np.ones(3, np.float32), "of shape (3,)"),
            (np.float32(1), "of shape ()"),
            (None, "damaged: it has no"),
        ],
    )
    def test_weights_that_are_none(self, tmp_path, value, words):
        path = tmp_path / "resnet.h5"
        shutil.copy(FOLDER / "resnet.h5", path)
        with h5py.File(path, "r+") as file:
            name = "instance_normalization"
            group = file[f"model_weights/{name}/{name}"]
            del group["gamma:0"]
            if value is not None:
                group["gamma:0"] = value
        assert words in refusal(path)

    def test_other_precisions_are_taken(self, tmp_path):
        path = tmp_path / "resnet.h5"
        shutil.copy(FOLDER / "resnet.h5", path)
        with h5py.File(path, "r+") as file:
            name = "instance_normalization"
            group = file[f"model_weights/{name}/{name}"]
            gamma = group["gamma:0"][()]
            del group["gamma:0"]
            group["gamma:0"] = gamma.astype(np.float64)
        assert gap(from_addons(path), "resnet") <= 1e-5

    def test_weights_without_a_layer(self, tmp_path):
        path = tmp_path / "resnet.keras"
        packed = io.BytesIO(
            zipfile.ZipFile(FOLDER / "resnet.keras").read("model.weights.h5")
        )
        with h5py.File(packed, "r+") as file:
            file["layers/conv2d_99/vars/0"] = np.ones(2, np.float32)
        members = {"model.weights.h5": packed.getvalue()}
        rezip(FOLDER / "resnet.keras", path, **members)
        assert "for which the architecture has no layer" in refusal(path)

    def test_descriptions_that_do_not_hold_together(self, tmp_path):
        def forget(config):
            config["config"]["layers"][3]["inbound_nodes"] = [[["nobody", 0, 0, {}]]]

        assert "takes what no layer gives" in refusal(with_config(tmp_path, forget))

        def empty(config):
            config["config"]["output_layers"] = []

        assert "has no output" in refusal(with_config(tmp_path, empty))

        def break_off(config):
            del config["config"]["layers"][2]["config"]

        assert "damaged" in refusal(with_config(tmp_path, break_off))

    @pytest.mark.parametrize(
        "name", ["unet.h5", "unet.keras", "resnet_saved_model/keras_metadata.pb"]
    )
    def test_flipped_bytes_give_a_model_or_a_line(self, tmp_path, name):
        folder, _, inner = name.partition("/")
        path = tmp_path / folder
        copy = shutil.copytree if inner else shutil.copy
        copy(FOLDER / folder, path)
        data = (FOLDER / name).read_bytes()
        random = np.random.default_rng(0)
        for _ in range(40):
            changed = bytearray(data)
            for position in random.integers(len(data), size=3):
                changed[position] = random.integers(256)
            (tmp_path / name).write_bytes(changed)
            try:
                from_addons(path)
            except ValueError as error:
                assert "\n" not in str(error)
