"""Runs that begin with other networks' weights."""

import logging
import shutil

import numpy as np
import pytest
from PIL import Image

from tests import reference
from tests.interop import saved
from tests.models.test_cyclegan_parity import FILE, LOSSES
from tests.recipes.changes import changed
from tests.test_cli import refused
from tests.translators import TINY, make_cyclegan_run, make_run, photos
from tfi2i import networks
from tfi2i.interop.imported_runs import import_torch
from tfi2i.interop.initial_weights import initial_networks
from tfi2i.models import CycleGAN, Pix2Pix
from tfi2i.recipes import stored
from tfi2i.recipes.named import get
from tfi2i.training.run import train
from tfi2i.training.transfer import lines, transfer


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """A checkpoint folder of the reference, before three known steps."""
    arrays, config = reference.read(reference.GOLDEN / FILE)
    folder = tmp_path_factory.mktemp("checkpoints") / "horse2zebra"
    folder.mkdir()
    for name in ("G_A", "G_B", "D_A", "D_B"):
        tensors = reference.under(arrays, f"before/{name}")
        saved.save(folder / f"latest_net_{name}.pth", tensors)
        # Of another epoch, and of something else.
        others = {key: np.zeros_like(value) for key, value in tensors.items()}
        saved.save(folder / f"200_net_{name}.pth", others)
    (folder / "loss_log.txt").write_text("")
    return arrays, config, folder


def _cyclegan(config, **generator):
    """A fresh one for the reference's options."""
    made = {"filters": config["ngf"], **generator}
    return CycleGAN(
        networks.resnet(6, **made),
        networks.resnet(6, **made),
        networks.patchgan(filters=config["ndf"], norm="instance"),
        networks.patchgan(filters=config["ndf"], norm="instance"),
        pool_size=0,
    )


@pytest.mark.slow
def test_an_experiment_of_the_reference_goes_on(experiment):
    """The next step's losses are the reference's, discriminators' too."""
    arrays, config, folder = experiment
    model = _cyclegan(config)
    accounts = transfer(model, initial_networks(folder))
    for account in accounts:
        assert account.loaded
        assert not account.skipped and not account.fresh
    model.compile()
    losses = model.train_on_batch(
        arrays["real_a/0"], arrays["real_b/0"], return_dict=True
    )
    for theirs, value in reference.under(arrays, "loss/0").items():
        assert losses[LOSSES[theirs]] == pytest.approx(float(value), rel=1e-4)


def test_the_latest_or_the_last_epoch_is_taken(experiment, tmp_path):
    _, _, folder = experiment
    kernel = initial_networks(folder)["generator_ab"].get_layer("stem").kernel.numpy()
    assert np.abs(kernel).max() > 0
    for path in folder.glob("200_*"):
        shutil.copy(path, tmp_path)
        shutil.copy(
            folder / path.name.replace("200", "latest"),
            tmp_path / path.name.replace("200", "95"),
        )
    kernel = initial_networks(tmp_path)["generator_ab"].get_layer("stem").kernel.numpy()
    assert np.abs(kernel).max() == 0


def test_a_changed_head_stays_fresh(experiment):
    _, config, folder = experiment
    generator = networks.resnet(6, filters=config["ngf"], out_channels=1)
    model = Pix2Pix(generator, networks.patchgan(4, filters=4))
    fresh = generator.get_layer("head").kernel.numpy()
    account, _ = transfer(model, initial_networks(folder))
    assert account.fresh == ["head/kernel", "head/bias"]
    assert account.skipped["head/kernel"] == "its shape is 7x7x4x3, here 7x7x4x1"
    np.testing.assert_array_equal(generator.get_layer("head").kernel, fresh)
    shown = "\n".join(lines([account]))
    assert "skipped: generator head/bias: its shape is 3, here 1" in shown
    assert "fresh: generator head/kernel, head/bias" in shown
    counts = [str(len(generator.weights) - 2), "2", "2"]
    assert shown.splitlines()[1].split() == ["generator", *counts]


def test_more_blocks_are_fresh(experiment):
    _, config, folder = experiment
    model = _cyclegan(config)
    model = CycleGAN(
        networks.resnet(7, filters=config["ngf"]),
        model.generator_ba,
        model.discriminator_a,
        model.discriminator_b,
    )
    account, *_ = transfer(model, initial_networks(folder))
    assert not account.skipped
    assert {path.partition("_")[0] for path in account.fresh} == {"block7"}


