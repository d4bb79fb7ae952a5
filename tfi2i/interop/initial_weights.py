"""Initial networks of a training run, from the PyTorch reference or another run."""

import re
from pathlib import Path

import keras

from tfi2i.interop.pytorch import checkpoint
from tfi2i.interop.pytorch.conversion import convert
from tfi2i.models.trainer import Trainer
from tfi2i.recipes import stored, trained

# The reference names a discriminator for the generator that it trains; this package
# names it for the domain that it judges.
_REFERENCE = {
    "G": "generator_ab",
    "D": "discriminator_b",
    "G_A": "generator_ab",
    "G_B": "generator_ba",
    "D_A": "discriminator_b",
    "D_B": "discriminator_a",
}
_FILE = re.compile(r"(latest|\d+)_net_(G|D|G_A|G_B|D_A|D_B)\.pth")


def initial_networks(source: Path) -> dict[str, keras.Model]:
    """Reads the networks of a run, or of a checkpoint folder of the reference.

    Args:
        source: a run, trained here or imported (its last backup, if it is not
            finished); or a folder of files such as `latest_net_G.pth` (the latest, or
            else those of the last epoch).

    Returns:
        Networks by their names in a trainer of both ways: `generator_ab`,
        `generator_ba`, `discriminator_a` and `discriminator_b`. A checkpoint does not
        tell the direction of a single generator: it becomes `generator_ab`.

    Raises:
        OSError: `source` does not exist, or cannot be read.
        ValueError: it is neither, or a file in it is damaged.
    """
    if not source.is_dir():
        raise FileNotFoundError(
            f"--init-from is '{source}', which is no folder: expected a run, or a "
            "folder with files such as latest_net_G.pth."
        )
    if (source / stored.CONFIG).is_file():
        return _read_run(source)
    found = _latest_files(source)
    if not found:
        raise ValueError(
            f"--init-from is '{source}', which has no {stored.CONFIG} and no file such "
            "as latest_net_G.pth: expected a run, or a checkpoint folder of the "
            "PyTorch reference."
        )
    networks = {}
    for name, path in found.items():
        tensors = checkpoint.read(path)
        try:
            networks[_REFERENCE[name]] = convert(tensors, consume=True).network
        except ValueError as error:
            raise ValueError(f"Cannot begin with '{path}': {error}") from error
    return networks


def _read_run(run):
    config = stored.read(run)
    try:
        model = trained.model_of(run, config)
    except FileNotFoundError:
        raise ValueError(
            f"--init-from is '{run}', which has no {stored.MODEL} and no backup yet: "
            "train it first, or copy the file from where it was trained."
        ) from None
    if not isinstance(model, Trainer):
        # An imported generator.
        way = config.ways[0]
        return {f"generator_{way.input}{way.target}": model}
    return {model.roles[name]: network for name, network in model.networks.items()}


def _latest_files(folder):
    """Returns the files of the latest epoch, by the reference's network names."""
    epochs = {}
    for path in sorted(folder.iterdir()):
        match = _FILE.fullmatch(path.name)
        if match:
            epochs.setdefault(match[1], {})[match[2]] = path
    if not epochs:
        return {}
    return epochs[max(epochs, key=lambda e: float("inf") if e == "latest" else int(e))]
