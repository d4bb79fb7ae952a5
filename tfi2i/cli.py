"""The `tfi2i` command.

Everything heavy is imported inside the commands, so that `tfi2i --help` answers at
once. A user's mistake becomes one line on stderr and exit status 1; any exception
that is nobody's mistake keeps its traceback.
"""

import dataclasses
import os
import re
import sys
from collections.abc import Callable

from tfi2i._version import __version__
from tfi2i.cli_data import data
from tfi2i.files import check_exist
from tfi2i.loading import loaded_tensorflow
from tfi2i.options import (
    CommandError,
    DemoOptions,
    NoOptions,
    ResumeOptions,
    evaluate_options,
    export_options,
    import_options,
    parse,
    parse_training,
    translate_options,
)


def main(args: list[str] | None = None) -> None:
    """Run one command and exit.

    Args:
        args: the words after `tfi2i`; None takes them from the process.

    Raises:
        SystemExit: always, with status 0; 1 after a user error; 130 after Ctrl-C
            (143 where a training run saved itself after SIGTERM).
    """
    words = list(sys.argv[1:] if args is None else args)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if debug:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0")
    try:
        _dispatch(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has gone; Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        if debug:
            raise
        _exit("tfi2i: interrupted", 130)
    except Exception as error:
        status = _interrupted_status(error)
        if status is not None:
            _exit(str(error), status)
        if debug or not isinstance(error, ValueError | OSError):
            raise
        _exit(f"tfi2i: error: {_one_line(error)}", 1)
    sys.exit(0)


def _dispatch(words: list[str]) -> None:
    if not words or words[0] in ("-h", "--help"):
        print(_help())
    elif words[0] == "--version":
        print(f"tfi2i {__version__}")
    elif words[0] in COMMANDS:
        COMMANDS[words[0]][0](words[1:])
    else:
        from tfi2i.recipes.config import suggest

        raise CommandError(
            f"There is no command {words[0]!r}.{suggest(words[0], COMMANDS)} "
            f"Commands: {', '.join(COMMANDS)}."
        )


def _help() -> str:
    commands = "\n".join(
        f"  {name:<11}{about}" for name, (_, about) in COMMANDS.items()
    )
    return f"""usage: tfi2i COMMAND [OPTIONS]

Image-to-image translation with TensorFlow and Keras.

commands:
{commands}

options:
  -h, --help  show this help; after a command, that command's
  --version   show the version
  --debug     show the traceback of an error"""


def _exit(line: str, status: int) -> None:
    print(line, file=sys.stderr)
    sys.exit(status)


# What Keras wraps around an error in a layer: the layer before, its arguments after.
_KERAS_WRAPPER = re.compile(
    r"\s*Exception encountered when calling .*?\n\n(.*?)\n\nArguments received by .*",
    re.DOTALL,
)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def _one_line(error: Exception) -> str:
    text = _COLOURS.sub("", str(error))
    while wrapped := _KERAS_WRAPPER.fullmatch(text):
        text = wrapped[1]
    return " ".join(text.split()) or type(error).__name__


def _interrupted_status(error: Exception) -> int | None:
    """Return the exit status of a run that saved itself, None for other errors."""
    # Asked of the loaded modules, because importing this one loads TensorFlow.
    run = sys.modules.get("tfi2i.training.run")
    if run is not None and isinstance(error, run.Interrupted):
        return error.exit_code
    return None


def _recipes(words: list[str]) -> None:
    about = "List what can be trained, with its cost and the scores to expect."
    parse(NoOptions, words, "tfi2i recipes", about)
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from tfi2i.recipes.named import RECIPES

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("recipe", no_wrap=True)
    for title in ("what it learns", "cost", "expected scores"):
        table.add_column(title)
    for name, recipe in RECIPES.items():
        table.add_row(name, recipe.summary, recipe.cost, recipe.scores)
    console = Console()
    console.print(table)
    console.print("Start one: tfi2i train RECIPE --data.dir DIR", markup=False)


_TRAIN_HELP = """usage: tfi2i train RECIPE [--run DIR] [--data.dir DIR] [OPTIONS]
       tfi2i train --resume RUN [--data.dir DIR] [--devices N] [--epochs N]

Train a recipe into a run folder (saved_models/RECIPE unless --run names another), or
go on with one (with --data.dir where its images have moved, with --devices on another
number of GPUs). --epochs lets a finished run go on to so many in all; the learning
rate falls to zero over the last of these, over as many as it was to fall before.

recipes: {recipes}
Every option of one: tfi2i train RECIPE --help"""


def _train(words: list[str]) -> None:
    from tfi2i.recipes.named import RECIPES

    if any(word.partition("=")[0] == "--resume" for word in words):
        _resume(words)
    elif words and not words[0].startswith("-"):
        _train_recipe(words[0], words[1:])
    elif words and words[0] in ("-h", "--help"):
        print(_TRAIN_HELP.format(recipes=", ".join(RECIPES)))
    else:
        raise CommandError(
            "tfi2i train needs a recipe as its first argument, or --resume RUN. "
            f"Recipes: {', '.join(RECIPES)}."
        )


def _train_recipe(name: str, words: list[str]) -> None:
    from tfi2i.recipes.named import get
    from tfi2i.recipes.resolve import resolve

    recipe = get(name)
    config, run = parse_training(name, recipe, words)
    config = resolve(config)
    if config.data.dir is None and not recipe.bundled:
        raise CommandError(
            f"--data.dir is missing: {name} learns from your own images; give their "
            "folder with --data.dir DIR."
        )
    for side in ("a", "b") if config.data.dir is None else ():
        # A recipe names the bundled domains, so only here is it known who spoke.
        given = getattr(config.data, side)
        if given != getattr(recipe.config.data, side):
            raise CommandError(
                f"--data.{side} is {given!r}, but applies only with images of your "
                "own, --data.dir; leave it out or change that."
            )
    with loaded_tensorflow(run, config):
        from tfi2i.interop.initial import initial_networks
        from tfi2i.training.run import train

        train(config, run, initial_networks)


def _resume(words: list[str]) -> None:
    about = "Go on with a run, exactly where its last backup was made, or to --epochs."
    try:
        options = parse(ResumeOptions, words, "tfi2i train", about)
    except CommandError as error:
        raise CommandError(
            "tfi2i train --resume takes a run folder, --data.dir if its images have "
            "moved, --devices if there are others now, --epochs for more or fewer, and "
            f"nothing else, because the run keeps its configuration: {error}"
        ) from None
    with loaded_tensorflow(options.resume):
        from tfi2i.training.run import resume

        resume(options.resume, options.data.dir, options.devices, options.epochs)


def _translate(words: list[str]) -> None:
    about = "Translate an image, a folder or a glob; outputs keep their inputs' sizes."
    options = parse(translate_options(), words, "tfi2i translate", about)
    if options.seed is not None and not options.stochastic:
        raise CommandError(
            f"--seed is {options.seed}, but applies only with --stochastic; add that, "
            "or leave it out."
        )
    check_exist(options.source, options.images)
    noise = (options.seed or 0) if options.stochastic else None
    with loaded_tensorflow():
        from tfi2i.inference import load, translate_files

        names = ("tile", "tile_statistics", "weights", "size", "input")
        how = {name: getattr(options, name) for name in names}
        translator = load(options.source, options.direction, noise, **how)
        how = {name: getattr(options, name) for name in ("overwrite", "half", "alpha")}
        report = translate_files(translator, options.images, options.output, **how)
    for line in report.failed:
        print(f"tfi2i: error: {line}", file=sys.stderr)
    print(report.summary())
    if report.failed:
        sys.exit(1)


def _evaluate(words: list[str]) -> None:
    about = "Score translators against the true outputs of images they never saw."
    options = parse(evaluate_options(), words, "tfi2i evaluate", about)
    if not options.source:
        raise CommandError("tfi2i evaluate needs SOURCE; see tfi2i evaluate --help.")
    changes = {
        name: value
        for name, value in dataclasses.asdict(options.data).items()
        if value is not None
    }
    with loaded_tensorflow():
        from rich.console import Console

        from tfi2i.evaluation import evaluate, scores_table

        how = options.split, options.direction, options.size, options.weights
        results = evaluate(options.source, changes, *how)
        Console().print(scores_table(list(results)))


def _export(words: list[str]) -> None:
    about = "Write a trained generator for other programs, proved equal to it."
    options = parse(export_options(), words, "tfi2i export", about)
    with loaded_tensorflow():
        from rich.console import Console

        from tfi2i.exports import export, exports_table

        how = options.formats, options.quantize, options.tflite_size
        published = export(options.run, *how, options.direction, options.weights)
        folder = options.run if options.run.is_dir() else options.run.parent
        Console().print(exports_table(folder / "export", published))


def _import(words: list[str]) -> None:
    about = "Make a run of a generator that another program trained."
    if words == ["--list"]:
        _list_published()
        return
    options = parse(import_options(), words, "tfi2i import", about)
    with loaded_tensorflow():
        from rich.console import Console

        from tfi2i.interop.command import account, import_source

        for line in account(import_source(options, Console())):
            print(line)


def _list_published() -> None:
    from tfi2i.interop.zoo import HOST, TERMS, published

    for item in published():
        print(f"{item.name:<28}  {item.kind}")
    print(f"From {HOST}. {TERMS}")
    print("Fetch one: tfi2i import NAME RUN")


def _demo(words: list[str]) -> None:
    about = "Train edges2emoji on bundled images, print its scores and paint a picture."
    run = parse(DemoOptions, words, "tfi2i demo", about).run
    with loaded_tensorflow(run):
        from tfi2i.demo import demo

        demo(run)


COMMANDS: dict[str, tuple[Callable[[list[str]], None], str]] = {
    "recipes": (_recipes, "what can be trained, with cost and expected scores"),
    "data": (data, "look at images, and make data sets of them"),
    "train": (_train, "train a recipe on a folder of images, or resume a run"),
    "translate": (
        _translate,
        "translate images with a run, .keras file or export",
    ),
    "evaluate": (_evaluate, "score translators against true outputs"),
    "export": (
        _export,
        "write a trained generator as SavedModel, TFLite and ONNX",
    ),
    "import": (_import, "make a run of a PyTorch or Keras 2 generator"),
    "demo": (_demo, "a translator from bundled images, in a few minutes on a CPU"),
}
