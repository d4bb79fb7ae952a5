"""Configuration to data and model: the one place that joins the parts."""

import random

from tfi2i import networks
from tfi2i.data import PairedData, bundled
from tfi2i.data.folders import available_splits
from tfi2i.models import Adam, Pix2Pix
from tfi2i.recipes.config import DataConfig, TrainConfig


def load_data(data: DataConfig, split: str) -> PairedData:
    """Reads one split as the configuration says.

    Training images are loaded at `load_size`, others at `crop_size`, since only
    training cuts a random part out of them.

    Args:
        data: resolved; `dir` None reads the bundled images.
        split: `"train"`, `"val"` or `"test"`.

    Raises:
        ValueError, OSError: of `PairedData.load`.
    """
    return PairedData.load(
        data.dir or bundled(),
        split,
        layout=data.layout if data.dir else "side_by_side",
        a=data.a,
        b=data.b,
        direction=data.direction,
        input=data.input,
        load_size=data.load_size if split == "train" else data.crop_size,
        background=data.background,
    )


def splits(data: DataConfig) -> tuple[str, ...]:
    """Which of train, val and test the configured folder has."""
    return available_splits(data.dir or bundled(), a=data.a, b=data.b)


def build_model(config: TrainConfig) -> Pix2Pix:
    """Makes the networks, with weights that follow from the seed, and the trainer.

    Args:
        config: resolved.

    Returns:
        The trainer, not compiled.
    """
    model = config.model
    generator_seed, discriminator_seed = _seeds(config.seed)
    return Pix2Pix(
        _generator(model.generator, generator_seed),
        _discriminator(model, discriminator_seed) if model.gan_weight > 0 else None,
        adversarial_loss=model.adversarial_loss,
        gan_weight=model.gan_weight,
        l1_weight=model.l1_weight,
        l2_weight=model.l2_weight,
        conditional=model.conditional,
    )


def compile_model(model, config: TrainConfig, learning_rate) -> None:
    """Gives the trainer its optimizers.

    Args:
        model: from `build_model`.
        config: resolved.
        learning_rate: float or `keras.optimizers.schedules.LearningRateSchedule`.
    """
    betas = config.optimizer.beta_1, config.optimizer.beta_2
    model.compile(Adam(learning_rate, *betas), Adam(learning_rate, *betas))


def _seeds(seed):
    """One seed for each of two networks."""
    generator = random.Random(seed)
    return generator.randrange(2**31), generator.randrange(2**31)


def _generator(config, seed):
    common = {
        "filters": config.filters,
        "norm": config.norm,
        "dropout": config.dropout,
        "statistics": config.statistics,
        "upsample": config.upsample,
        "seed": seed,
    }
    if config.network == "resnet":
        return networks.resnet(config.blocks, **common)
    return networks.unet(config.num_downs, skips=config.skips, **common)


def _discriminator(model, seed):
    config = model.discriminator
    common = {
        "in_channels": 6 if model.conditional else 3,
        "filters": config.filters,
        "norm": config.norm,
        "seed": seed,
    }
    if config.network == "pixel":
        return networks.pixel_discriminator(**common)
    return networks.patchgan(num_layers=config.num_layers, **common)
