"""The `tfi2i` command.

Commands import what is slow to import, so that `tfi2i --help` answers at once. A user's
mistake becomes one line on stderr and exit status 1; any other exception is a bug and
shows its traceback.
"""

import os
import re
import sys

from tfi2i._version import __version__
from tfi2i.commands.data_sets import data
from tfi2i.commands.evaluate import evaluate
from tfi2i.commands.export import export
from tfi2i.commands.import_model import import_model
from tfi2i.commands.parsing import Commands, outline, run_command
from tfi2i.commands.train import demo, list_recipes, train
from tfi2i.commands.translate import translate


def main(args: list[str] | None = None) -> None:
    """Runs one command and exits.

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
        # The reader of the output is gone; Python would fail again at exit.
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
    else:
        run_command(words, COMMANDS)


def _help() -> str:
    return f"""usage: tfi2i COMMAND [OPTIONS]

Image-to-image translation with TensorFlow and Keras.

commands:
{outline(COMMANDS)}

options:
  -h, --help  show this help; after a command, that command's
  --version   show the version
  --debug     show the traceback of an error"""


def _exit(line: str, status: int) -> None:
    print(line, file=sys.stderr)
    sys.exit(status)


# Keras wraps an error in a layer: its name stands before, its arguments after it.
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
    """Exit status of a run that was interrupted and saved; None for other errors."""
    # Importing this module would load TensorFlow.
    run = sys.modules.get("tfi2i.training.run")
    if run is not None and isinstance(error, run.Interrupted):
        return error.exit_code
    return None


COMMANDS: Commands = {
    "recipes": (list_recipes, "what can be trained, with cost and expected scores"),
    "data": (data, "look at images, and make data sets of them"),
    "train": (train, "train a recipe on a folder of images, or resume a run"),
    "translate": (translate, "translate images with a run, .keras file or export"),
    "evaluate": (evaluate, "score translators against true outputs"),
    "export": (export, "write a trained generator as SavedModel, TFLite and ONNX"),
    "import": (import_model, "make a run of a PyTorch or Keras 2 generator"),
    "demo": (demo, "a translator from bundled images, in a few minutes on a CPU"),
}
