"""Imported models against outputs of the real tensorflow-addons."""

import logging
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.addons.compare import cases, layer_gaps
from tests.interop.keras2.models import (
    EXAMPLE,
    FOLDER,
    arrays,
    gap,
    norms,
    own_model,
    refusal,
    with_layer,
)
from tfi2i.inference.size_padding import at_inference, size_rule
from tfi2i.interop import from_addons
from tfi2i.layers import InstanceNormalization, RequireMultiple

CASES = list(cases(FOLDER))


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


class TestTraining:
    @pytest.mark.slow
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
