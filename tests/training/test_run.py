"""Runs: what they keep, what they refuse, what they leave behind."""

import json
import re
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.checks import images as images_in_range
from tests.checks import tiny_cyclegan
from tests.recipes.changes import changed
from tests.test_cli import tfi2i
from tfi2i.data import bundled
from tfi2i.data.pixels import to_uint8
from tfi2i.inference.load_translator import trained_generators
from tfi2i.recipes import build, stored
from tfi2i.recipes.config import DomainConfig
from tfi2i.recipes.named import get
from tfi2i.recipes.resolve import resolve
from tfi2i.training import ConstantThenLinear
from tfi2i.training.backup import Backup, Position
from tfi2i.training.health import Diverged
from tfi2i.training.lock import LOCK
from tfi2i.training.run import resume, train


def _lines(run):
    text = (run / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_what_a_run_keeps(config, tmp_path):
    run = tmp_path / "run"
    model = train(config, run)
    rgb = DomainConfig(3, "uint8", 0.0, 255.0)
    found = changed(resolve(config), data__domain_a=rgb, data__domain_b=rgb)
    assert stored.read(run) == found
    versions = json.loads((run / "config.json").read_text())["versions"]
    assert versions["tensorflow"] == tf.__version__

    first, last = _lines(run)
    assert (first["epoch"], first["step"], last["step"]) == (1, 6, 12)
    assert first["learning_rate"] == pytest.approx(5e-4)
    assert last["learning_rate"] == pytest.approx(2.5e-4)
    assert {"g_gan", "g_l1", "d_real", "d_fake", "val_g_l1"} <= first.keys()
    assert first["images_per_second"] > 0

    events = EventAccumulator(str(run / "logs"), size_guidance={"tensors": 0})
    events.Reload()
    steps = [event.step for event in events.Tensors("losses/g_l1")]
    assert steps == list(range(1, 13))
    each_step = [
        float(tf.make_ndarray(event.tensor_proto))
        for event in events.Tensors("losses/g_l1")
    ]
    assert np.mean(each_step[:6]) == pytest.approx(first["g_l1"], rel=1e-5)
    assert [event.step for event in events.Tensors("epoch/val_g_l1")] == [1, 2]
    assert [event.step for event in events.Tensors("samples")] == [1, 2]

    # Three rows of input, output and truth, and gaps of 4 pixels around each.
    with Image.open(run / "samples" / "epoch_0002.png") as panel:
        assert panel.size == (4 + 3 * 36, 4 + 3 * 36)
    assert "epoch 2/2, step 6/6: d_fake" in (run / "train.log").read_text()

    loaded = keras.models.load_model(run / "model.keras")
    x = np.zeros((1, 32, 32, 3), np.float32)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert loaded.generator_optimizer.iterations.numpy() == 12


@pytest.mark.slow
def test_a_seed_fixes_the_run(config, tmp_path):
    weights = [
        train(replace(config, epochs=1, seed=seed), tmp_path / name).get_weights()
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    ]
    for one, other in zip(weights[0], weights[1], strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(weights[0][0] - weights[2][0]).max() > 1e-3


@pytest.mark.slow
def test_two_devices_train_one_model(config, tmp_path):
    norms = replace(
        config.model,
        generator=replace(config.model.generator, norm="instance"),
        discriminator=replace(config.model.discriminator, norm="instance"),
    )
    config = replace(config, model=norms)
    lines = []
    for devices in (1, 2):
        run = tmp_path / str(devices)
        train(replace(config, devices=devices), run)
        lines.append(_lines(run))
    for name in ("g_gan", "g_l1", "d_real", "d_fake", "val_g_l1"):
        for one, two in zip(*lines, strict=True):
            assert two[name] == pytest.approx(one[name], rel=1e-3)


@pytest.mark.slow
def test_an_uneven_last_validation_batch_is_left_out(config, images, tmp_path):
    # Four images in batches of three for two devices would leave one without any.
    shutil.copytree(images, tmp_path / "images")
    next((tmp_path / "images" / "val").iterdir()).unlink()
    data = replace(config.data, dir=str(tmp_path / "images"), batch_size=2)
    train(replace(config, data=data, devices=2, epochs=1), tmp_path / "run")
    assert "val_g_l1" in _lines(tmp_path / "run")[0]


@pytest.mark.slow
def test_training_images_alone_are_enough(config, images, tmp_path):
    shutil.copytree(images / "train", tmp_path / "images" / "train")
    data = replace(config.data, dir=str(tmp_path / "images"))
    run = tmp_path / "run"
    train(replace(config, data=data, epochs=1), run)
    (line,) = _lines(run)
    assert not any(name.startswith("val_") for name in line)
    with Image.open(run / "samples" / "epoch_0001.png") as panel:
        assert panel.size == (4 + 3 * 36, 4 + 3 * 36)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_the_run(config, tmp_path):
    run = tmp_path / "run"
    trained = train(replace(config, epochs=1), run)
    kept = [variable.numpy() for variable in trained.variables]
    shutil.copytree(run, tmp_path / "again")
    (tmp_path / "again" / "model.keras").unlink()
    settings = json.loads((run / "config.json").read_text())
    settings |= {"epochs": 9, "decay_epochs": 0}
    settings["optimizer"]["learning_rate"] = 1e30
    (tmp_path / "again" / "config.json").write_text(json.dumps(settings))
    backup = Backup(tmp_path / "again" / "backup" / "state.npz")
    names = build.load_data(resolve(config), "train").names
    backup.save(trained, Position(1, 0), names)
    with pytest.raises(Diverged, match="g_gan is nan.*--optimizer.learning-rate"):
        resume(tmp_path / "again")
    assert len(_lines(tmp_path / "again")) == 1
    assert "because g_gan is nan" in (tmp_path / "again" / "train.log").read_text()
    # The backup is still the good one.
    backup.restore(trained, names)
    for variable, value in zip(trained.variables, kept, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_a_lost_state_is_not_saved(config, tmp_path):
    model = build.build_model(resolve(config))
    build.compile_model(model, config, 1e-3)
    backup = Backup(tmp_path / "state.npz")
    backup.save(model, Position(0, 1), ["a"])
    before = backup.path.read_bytes()
    model.weights[0].assign(model.weights[0] * float("nan"))
    with pytest.raises(Diverged, match="holds nan; the last finite backup is kept"):
        backup.save(model, Position(0, 2), ["a"])
    assert backup.path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [backup.path]


def test_no_network_s_lost_weights_pass_for_another_s(tmp_path):
    # Layers of one architecture have one name in both generators.
    model = tiny_cyclegan()
    model.compile()
    backup = Backup(tmp_path / "state.npz")
    for network in (
        *model.networks_of("generator"),
        *model.networks_of("discriminator"),
    ):
        bias = network.get_layer(index=-2).weights[-1]
        sound = bias.numpy()
        bias.assign(sound * float("nan"))
        with pytest.raises(Diverged, match="after step 9, because model/.* holds nan"):
            backup.finite_state(model, Position(0, 9))
        bias.assign(sound)
    assert backup.finite_state(model, Position(0, 9))


@pytest.mark.slow
def test_a_cyclegan_run(config, images, tmp_path):
    recipe = get("cyclegan-emoji").config
    networks = replace(
        recipe.model,
        generator=replace(recipe.model.generator, filters=2, blocks=0),
        discriminator=replace(recipe.model.discriminator, filters=2),
    )
    optimizer = replace(recipe.optimizer, ema_momentum=0.5)
    options = dict(model=networks, optimizer=optimizer, sample_images=2)
    run = tmp_path / "run"
    model = train(
        replace(recipe, data=config.data, epochs=1, decay_epochs=0, **options), run
    )
    (line,) = _lines(run)
    names = {"g_ab", "g_ba", "cycle_a", "cycle_b", "idt_a", "idt_b", "d_a", "d_b"}
    assert names | {f"val_{name}" for name in names} <= line.keys()
    # Six columns: A, its translation, back again; the same for B.
    with Image.open(run / "samples" / "epoch_0001.png") as panel:
        assert panel.size == (4 + 6 * 36, 4 + 2 * 36)
    # What is validated, and later translated, are the running means.
    validation = build.load_data(stored.read(run), "val").evaluation(4)
    raw = model.evaluate(validation, verbose=0, return_dict=True)
    assert raw["cycle_a"] != pytest.approx(line["val_cycle_a"], rel=1e-4)
    with model.averaged():
        averaged = model.evaluate(validation, verbose=0, return_dict=True)
        means = [weight.numpy() for weight in model.generator_ba.trainable_weights]
        real_a = next(iter(validation))["a"]
        fake_b = to_uint8(model.generator_ab(real_a[:2], training=False)).numpy()
    assert averaged["cycle_a"] == pytest.approx(line["val_cycle_a"], rel=1e-4)
    with Image.open(run / "samples" / "epoch_0001.png") as panel:
        column = np.int32(panel)[:, 40:72]
    for shown, image in zip((column[4:36], column[40:72]), fake_b, strict=True):
        assert np.abs(shown - image).max() <= 1
    painted = trained_generators(run)["b2a"].trainable_weights
    for weight, mean in zip(painted, means, strict=True):
        np.testing.assert_array_equal(weight.numpy(), mean)


def test_a_folder_of_the_user_outlives_a_run_that_cannot_start(config, tmp_path):
    data = replace(config.data, batch_size=25)
    with pytest.raises(ValueError, match="--data.batch-size is 25"):
        train(replace(config, data=data), tmp_path)
    assert tmp_path.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_killed_before_it_wrote_anything_leaves_room(config, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LOCK).write_text("{}")
    with pytest.raises(ValueError, match="--data.batch-size is 25"):
        train(changed(config, data__batch_size=25), tmp_path / "run")


def test_a_run_where_none_can_be_made(config, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="'.*file' is not a folder that you may write"):
        train(config, tmp_path / "file" / "run")


def test_more_devices_than_there_are(config, tmp_path):
    config = replace(config, devices=4)
    with pytest.raises(ValueError, match="--devices is 4, but TensorFlow sees 2 CPU"):
        train(config, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_not_overwritten(config, tmp_path):
    run = tmp_path / "a run"
    stored.write(resolve(config), run)
    command = re.escape(f"tfi2i train --resume '{run}'")
    with pytest.raises(ValueError, match=command):
        train(config, run)


def test_a_folder_with_other_things_is_left_alone(config, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(FileExistsError, match="exists and is not empty"):
        train(config, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.slow
def test_a_finished_run_is_not_resumed(config, tmp_path):
    run = tmp_path / "run"
    train(replace(config, epochs=1), run)
    with pytest.raises(ValueError, match="finished: all 1 epochs are trained"):
        resume(run)
    with pytest.raises(ValueError, match="holds a model already: choose another --run"):
        train(config, run)


def test_what_is_no_run_is_not_resumed(tmp_path):
    with pytest.raises(ValueError, match="is not a run: it has no config.json"):
        resume(tmp_path)
    (tmp_path / "config.json").write_text('{"format": 1, "epoch": 3}')
    with pytest.raises(ValueError, match="Did you mean 'epochs'"):
        resume(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="Cannot read '.*config.json'"):
        resume(tmp_path)


IMAGES = sorted(path.stem for path in (bundled() / "train").glob("*.webp"))[:24]


@pytest.fixture
def saved(config, tmp_path):
    """A run with a backup of its third step."""
    config = resolve(config)
    stored.write(config, tmp_path)
    model = build.build_model(config)
    build.compile_model(model, config, ConstantThenLinear(2e-4, 1, 1, 6))
    backup = Backup(tmp_path / "backup" / "state.npz")
    backup.save(model, Position(0, 2), IMAGES)
    return config, model, backup


def test_backup_restores_every_variable(saved):
    config, model, backup = saved
    other = build.build_model(replace(config, seed=1))
    build.compile_model(other, config, ConstantThenLinear(2e-4, 1, 1, 6))
    position, means = backup.restore(other, IMAGES)
    assert position == Position(0, 2)
    assert len(means) == len(model.metrics_variables)
    for one, two in zip(model.variables, other.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_backup_keeps_pools(tmp_path):
    model, other = tiny_cyclegan(pool_size=3), tiny_cyclegan(pool_size=3)
    for trainer in (model, other):
        trainer.compile(run_eagerly=True)
    for pool in model.pools:
        pool(images_in_range(5, 8, 8, 3))
    backup = Backup(tmp_path / "state.npz")
    backup.save(model, Position(0, 5), IMAGES)
    backup.restore(other, IMAGES)
    for ours, theirs in zip(model.pools, other.pools, strict=True):
        assert theirs.seen.numpy() == 5
        np.testing.assert_array_equal(ours.images, theirs.images)


def test_other_images_are_noticed(saved, images, tmp_path):
    fewer = tmp_path / "fewer"
    shutil.copytree(images, fewer)
    (fewer / "train" / f"{IMAGES[3]}.webp").unlink()
    with pytest.raises(ValueError, match="are others .*: 23 now, 24 then"):
        resume(tmp_path, str(fewer))


@pytest.mark.slow
def test_moved_images_are_found_with_data_dir(saved, images, tmp_path):
    shutil.copytree(images, tmp_path / "moved")
    resume(tmp_path, str(tmp_path / "moved"))
    assert stored.read(tmp_path).data.dir == str(tmp_path / "moved")
    assert [line["step"] for line in _lines(tmp_path)] == [6, 12]


def test_what_is_no_backup_is_refused(saved, tmp_path):
    backup = saved[-1]
    with backup.path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match="is damaged .it is no .npz archive"):
        resume(tmp_path)


@pytest.mark.slow
def test_a_truncated_backup_is_refused(saved, tmp_path):
    backup = saved[-1]
    contents = backup.path.read_bytes()
    for size in (0, 100, len(contents) // 2, len(contents) - 30):
        backup.path.write_bytes(contents[:size])
        with pytest.raises(ValueError, match="state.npz' is damaged"):
            resume(tmp_path)


def test_a_flipped_byte_is_noticed(saved, tmp_path):
    backup = saved[-1]
    contents = bytearray(backup.path.read_bytes())
    contents[len(contents) // 2] ^= 1
    backup.path.write_bytes(contents)
    with pytest.raises(ValueError, match="is damaged"):
        resume(tmp_path)


def test_a_backup_of_another_model_is_refused(saved, tmp_path):
    config = saved[0]
    generator = replace(config.model.generator, filters=8)
    model = replace(config.model, generator=generator)
    stored.write(replace(config, model=model), tmp_path)
    with pytest.raises(ValueError, match="is of another model"):
        resume(tmp_path)


SMALL = [
    *("--data.crop-size", "32", "--data.batch-size", "4", "--epochs", "2"),
    *("--model.generator.filters", "8", "--model.discriminator.filters", "8"),
    *("--model.discriminator.num-layers", "2", "--data.layout", "side_by_side"),
]


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(images, tmp_path):
    code = (
        "import resource, sys; from tfi2i.cli import main;"
        # Files cannot grow beyond this, as on a full disk.
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
        "main(sys.argv[1:])"
    )
    run = tmp_path / "run"
    words = ["train", "pix2pix-emoji", "--data.dir", images, "--run", run, *SMALL]
    done = tfi2i(*words, code=code)
    assert done.returncode == 1
    assert done.stderr.startswith("tfi2i: error: ")
    assert done.stderr.count("\n") == 1
    assert "File too large" in done.stderr
    assert not list(run.rglob(".partial*"))
    assert list((run / "backup").iterdir()) == []


@pytest.mark.slow
def test_out_of_memory_names_what_to_change(images, tmp_path):
    run = tmp_path / "run"
    words = ["train", "pix2pix-emoji", "--data.dir", images, "--run", run, *SMALL]
    done = tfi2i(*words, "--model.generator.filters", "30000")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "tfi2i: error: Out of memory with batch size 4, crop size 32 and precision "
        "float32"
    )
    assert done.stderr.count("\n") == 1
    assert not run.exists()


def test_exports_without_a_model_are_left_alone(config, tmp_path):
    run = tmp_path / "run"
    stored.write(resolve(config), run)
    (run / "export").mkdir()
    for start in (lambda: train(config, run), lambda: resume(run)):
        with pytest.raises(ValueError, match="exports without its model: "):
            start()
    assert sorted(path.name for path in run.iterdir()) == ["config.json", "export"]
