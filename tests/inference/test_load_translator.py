"""Translators from runs, SavedModels and .tflite files."""

import json
import shutil

import keras
import numpy as np
import pytest

from tests.translators import exported, make_cyclegan_run, photos, write_run
from tfi2i.data.pixels import to_float, to_uint8
from tfi2i.inference import engines, load
from tfi2i.inference.load_translator import trained_generators
from tfi2i.recipes import stored


@pytest.fixture(scope="module")
def generator_and_run(tmp_path_factory):
    """A batch-norm U-Net with dropout and its exports."""
    return exported(tmp_path_factory, "unet")[:2]


@pytest.fixture(scope="module")
def run(generator_and_run):
    return generator_and_run[1]


@pytest.fixture(scope="module")
def cyclegan(tmp_path_factory):
    """A run that knows both ways, without exports."""
    run = tmp_path_factory.mktemp("runs") / "cycle"
    return *make_cyclegan_run(run), run


@pytest.fixture(scope="module")
def translators(run):
    folder = run / "export"
    sources = [run, folder / "emoji_a2b", folder / "emoji_a2b" / "1"]
    return [load(source) for source in [*sources, folder / "emoji_a2b.tflite"]]


def _bare(run, folder, *exports):
    """A copy of a run that holds its configuration and some exports only."""
    (folder / "export").mkdir(parents=True)
    shutil.copy(run / "config.json", folder)
    for name in exports:
        (folder / "export" / name).symlink_to(run / "export" / name)
    return folder


@pytest.mark.parametrize("shape", [(64, 64), (37, 101), (5, 9), (128, 64)])
def test_all_sources_paint_the_same(translators, shape):
    images = photos(3, *shape)
    expected = translators[0](images)
    assert expected.shape == images.shape
    assert expected.dtype == np.uint8
    assert expected.std() > 10
    for other in translators[1:]:
        gap = np.abs(np.int32(other(images)) - expected)
        assert gap.max() <= 1


def test_paints_what_the_generator_paints(generator_and_run, translators):
    generator, _ = generator_and_run
    images = photos(2, 64, 64)
    expected = to_uint8(generator(to_float(images), training=False)).numpy()
    # Eager and graph mode may round differently.
    assert np.abs(np.int32(translators[0](images)) - expected).max() <= 1


