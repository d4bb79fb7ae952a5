"""The functions of `tfi2i`, with every module of it imported."""

import importlib
import json
import pkgutil

import numpy as np
import pytest
from PIL import Image

import tfi2i
from tests.translators import make_run, photos
from tfi2i.recipes import stored
from tfi2i.recipes.config import DataConfig
from tfi2i.recipes.named import RECIPES

SMALL = {
    "data": {"crop_size": 32},
    "model": {
        "generator": {"network": "resnet", "filters": 2, "blocks": 0},
        "discriminator": {"filters": 2, "num_layers": 1},
    },
    "sample_images": 0,
}


@pytest.fixture(scope="module", autouse=True)
def every_module():
    """A submodule that is imported becomes an attribute of its package."""
    for module in pkgutil.walk_packages(tfi2i.__path__, "tfi2i."):
        importlib.import_module(module.name)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Folder of pairs, two to train on and one for the test."""
    folder = tmp_path_factory.mktemp("pairs")
    for split, count in (("train", 2), ("test", 1)):
        (folder / split).mkdir()
        for index, image in enumerate(photos(count, 32, 64)):
            Image.fromarray(image).save(folder / split / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory, pairs):
    """A run of one epoch, begun by `tfi2i.train`."""
    run = tmp_path_factory.mktemp("runs") / "tiny"
    small = {**SMALL, "data": {**SMALL["data"], "dir": pairs, "flip": False}}
    dotted = {"optimizer.learning_rate": 1e-3, "optimizer.beta_1": 0}
    return tfi2i.train("pix2pix", run=run, epochs=1, seed=3, **small, **dotted), run


def test_train_changes_the_fields_that_are_named(trained, pairs):
    model, run = trained
    config = stored.read(run)
    assert (config.recipe, config.epochs, config.seed) == ("pix2pix", 1, 3)
    assert config.data.dir == str(pairs) and config.data.crop_size == 32
    assert not config.data.flip and config.data.batch_size == DataConfig().batch_size
    assert config.model.generator.filters == 2
    assert config.model.l1_weight == RECIPES["pix2pix"].config.model.l1_weight
    assert config.optimizer.learning_rate == pytest.approx(1e-3)
    assert config.optimizer.beta_1 == 0
    image = photos(1, 32, 32)[0]
    painted = model(image[None] / np.float32(127.5) - 1, training=False)
    expected = np.int32((painted[0] + 1) * 127.5 + 0.5)
    assert np.abs(tfi2i.load(run)(image) - expected).max() <= 1


def test_train_goes_on_with_a_run(trained, pairs, tmp_path):
    _, run = trained
    tfi2i.train(resume=run, epochs=2, data={"dir": pairs})
    assert stored.recorded_epochs(run)[-1]["epoch"] == 2
    with pytest.raises(ValueError, match=r"and nothing else.*leave data\.a, seed out"):
        tfi2i.train(resume=run, seed=1, data={"a": "x"})
    with pytest.raises(ValueError, match="leave recipe, run out"):
        tfi2i.train("pix2pix", run=tmp_path, resume=run, **{"data.dir": pairs})


@pytest.mark.parametrize(
    ("recipe", "fields", "expected"),
    [
        (None, {}, "train needs a recipe, or resume=RUN. Recipes: pix2pix, "),
        ("facades", {}, "no recipe 'facades'. Did you mean 'pix2pix-facades'?"),
        ("pix2pix", {}, "--data.dir is missing: pix2pix learns from your own images"),
        ("pix2pix", {"epoch": 3}, "no field 'epoch'. Did you mean 'epochs'?"),
        (
            "pix2pix",
            {"data": {"batchsize": 3}},
            "no field 'data.batchsize'. Did you mean 'data.batch_size'?",
        ),
        ("pix2pix", {"data.crop_size": 2.5}, "'data.crop_size' of the configuration"),
        (
            "pix2pix",
            {"data": "facades"},
            "data is 'facades'; expected a mapping of some of its fields: dir, ",
        ),
        ("cyclegan", {"model": {"l1_weight": 1.0}}, "no field 'model.l1_weight'"),
        ("cyclegan", {"model.type": "pix2pix"}, "but the recipe is of a 'cyclegan'"),
        ("edges2emoji", {"epochs": 0}, "--epochs is 0; expected at least 1."),
        ("edges2emoji", {"data.b": "x"}, "applies only with images of your own"),
    ],
)
def test_mistakes_in_train(tmp_path, recipe, fields, expected):
    with pytest.raises(ValueError) as error:
        tfi2i.train(recipe, run=tmp_path / "run", **fields)
    assert expected in str(error.value)
    assert not (tmp_path / "run").exists()


def test_export_then_translate_and_evaluate_with_it(tmp_path, pairs):
    run = tmp_path / "emoji"
    make_run(run, "resnet", filters=2, blocks=0, dropout=0.0)
    (published,) = tfi2i.export(run, formats="tflite", quantize=["none"])
    (report,) = json.loads((run / "export" / "report.json").read_text())
    assert published.path == run / "export" / report["path"]
    results = tfi2i.evaluate(
        [run, published.path], data={"dir": pairs, "crop_size": 32, "input": "files"}
    )
    assert [one.name for one in results[1:]] == [str(run), str(published.path)]
    assert results[1].scores.l1 == pytest.approx(results[2].scores.l1, abs=1e-4)
    image = pairs / "test" / "0.png"
    done = tfi2i.translate(run, image, tmp_path / "one.png", half="left")
    assert [*done.translated] == [tmp_path / "one.png"]
    with Image.open(image) as opened, Image.open(done.translated[0]) as painted:
        expected = tfi2i.load(published.path)(np.asarray(opened)[:, :32])
        assert np.abs(np.int32(painted) - expected).max() <= 1
    with pytest.raises(FileExistsError, match="exists: pass --overwrite"):
        tfi2i.translate(run, image, tmp_path / "one.png", half="left")


def test_mistakes_in_the_others(tmp_path):
    with pytest.raises(ValueError, match="--seed is 1, but applies only with --stoch"):
        tfi2i.translate(tmp_path, "in", "out", seed=1)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        tfi2i.translate(tmp_path / "nowhere", "in", "out")
    with pytest.raises(ValueError, match="needs at least one source"):
        tfi2i.evaluate([])
    with pytest.raises(ValueError, match="no field 'data.cropsize'. Did you mean"):
        tfi2i.evaluate(tmp_path, {"cropsize": 3})
    with pytest.raises(ValueError, match="--formats is 'onnxx'; expected 'savedmod"):
        tfi2i.export(tmp_path, formats="onnxx")


def test_nothing_is_printed(trained, tmp_path, capfd):
    _, run = trained
    Image.fromarray(photos(1, 32, 32)[0]).save(tmp_path / "a.png")
    capfd.readouterr()
    tfi2i.translate(run, tmp_path / "a.png", tmp_path / "b.png")
    assert capfd.readouterr() == ("", "")
