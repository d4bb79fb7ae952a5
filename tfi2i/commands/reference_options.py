"""Options of the PyTorch reference, and their names here.

Options of junyanz/pytorch-CycleGAN-and-pix2pix, of today and of its first versions.
"""

from collections.abc import Container

# Names of the reference, with dashes, and ours; a command has some of them or none.
_OURS: dict[str, tuple[str, ...]] = {
    # Both: what is read and written.
    "dataroot": ("--data.dir",),
    "name": ("--run",),
    "checkpoints-dir": ("--run",),
    "gpu-ids": ("--devices",),
    "dataset-mode": (),
    "direction": ("--data.direction", "--direction"),
    "which-direction": ("--data.direction", "--direction"),
    "serial-batches": (),
    "num-threads": (),
    "nThreads": (),
    "batch-size": ("--data.batch-size", "--batch-size"),
    "batchSize": ("--data.batch-size", "--batch-size"),
    "load-size": ("--data.load-size",),
    "loadSize": ("--data.load-size",),
    "crop-size": ("--data.crop-size", "--crop-size"),
    "fineSize": ("--data.crop-size", "--crop-size"),
    "preprocess": ("--data.preprocess",),
    "resize-or-crop": ("--data.preprocess",),
    "no-flip": ("--data.no-flip",),
    "max-dataset-size": ("--limit",),
    "load-iter": (),
    "which-epoch": (),
    "suffix": (),
    "verbose": (),
    "use-wandb": (),
    "wandb-project-name": (),
    # Networks.
    "model": (),
    "input-nc": ("--data.domain-a.channels",),
    "output-nc": ("--data.domain-b.channels",),
    "ngf": ("--model.generator.filters",),
    "ndf": ("--model.discriminator.filters",),
    "netG": ("--model.generator.network",),
    "netD": ("--model.discriminator.network",),
    "which-model-netG": ("--model.generator.network",),
    "which-model-netD": ("--model.discriminator.network",),
    "n-layers-D": ("--model.discriminator.num-layers",),
    "norm": ("--model.generator.norm", "--model.discriminator.norm"),
    "init-type": (),
    "init-gain": (),
    "no-dropout": ("--model.generator.dropout",),
    # Losses.
    "gan-mode": ("--model.adversarial-loss",),
    "no-lsgan": ("--model.adversarial-loss",),
    "pool-size": ("--model.pool-size",),
    "lambda-A": ("--model.cycle-weight-a",),
    "lambda-B": ("--model.cycle-weight-b",),
    "lambda-identity": ("--model.identity-weight",),
    "identity": ("--model.identity-weight",),
    "lambda-L1": ("--model.l1-weight",),
    # Training.
    "n-epochs": ("--epochs",),
    "n-epochs-decay": ("--decay-epochs",),
    "niter": ("--epochs",),
    "niter-decay": ("--decay-epochs",),
    "continue-train": ("--resume",),
    "epoch-count": ("--resume",),
    "beta1": ("--optimizer.beta-1",),
    "lr": ("--optimizer.learning-rate",),
    "lr-policy": (),
    "lr-decay-iters": (),
    "save-epoch-freq": ("--backup-epochs",),
    "save-latest-freq": ("--backup-minutes",),
    "save-by-iter": (),
    "print-freq": (),
    "update-html-freq": (),
    "no-html": (),
    "display-freq": (),
    "display-id": (),
    "display-ncols": (),
    "display-port": (),
    "display-server": (),
    "display-env": (),
    "display-winsize": (),
    # Testing.
    "phase": ("--split",),
    "results-dir": (),
    "num-test": (),
    "how-many": (),
    "aspect-ratio": (),
    "ntest": (),
    "eval": (),
}


def ours(flag: str, offered: Container[str]) -> list[str] | None:
    """Our names of an option of the reference.

    Args:
        flag: as typed, with dashes.
        offered: flags of the command; with `--x` it has `--no-x`.

    Returns:
        Those that the command has; None if the reference has no such option.
    """
    names = _OURS.get(flag.lstrip("-"))
    if names is None:
        return None
    return [name for name in names if name.replace(".no-", ".", 1) in offered]
