import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tfi2i import cli
from tfi2i.commands.train import parse_training
from tfi2i.recipes import stored
from tfi2i.recipes.config import DataConfig, TrainConfig
from tfi2i.recipes.named import RECIPES
from tfi2i.recipes.pix2pix import Pix2PixConfig

RUN = "import sys; from tfi2i.cli import main; main(sys.argv[1:])"


def tfi2i(*words, cwd=None, code=RUN, timeout=120, **environment):
    """The command as a user runs it: another process, TensorFlow's defaults."""
    root = Path(cli.__file__).parents[1]
    inherited = {**os.environ, "PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8"}
    for name in ("TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS"):
        del inherited[name]
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env={**inherited, **environment},
        timeout=timeout,
    )


def refused(capsys, *words):
    """The one line that a mistake is answered with."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(word) for word in words])
    printed = capsys.readouterr()
    assert stop.value.code == 1
    assert printed.out == ""
    assert printed.err.startswith("tfi2i: error: ")
    assert printed.err.count("\n") == 1
    return printed.err.removeprefix("tfi2i: error: ").rstrip("\n")


def shown(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        cli.main(list(words))
    assert stop.value.code == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


@pytest.mark.parametrize("word", ["--help", "--version", "recipes"])
def test_what_needs_no_tensorflow_does_not_load_it(word):
    code = (
        "import atexit, sys; atexit.register(lambda: print(sorted("
        "{'tensorflow', 'keras', 'numpy'} & set(sys.modules)))); " + RUN
    )
    done = tfi2i(word, code=code)
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.endswith("[]\n")


def test_help_answers_in_half_a_second():
    times = []
    for _ in range(3):
        start = time.perf_counter()
        tfi2i("--help")
        times.append(time.perf_counter() - start)
    assert min(times) < 0.5


def test_help_lists_the_commands(capsys):
    text = shown(capsys, "--help")
    assert text == shown(capsys)
    for command in ("recipes", "train", "demo", "--debug", "--version"):
        assert command in text


def test_version(capsys):
    assert shown(capsys, "--version") == "tfi2i 0.1.0.dev0\n"


def test_recipes(capsys):
    text = shown(capsys, "recipes")
    assert all(name in text for name in RECIPES)
    assert "not measured" in text.replace("\n", " ")


def test_train_help(capsys):
    text = shown(capsys, "train", "--help")
    assert "--resume RUN [--data.dir DIR]" in text
    assert all(name in text for name in RECIPES)


def test_help_of_a_recipe_shows_every_field(capsys):
    text = shown(capsys, "train", "pix2pix-facades", "--help")
    for flag in (
        "--run",
        "--epochs",
        "--seed",
        "--devices",
        "--backup-minutes",
        "--data.dir",
        "--data.batch-size",
        "--data.no-flip",
        "--model.generator.upsample",
        "--model.discriminator.num-layers",
        "--optimizer.learning-rate",
    ):
        assert flag in text
    assert "--recipe" not in text
    assert "(default: photo)" in text


def test_help_shows_the_options_of_the_recipe_s_own_model(capsys):
    text = shown(capsys, "train", "cyclegan-emoji", "--help")
    assert "--model.cycle-weight-a" in text
    assert "--model.l1-weight" not in text
    assert "{vanilla,lsgan,hinge,wgan-gp}" in text
    text = shown(capsys, "train", "pix2pix-emoji", "--help")
    assert "--model.l1-weight" in text
    assert "--model.cycle-weight-a" not in text


@pytest.mark.parametrize("command", ["recipes", "demo"])
def test_help_of_the_other_commands(capsys, command):
    assert f"usage: tfi2i {command}" in shown(capsys, command, "--help")


@pytest.mark.parametrize(
    "words, expected",
    [
        (["recpes"], "no command 'recpes'. Did you mean 'recipes'? Commands: recipes,"),
        (["recipes", "--all"], "There is no option --all. See tfi2i recipes --help."),
        (["demo", "--rum", "x"], "no option --rum. Did you mean --run?"),
        (["train"], "needs a recipe as its first argument, or --resume RUN. Recipes:"),
        (["train", "--epochs", "3"], "needs a recipe as its first argument"),
        (["train", "facades"], "no recipe 'facades'. Did you mean 'pix2pix-facades'?"),
        (["train", "pix2pix-facades"], "--data.dir is missing: pix2pix-facades learns"),
        (
            ["train", "edges2emoji", "--data.b", "photo"],
            "--data.b is 'photo', but applies only with images of your own, --data.dir",
        ),
        (["train", "--resume"], "--resume needs a value: a path."),
        (["train", "--resume", "x", "--seed", "3"], "nothing else, because the run"),
        (["train", "--resume", "x", "--data.a", "y"], "There is no option --data.a."),
        (["train", "--resume", "x", "--data.dir"], "--data.dir needs a value: text or"),
        (["train", "pix2pix-maps", "--resume", "x"], "argument 'pix2pix-maps'"),
    ],
)
def test_mistakes(capsys, words, expected):
    assert expected in refused(capsys, *words)


@pytest.mark.parametrize(
    "words, expected",
    [
        (
            ["--data.batchsize", "4"],
            "--data.batchsize. Did you mean --data.batch-size?",
        ),
        (["--batch-size=4"], "no option --batch-size. Did you mean --data.batch-size?"),
        (["--epoch", "4"], "There is no option --epoch. Did you mean --epochs?"),
        (["--model.efficiency", "4"], "There is no option --model.efficiency. See"),
        (
            ["--filters", "4"],
            "mean --model.generator.filters or --model.discriminator.filters?",
        ),
        (["--recipe", "x"], "There is no option --recipe."),
        (["x"], "Unexpected argument 'x'; see tfi2i train pix2pix-maps --help."),
        (["--epochs"], "--epochs needs a value: a whole number."),
        (["--epochs", "--seed", "3"], "--epochs needs a value: a whole number."),
        (["--epochs", "many"], "--epochs is 'many'; expected a whole number."),
        (["--data.batch_size=2.5"], "--data.batch-size is '2.5'; expected a whole"),
        (["--backup-minutes", "x"], "--backup-minutes is 'x'; expected a number."),
        (["--decay-epochs", "x"], "is 'x'; expected a whole number or None."),
        (
            ["--data.layout", "x"],
            "is 'x'; expected one of auto, side_by_side, folders, targets.",
        ),
        (
            ["--model.generator.statistics", "x"],
            "expected one of image, stored, None.",
        ),
        (
            ["--data.flip", "maybe"],
            "--data.flip takes no value but got 'maybe'; write --data.flip or "
            "--data.no-flip.",
        ),
        (["--deterministic=True"], "got 'True'; write --deterministic or --no-deter"),
        (["--data.crop-size", "100", "--data.dir", "x"], "such as 96 or 128."),
        (["--epochs", "0", "--data.dir", "x"], "--epochs is 0; expected at least 1."),
    ],
)
def test_mistaken_options(capsys, words, expected):
    assert expected in refused(capsys, "train", "pix2pix-maps", *words)


@pytest.mark.parametrize(
    ("flag", "ours"),
    [
        ("--dataroot", "--data.dir"),
        ("--name", "--run"),
        ("--input_nc", "--data.domain-a.channels"),
        ("--ngf=32", "--model.generator.filters"),
        ("--netG", "--model.generator.network"),
        ("--n_layers_D", "--model.discriminator.num-layers"),
        ("--no_dropout", "--model.generator.dropout"),
        ("--no_flip", "--data.no-flip"),
        ("--max_dataset_size", "--limit"),
        ("--niter", "--epochs"),
        ("--n_epochs_decay", "--decay-epochs"),
        ("--lr", "--optimizer.learning-rate"),
        ("--lambda_L1", "--model.l1-weight"),
        ("--continue_train", "--resume"),
        ("--gpu_ids", "--devices"),
        # Of a CycleGAN, or of nothing here.
        ("--lambda_A", None),
        ("--pool_size", None),
        ("--num_threads", None),
        ("--lr_policy", None),
    ],
)
def test_options_of_the_reference(capsys, flag, ours):
    line = refused(capsys, "train", "pix2pix-maps", flag, "1")
    assert (f"Did you mean {ours}?" in line) if ours else ("Did you" not in line)


@pytest.mark.parametrize(
    "words",
    [
        ("data", "check", "nowhere"),
        ("data", "pair", "nowhere", "there", "out"),
        ("data", "split", "nowhere", "out"),
        ("translate", "nowhere", "in.png", "out"),
        ("translate", ".", "nowhere.png", "out"),
    ],
)
def test_what_is_missing_is_said_at_once(tmp_path, words):
    code = f"{RUN[: -len('main(sys.argv[1:])')]}"
    code += (
        "\ntry:\n    main(sys.argv[1:])\n"
        "finally:\n    assert 'tensorflow' not in sys.modules"
    )
    done = tfi2i(*words, cwd=tmp_path, code=code)
    assert done.returncode == 1
    assert "' does not exist" in done.stderr and done.stderr.count("\n") == 1


def test_the_package_is_the_command(tmp_path):
    code = "import runpy, sys; sys.argv[1:] = ['--version']; "
    code += "runpy.run_module('tfi2i', run_name='__main__')"
    assert tfi2i(code=code).stdout == tfi2i("--version").stdout != ""


@pytest.mark.parametrize(
    "words, expected",
    [
        (
            ["--model.cycle-weigth-a", "3"],
            "no option --model.cycle-weigth-a. Did you mean --model.cycle-weight-a?",
        ),
        (["--model.l1-weight", "3"], "There is no option --model.l1-weight."),
        (["--pool-size", "3"], "--pool-size. Did you mean --model.pool-size?"),
        (["--model.pool-size", "x"], "--model.pool-size is 'x'; expected a whole num"),
        (["--model.pool-size", "-1"], "is -1; expected a number from 0 to 1000."),
        (["--model.adversarial-loss", "gan"], "one of vanilla, lsgan, hinge, wgan-gp."),
        (["--optimizer.ema-momentum", "2"], "ema-momentum is 2.0; expected a number b"),
        (["--data.direction", "b2a"], "when translating, with tfi2i translate --dire"),
        # The recipe's own 4 blocks are not held against who wants no ResNet.
        (
            ["--model.generator.network", "unet", "--decay-epochs", "21"],
            "--decay-epochs is 21; expected at most --epochs, 20.",
        ),
    ],
)
def test_mistaken_options_of_a_cyclegan(capsys, words, expected):
    assert expected in refused(capsys, "train", "cyclegan-emoji", *words)


def test_options_reach_the_configuration():
    words = "--model.cycle-weight-a 3 --model.generator.filters 8 --run x".split()
    config, run = parse_training("cyclegan-emoji", RECIPES["cyclegan-emoji"], words)
    assert run == Path("x")
    assert type(config) is TrainConfig
    assert config.recipe == "cyclegan-emoji"
    model = RECIPES["cyclegan-emoji"].config.model
    generator = replace(model.generator, filters=8)
    assert config.model == replace(model, cycle_weight_a=3.0, generator=generator)


class Failing(keras.layers.Layer):
    def call(self, inputs):
        raise ValueError("Images are 3 pixels;\n\nexpected 4.")


class Calling(keras.Model):
    def __init__(self):
        super().__init__()
        self.layer = Failing()

    def call(self, inputs):
        return self.layer(inputs)


@pytest.mark.parametrize("model", [Failing, Calling])
def test_what_keras_wraps_around_a_mistake_is_left_out(capsys, monkeypatch, model):
    def command(words):
        model()(np.zeros((1, 3)))

    monkeypatch.setitem(cli.COMMANDS, "fail", (command, ""))
    assert refused(capsys, "fail") == "Images are 3 pixels; expected 4."


def test_debug_shows_the_traceback():
    done = tfi2i("train", "--debug", "facades")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "There is no recipe 'facades'" in done.stderr


@pytest.mark.slow
def test_a_missing_folder_is_one_line_although_tensorflow_loads(tmp_path):
    """Nothing of TensorFlow's start-up notes reaches the user."""
    done = tfi2i("train", "pix2pix-maps", "--data.dir", "nowhere", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "nowhere" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_run_whose_images_moved_is_told_where_they_are(tmp_path):
    config = TrainConfig(
        model=Pix2PixConfig(), data=DataConfig(dir=str(tmp_path / "old"), crop_size=32)
    )
    stored.write(config, tmp_path / "run")
    for moved, looked_for in (([], "old"), (["--data.dir", "new"], "new")):
        done = tfi2i("train", "--resume", "run", *moved, cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr == (
            f"tfi2i: error: data folder '{tmp_path / looked_for}' does not exist\n"
        )


@pytest.mark.slow
def test_another_backend_of_the_user_does_not_matter(tmp_path):
    done = tfi2i(
        *("train", "pix2pix-maps", "--data.dir", "nowhere"),
        cwd=tmp_path,
        KERAS_BACKEND="jax",
    )
    assert done.stderr.startswith("tfi2i: error: ")
    assert "nowhere" in done.stderr


def test_an_interrupt_exits_with_130():
    code = (
        # A shell's background jobs inherit an ignored SIGINT.
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'rich.table':\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    done = tfi2i("recipes", code=code + RUN)
    assert done.returncode == 130
    assert done.stderr == "tfi2i: interrupted\n"


def test_a_reader_that_leaves_is_no_error():
    code = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', "
        f"{RUN!r}, 'train', 'pix2pix-maps', '--help'], stdout=subprocess.PIPE, "
        "stderr=subprocess.PIPE); p.stdout.close(); print(p.stderr.read().decode())"
    )
    assert tfi2i(code=code).stdout == "\n"
