"""Files that an earlier version made, which `make.py` here tells about.

What they hold has to arrive to the bit. What is computed from it may differ by
rounding, since other processors add in another order.
"""

import hashlib
import json
import re
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from tests.compat.make import GO_ON, IMAGES, RUNS, STOPS, batches, go_on
from tests.test_cli import tfi2i as command
from tfi2i import cli, load
from tfi2i.models.state import named_variables
from tfi2i.recipes import stored
from tfi2i.recipes.trained import model_of

HERE = Path(__file__).parent
# Source, its file of expected values, the prefix there, and what `load` is told.
SOURCES = [
    ("pix2pix_finished", "only", {}),
    ("pix2pix_finished/model.keras", "only", {"direction": "b2a"}),
    ("pix2pix_stopped", "only", {}),
    ("imported", "only", {}),
    ("cyclegan_finished", "a2b", {"direction": "a2b"}),
    ("cyclegan_stopped", "b2a", {"direction": "b2a"}),
    *(
        pytest.param(name, direction, {"direction": direction}, marks=pytest.mark.slow)
        for name, direction in (
            ("cyclegan_finished", "b2a"),
            ("cyclegan_stopped", "a2b"),
        )
    ),
    ("cyclegan_finished", "best_b2a", {"direction": "b2a", "weights": "best"}),
    ("cyclegan_finished/best.keras", "best_b2a", {"direction": "b2a"}),
    ("keras/pix2pix.keras", "pix2pix", {}),
    ("keras/cyclegan.keras", "cyclegan", {"direction": "b2a"}),
    ("keras/generator.keras", "generator", {}),
    *(
        (f"pix2pix_finished/export/{name}", name, {})
        for name in (
            "pix2pix_finished_b2a",
            "pix2pix_finished_b2a.tflite",
            "pix2pix_finished_b2a_float16.tflite",
            "pix2pix_finished_b2a.onnx",
        )
    ),
]
LONE = ["pix2pix", pytest.param("cyclegan", marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """All files, unpacked: nobody may change them."""
    folder = tmp_path_factory.mktemp("files")
    for path in HERE.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder / path.stem)
    return folder


def _expected(source):
    name = "exports" if "/export/" in source else source.partition("/")[0]
    with np.load(HERE / "expected" / f"{name}.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


def _check_equal_but_for_rounding(found, expected):
    assert found.dtype == expected.dtype == np.uint8
    assert np.abs(np.int32(found) - expected).max() <= 1
    # The photos are painted in many colours.
    assert expected.std() > 10


def _hash(variable):
    return hashlib.sha256(keras.ops.convert_to_numpy(variable).tobytes()).hexdigest()


@pytest.mark.parametrize(("source", "title", "options"), SOURCES)
def test_it_translates_as_before(files, source, title, options):
    if source.endswith(".onnx"):
        pytest.importorskip("onnxruntime")
    translator = load(files / source, **options)
    expected = _expected(source)
    for photo in ("fits", "odd"):
        image = np.asarray(Image.open(files / "images" / "photos" / f"{photo}.png"))
        _check_equal_but_for_rounding(translator(image), expected[f"{title}/{photo}"])


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("pix2pix_finished/model.keras", "hashes"),
        ("cyclegan_finished/model.keras", "hashes"),
        ("keras/pix2pix.keras", "pix2pix/hashes"),
        ("keras/cyclegan.keras", "cyclegan/hashes"),
    ],
)
def test_all_of_a_trainer_loads_to_the_bit(files, path, key):
    model = keras.models.load_model(files / path)
    expected = json.loads(str(_expected(path)[key]))
    # The mean losses of an epoch are begun anew.
    variables = named_variables(model)
    found = {n: _hash(v) for n, v in variables.items() if not n.startswith("means/")}
    assert found == expected


@pytest.mark.parametrize("name", STOPS)
def test_a_backup_loads_to_the_bit(files, name):
    run = files / name
    model = model_of(run, stored.read(run))
    with np.load(run / "backup" / "state.npz") as expected:
        for key, variable in named_variables(model).items():
            if key.startswith("model/"):
                np.testing.assert_array_equal(variable.numpy(), expected[key], key)