@pytest.mark.parametrize("way", ["a2b", "b2a"])
def test_a_one_way_generator_begins_a_cyclegan(experiment, tmp_path, way):
    _, config, folder = experiment
    path = folder / "latest_net_G_A.pth"
    import_torch(path, tmp_path / "run", direction=way)
    model = _cyclegan(config)
    accounts = transfer(model, initial_networks(tmp_path / "run"))
    loaded = [account.network for account in accounts if account.loaded]
    assert loaded == [f"generator_{way.replace('2', '')}"]


@pytest.mark.slow
def test_a_pix2pix_run_begins_with_runs(tmp_path):
    pair, cycle = tmp_path / "pair", tmp_path / "cycle"
    make_run(pair, **TINY, norm="batch")
    generators = make_cyclegan_run(cycle)
    for source, direction, expected in [
        (pair, "a2b", initial_networks(pair)["generator_ab"]),
        (cycle, "a2b", generators[0]),
        (cycle, "b2a", generators[1]),
    ]:
        generator = networks.resnet(0, filters=2, norm="batch")
        if source == cycle:
            generator = networks.resnet(0, filters=2)
        judge = networks.patchgan(6, filters=4)
        model = Pix2Pix(generator, judge, direction=direction)
        accounts = transfer(model, initial_networks(source))
        assert accounts[0].loaded
        for ours, theirs in zip(generator.weights, expected.weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_one_way_begins_with_one_way_whatever_its_direction(experiment, tmp_path):
    _, config, folder = experiment
    import_torch(folder / "latest_net_G_A.pth", tmp_path / "run", direction="b2a")
    sources = initial_networks(tmp_path / "run")
    for direction in ("a2b", "b2a"):
        generator = networks.resnet(6, filters=config["ngf"])
        judge = networks.patchgan(6, filters=4)
        model = Pix2Pix(generator, judge, direction=direction)
        account, _ = transfer(model, sources)
        assert not account.fresh
        np.testing.assert_array_equal(
            generator.get_layer("stem").kernel,
            sources["generator_ba"].get_layer("stem").kernel,
        )


def test_nothing_fits(experiment):
    """Also where a kernel or two of a discriminator do."""
    _, config, folder = experiment
    discriminator = networks.patchgan(6, filters=config["ndf"], norm="instance")
    model = Pix2Pix(networks.unet(5, filters=2), discriminator)
    sources = initial_networks(folder)
    with pytest.raises(ValueError, match="nothing of generator_ab and .* fits"):
        transfer(model, sources)
    one_way = {"generator_ab": sources["generator_ab"]}
    with pytest.raises(ValueError, match="nothing of generator fits: sizes"):
        transfer(model, one_way)


def test_the_command_s_mistakes(capsys, experiment, tmp_path):
    _, _, folder = experiment
    (tmp_path / "empty").mkdir()
    train = ("train", "cyclegan-emoji", "--run", tmp_path / "run", "--init-from")
    assert "no folder: expected a run" in refused(capsys, *train, tmp_path / "none")
    assert "no file such as latest_net_G.pth" in refused(
        capsys, *train, tmp_path / "empty"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_begins_and_says_with_what(experiment, tmp_path, caplog):
    _, _, folder = experiment
    for side in "AB":
        (tmp_path / "images" / f"train{side}").mkdir(parents=True)
        for index, image in enumerate(photos(4, 32, 32)):
            path = tmp_path / "images" / f"train{side}" / f"{index}.png"
            Image.fromarray(image).save(path)
    config = changed(
        get("cyclegan-emoji").config,
        init_from=str(folder),
        data__dir=str(tmp_path / "images"),
        data__crop_size=32,
        data__load_size=32,
        model__generator__blocks=6,
        model__generator__filters=4,
        model__discriminator__filters=8,
        optimizer__learning_rate=1e-12,
        epochs=1,
    )
    with caplog.at_level(logging.INFO, "tfi2i"):
        model = train(config, tmp_path / "run", initial_networks)
    assert "initial weights  loaded  skipped  fresh" in caplog.text
    expected = initial_networks(folder)["generator_ab"]
    for ours, theirs in zip(model.generator_ab.weights, expected.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    log = (tmp_path / "run" / "train.log").read_text()
    assert "initial weights  loaded  skipped  fresh" in log
    assert stored.read(tmp_path / "run").init_from == str(folder.resolve())
    with pytest.raises(ValueError, match="so load_initial is needed"):
        train(config, tmp_path / "other")
    assert not (tmp_path / "other").exists()
