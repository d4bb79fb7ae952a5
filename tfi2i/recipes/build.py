"""Configuration to data and model: the one place that joins the parts."""

import random

from tfi2i import networks
from tfi2i.data import PairedData, UnpairedData, bundled
from tfi2i.data.folders import available_splits
from tfi2i.models import Adam, CycleGAN, Pix2Pix
from tfi2i.recipes.config import (
    CycleGANConfig,
    DataConfig,
    Pix2PixConfig,
    TrainConfig,
)


def load_data(
    config: TrainConfig, split: str, limit: int | None = None
) -> PairedData | UnpairedData:
    """Reads one split as the configuration says.

    Training images are loaded at `load_size`, others at `crop_size`, since only
    training cuts a random part out of them.

    Args:
        config: resolved; `data.dir` None reads the bundled images.
        split: `"train"`, `"val"` or `"test"`.
        limit: how many images of each domain, the first ones; None for all.

    Returns:
        Pairs where the model learns from pairs, else two sets of images.

    Raises:
        ValueError, OSError: of `PairedData.load` or `UnpairedData.load`.
    """
    if config.model.is_paired:
        return load_pairs(config.data, split, limit)
    folder, common = _where(config.data, split)
    return UnpairedData.load(folder, split, limit=limit, **common)


def load_pairs(data: DataConfig, split: str, limit: int | None = None) -> PairedData:
    """Reads one split as pairs, whatever the model learns from.

    Args:
        data: resolved.
        split: as for `load_data`.
        limit: likewise.

    Returns:
        Pairs of inputs and what they should become.

    Raises:
        ValueError, OSError: of `PairedData.load`.
    """
    folder, common = _where(data, split)
    return PairedData.load(
        folder,
        split,
        direction=data.direction,
        input=data.input,
        limit=limit,
        **common,
    )


def _where(data, split):
    """The folder of the images, and how they are read, paired or not."""
    return data.dir or bundled(), {
        "layout": data.layout if data.dir else "side_by_side",
        "a": data.a,
        "b": data.b,
        "load_size": data.load_size if split == "train" else data.crop_size,
        "background": data.background,
    }


def splits(data: DataConfig) -> tuple[str, ...]:
    """Which of train, val and test the configured folder has."""
    return available_splits(data.dir or bundled(), a=data.a, b=data.b)


def build_model(config: TrainConfig) -> Pix2Pix | CycleGAN:
    """Makes the networks, with weights that follow from the seed, and the trainer.

    Args:
        config: resolved.

    Returns:
        The trainer, not compiled.
    """
    build = {Pix2PixConfig: _pix2pix, CycleGANConfig: _cyclegan}[type(config.model)]
    return build(config.model, random.Random(config.seed))


def _pix2pix(config, draw):
    generator = _generator(config.generator, _seed(draw))
    # Drawn also where there is no discriminator, so that what follows is the same.
    seed = _seed(draw)
    discriminator = None
    if config.is_adversarial:
        channels = 6 if config.conditional else 3
        discriminator = _discriminator(config.discriminator, channels, seed)
    return Pix2Pix(
        generator,
        discriminator,
        adversarial_loss=config.adversarial_loss,
        gan_weight=config.gan_weight,
        l1_weight=config.l1_weight,
        l2_weight=config.l2_weight,
        conditional=config.conditional,
        gradient_penalty_weight=config.gradient_penalty_weight,
        seed=_seed(draw),
    )


def _cyclegan(config, draw):
    return CycleGAN(
        generator_ab=_generator(config.generator, _seed(draw)),
        generator_ba=_generator(config.generator, _seed(draw)),
        discriminator_a=_discriminator(config.discriminator, 3, _seed(draw)),
        discriminator_b=_discriminator(config.discriminator, 3, _seed(draw)),
        adversarial_loss=config.adversarial_loss,
        cycle_weight_a=config.cycle_weight_a,
        cycle_weight_b=config.cycle_weight_b,
        identity_weight=config.identity_weight,
        pool_size=config.pool_size,
        gradient_penalty_weight=config.gradient_penalty_weight,
        seed=_seed(draw),
    )


def compile_model(model, config: TrainConfig, learning_rate) -> None:
    """Gives the trainer its optimizers.

    Args:
        model: from `build_model`.
        config: resolved.
        learning_rate: float or `keras.optimizers.schedules.LearningRateSchedule`.
    """
    optimizer = config.optimizer
    common = {
        "beta_1": optimizer.beta_1,
        "beta_2": optimizer.beta_2,
        "global_clipnorm": optimizer.clip_norm,
    }
    averages = {}
    if optimizer.ema_momentum is not None:
        averages = {"use_ema": True, "ema_momentum": optimizer.ema_momentum}
    # Discriminators paint nothing, so they need no averages.
    model.compile(
        Adam(learning_rate, **common, **averages), Adam(learning_rate, **common)
    )


def _seed(draw):
    return draw.randrange(2**31)


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


def _discriminator(config, channels, seed):
    common = {
        "in_channels": channels,
        "filters": config.filters,
        "norm": config.norm,
        "spectral_norm": config.spectral_norm,
        "seed": seed,
    }
    if config.network == "pixel":
        return networks.pixel_discriminator(**common)
    return networks.patchgan(num_layers=config.num_layers, **common)