@pytest.mark.parametrize("name", [*RUNS, "imported"])
def test_a_configuration_reads_back_equal(files, name, tmp_path):
    stored.write(stored.read(files / name), tmp_path)
    found, expected = (
        json.loads((run / "config.json").read_text())
        for run in (tmp_path, files / name)
    )
    assert expected["format"] == 1
    assert {**found, "versions": None} == {**expected, "versions": None}


@pytest.mark.parametrize("name", LONE)
def test_a_trainer_saved_from_python_has_the_same_losses(files, name):
    path = f"keras/{name}.keras"
    model = keras.models.load_model(files / path)
    found = model.test_on_batch(*batches(), return_dict=True)
    expected = json.loads(str(_expected(path)[f"{name}/losses"]))
    assert {k: float(v) for k, v in found.items()} == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONE)
def test_a_trainer_saved_from_python_goes_on(files, name):
    path = f"keras/{name}.keras"
    model = keras.models.load_model(files / path)
    go_on(model)
    _check_weights(model, _expected(path), f"{name}/resumed/")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pix2pix_stopped", "cyclegan_stopped", *GO_ON])
def test_a_run_goes_on_as_it_would_have(files, name, tmp_path):
    run = tmp_path / name
    shutil.copytree(files / name, run)
    images = files / "images" / IMAGES[name.partition("_")[0]]
    words = ("--epochs", GO_ON[name]) if name in GO_ON else ()
    done = command("train", "--resume", run, "--data.dir", images, *words)
    assert done.returncode == 0, done.stderr
    expected = _expected(name)
    lines = (run / "metrics.jsonl").read_text(), str(expected["metrics"])
    found, before = ([_losses(line) for line in text.splitlines()] for text in lines)
    assert found == [pytest.approx(losses, rel=0.05, abs=0.02) for losses in before]
    model = keras.models.load_model(run / "model.keras")
    _check_weights(model, expected, "resumed/")


def _losses(line):
    timed = ("seconds", "images_per_second")
    return {k: v for k, v in json.loads(line).items() if k not in timed}


def _check_weights(model, expected, prefix):
    """They are equal to a fifth of the smallest step of Adam's, which is 0.005."""
    for name, variable in named_variables(model).items():
        # The gradient of a bias that instance norm cancels is nothing but rounding, of
        # which Adam makes whole steps.
        if name.startswith(("model/", "pool_")) and variable.name != "bias":
            # Images of the pools were painted with these weights.
            bound = 0.05 if name.startswith("pool_") else 1e-3
            np.testing.assert_allclose(
                variable.numpy(), expected[prefix + name], atol=bound, err_msg=name
            )


@pytest.mark.parametrize("name", RUNS)
def test_a_run_scores_as_before(files, name, capsys):
    words = ["evaluate", files / name, "--data.dir", files / "images" / "pairs"]
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    assert end.value.code == 0
    found, before = capsys.readouterr().out, str(_expected(name)["evaluated"])
    assert _scores(found) == pytest.approx(_scores(before), abs=2e-3)


def _scores(table):
    """All numbers with a decimal point, which L1, PSNR and SSIM have."""
    scores = [float(number) for number in re.findall(r"-?\d+\.\d{2,}", table)]
    assert len(scores) == 6
    return scores


def test_exports_translate_without_their_model(files, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(files / "pix2pix_finished", run)
    (run / "model.keras").unlink()
    image = np.asarray(Image.open(files / "images" / "photos" / "odd.png"))
    expected = _expected("pix2pix_finished")["only/odd"]
    _check_equal_but_for_rounding(load(run)(image), expected)


@pytest.mark.slow
def test_a_run_is_exported_as_before(files, tmp_path):
    run = tmp_path / "pix2pix_finished"
    shutil.copytree(files / run.name, run)
    shutil.rmtree(run / "export")
    done = command("export", run, "--quantize", "none", "float16")
    assert done.returncode == 0, done.stderr
    expected = _expected("/export/")
    image = np.asarray(Image.open(files / "images" / "photos" / "odd.png"))
    for end in ("", ".tflite", "_float16.tflite"):
        name = f"{run.name}_b2a{end}"
        translator = load(run / "export" / name)
        _check_equal_but_for_rounding(translator(image), expected[f"{name}/odd"])