def test_inference_changes_no_state(run):
    (generator,) = trained_generators(run).values()
    before = [variable.numpy() for variable in generator.variables]
    engine = engines.KerasEngine(generator)
    for images in (photos(3, 64, 64), photos(1, 37, 101)):
        np.testing.assert_array_equal(engine(images), engine(images))
    for variable, value in zip(generator.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_both_directions_of_a_cyclegan(cyclegan):
    *generators, run = cyclegan
    images = photos(2, 24, 20)
    a2b, b2a = (load(run, direction)(images) for direction in ("a2b", "b2a"))
    for painted, generator in zip((a2b, b2a), generators, strict=True):
        expected = to_uint8(generator(to_float(images), training=False)).numpy()
        assert np.abs(np.int32(painted) - expected).max() <= 1
    assert np.abs(np.int32(a2b) - b2a).max() > 1
    np.testing.assert_array_equal(load(run)(images), a2b)
    assert load(run, "b2a").direction == "b2a"


def test_an_export_s_name_tells_its_direction(run, tmp_path):
    folder = run / "export"
    for source in ("emoji_a2b", "emoji_a2b/1", "emoji_a2b_float16.tflite"):
        assert load(folder / source, "a2b").direction == "a2b"
        with pytest.raises(ValueError, match=f"{source}' translates a2b, not b2a"):
            load(folder / source, "b2a")
    renamed = tmp_path / "b2a_model.tflite"
    renamed.symlink_to(folder / "emoji_a2b.tflite")
    assert load(renamed).direction == "a2b"
    # As earlier versions wrote it, which said nothing of itself.
    nameless = tmp_path / "model.tflite"
    nameless.write_bytes(renamed.read_bytes().partition(b"PK\x03\x04")[0])
    assert load(nameless).direction is None
    with pytest.raises(ValueError, match="does not say .*: leave --direction out"):
        load(nameless, "b2a")


@pytest.mark.slow
def test_a_run_of_config_and_exports_alone(run, tmp_path):
    images = photos(1, 64, 64)
    expected = np.int32(load(run)(images))
    # In half precision alone, too.
    names = ("emoji_a2b", "emoji_a2b.tflite", "emoji_a2b_float16.tflite")
    for name, levels in zip(names, (1, 1, 8), strict=True):
        bare = _bare(run, tmp_path / name, name)
        assert np.abs(load(bare)(images) - expected).max() <= levels
    # Exact ones first.
    bare = _bare(run, tmp_path / "both", *names[1:])
    assert np.abs(load(bare)(images) - expected).max() <= 1


def test_a_partial_export_is_not_loaded(run, tmp_path):
    bare = _bare(run, tmp_path / "emoji", "emoji_a2b.tflite")
    partial = bare / "export" / ".partial-emoji_a2b"
    partial.mkdir()
    (partial / "saved_model.pb").write_bytes(b"half")
    (bare / "export" / ".partial-emoji_a2b.tflite").write_bytes(b"half")
    assert load(bare)(photos(1, 64, 64)).shape == (1, 64, 64, 3)


def test_what_needs_more_than_exports(run, tmp_path):
    bare = _bare(run, tmp_path / "emoji", "emoji_a2b.tflite")
    for use in (lambda: load(bare, noise_seed=1), lambda: trained_generators(bare)):
        with pytest.raises(ValueError, match=r"only exports \(emoji_a2b.tflite\)") as e:
            use()
        assert "--resume" not in str(e.value)


def test_a_run_remembers_its_background(run, cyclegan, tmp_path):
    assert load(run / "export" / "emoji_a2b.tflite").background == "white"
    bare = _bare(run, tmp_path / "bare", "emoji_a2b.tflite")
    shutil.copytree(cyclegan[-1], tmp_path / "run")
    for copy in (bare, tmp_path / "run"):
        config = json.loads((copy / "config.json").read_text())
        config["data"]["background"] = "#102030"
        (copy / "config.json").write_text(json.dumps(config))
        assert load(copy).background == "#102030"


def test_noise(run, cyclegan, translators):
    images = photos(1, 64, 64)
    painted = np.int32(load(run, noise_seed=1)(images))
    assert np.abs(painted - translators[0](images)).max() > 1
    with pytest.raises(ValueError, match="has no dropout"):
        load(cyclegan[-1], noise_seed=1)
    with pytest.raises(ValueError, match="--stochastic needs a run folder"):
        load(run / "export" / "emoji_a2b", noise_seed=1)


def test_sources_that_are_none(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is an empty folder; expected a run"):
        load(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(b"123")
    with pytest.raises(ValueError, match="is a folder with photo.jpg; expected"):
        load(tmp_path)
    with pytest.raises(ValueError, match="is a file of 3 bytes; expected"):
        load(tmp_path / "photo.jpg", noise_seed=1)
    (tmp_path / "broken.tflite").write_bytes(b"123")
    with pytest.raises(ValueError, match="is no image translator"):
        load(tmp_path / "broken.tflite")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "saved_model.pb").write_bytes(b"123")
    with pytest.raises(ValueError, match="broken' is no image translator"):
        load(tmp_path / "broken")
    with pytest.raises(ValueError, match="translates a2b, not b2a"):
        load(run, "b2a")


def test_an_unfinished_or_damaged_run(run, tmp_path):
    (tmp_path / "config.json").write_bytes((run / "config.json").read_bytes())
    with pytest.raises(ValueError, match="no model.keras and no backup yet. Train"):
        load(tmp_path)
    contents = (run / "model.keras").read_bytes()
    (tmp_path / "model.keras").write_bytes(contents[: len(contents) // 2])
    with pytest.raises(ValueError, match="Cannot read '.*model.keras'"):
        load(tmp_path)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_runs_of_mixed_precision_paint_in_float32(precision, tmp_path):
    """Other runtimes, and CPUs, have no arithmetic for less."""
    small = {"network": "resnet", "blocks": 1, "filters": 2, "norm": "instance"}
    write_run("edges2emoji", tmp_path / "run", small, precision=precision)
    (generator,) = trained_generators(tmp_path / "run").values()
    assert {layer.compute_dtype for layer in generator.layers} == {"float32"}
    model = keras.models.load_model(tmp_path / "run" / stored.MODEL)
    for ours, theirs in zip(generator.weights, model.generator.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
