"""Configuration to data and model: the one place that joins the parts."""

import random
from dataclasses import replace
from pathlib import Path

import keras

from tfi2i import networks
from tfi2i.data import PairedData, UnpairedData, bundled
from tfi2i.data.lookup import Wanted
from tfi2i.data.places import available_splits
from tfi2i.data.preprocessing import Preprocessing
from tfi2i.data.shares import Share
from tfi2i.layers import BatchNormalization
from tfi2i.models import Adam, CycleGAN, Pix2Pix
from tfi2i.recipes.config import (
    CycleGANConfig,
    DataConfig,
    Pix2PixConfig,
    TrainConfig,
)
from tfi2i.recipes.limits import check_channels, flag
from tfi2i.recipes.named import usual_names


def load_data(
    config: TrainConfig, split: str, limit: int | None = None
) -> PairedData | UnpairedData:
    """Reads one split as the configuration says.

    Only training cuts a random part out of images, so other splits are read as they
    are looked at whole (`Preprocessing.whole`).

    Args:
        config: resolved; `data.dir` None reads the bundled images.
        split: `"train"`, `"val"` or `"test"`.
        limit: how many images of each domain, the first ones; None for as many as the
            configuration says.

    Returns:
        Pairs where the model learns from pairs, else two sets of images.

    Raises:
        ValueError, OSError: of `PairedData.load` or `UnpairedData.load`.
    """
    how = preprocessing(config)
    if config.limit is not None and split != "test":
        limit = config.limit if limit is None else min(limit, config.limit)
    how = how if split == "train" else how.whole()
    if config.model.is_paired:
        return load_pairs(config.data, how, split, limit, config.recipe)
    folder, where = _where(config.data, config.recipe)
    return UnpairedData.load(folder, split, limit=limit, **where, **vars(how))


def load_pairs(
    data: DataConfig,
    how: Preprocessing,
    split: str,
    limit: int | None = None,
    recipe: str = "custom",
) -> PairedData:
    """Reads one split as pairs, whatever the model learns from.

    Args:
        data: resolved.
        how: what is done to the images.
        split: as for `load_data`.
        limit: how many pairs, the first ones; None for all.
        recipe: what the configuration started from, whose names of folders nobody gave.

    Returns:
        Pairs of inputs and what they should become.

    Raises:
        ValueError, OSError: of `PairedData.load`.
    """
    folder, where = _where(data, recipe)
    return PairedData.load(
        folder,
        split,
        direction=data.direction,
        input=data.input,
        downscale=data.downscale,
        limit=limit,
        **where,
        **vars(how),
    )


def preprocessing(config: TrainConfig) -> Preprocessing:
    """What is done to training images.

    Args:
        config: resolved.
    """
    # An imported network says of itself which sizes it takes.
    generator = getattr(config.model, "generator", None)
    is_unet = generator is not None and generator.network == "unet"
    return _preprocessing(config.data, 2**generator.num_downs if is_unet else 4)


def _preprocessing(data, multiple=1):
    return Preprocessing(
        preprocess=data.preprocess,
        load_size=data.load_shape if data.is_resized else data.crop_shape,
        crop_size=data.crop_shape,
        multiple=multiple,
        domain_a=_wanted(data.domain_a),
        domain_b=_wanted(data.domain_b),
        background=data.background,
        cache=data.cache,
    )


def whole_images(data: DataConfig) -> Preprocessing:
    """What is done to images that a translator is shown, which takes any size.

    Args:
        data: resolved.
    """
    return _preprocessing(data).whole()


def with_pixels(
    config: TrainConfig, training: PairedData | UnpairedData
) -> TrainConfig:
    """Writes down what the pixels of both domains were found to be.

    Args:
        config: resolved.
        training: the images, as `load_data` read them.

    Raises:
        ValueError: the model cannot learn from such domains.
    """
    found = [training.real_a.pixels, training.real_b.pixels]
    if config.model.is_paired and config.data.direction == "b2a":
        found.reverse()
    for name, pixels in zip(("domain_a", "domain_b"), found, strict=True):
        _check_given(config.data, name, pixels)
    domains = {
        name: replace(
            getattr(config.data, name),
            channels=pixels.channels,
            dtype=pixels.dtype,
            low=pixels.low,
            high=pixels.high,
        )
        for name, pixels in zip(("domain_a", "domain_b"), found, strict=True)
    }
    config = replace(config, data=replace(config.data, **domains))
    check_channels(config)
    return config


def _check_given(data, name, pixels):
    """Refuses what was said of images that are made, and are something else."""
    for part in ("channels", "dtype", "low", "high"):
        given, made = getattr(getattr(data, name), part), getattr(pixels, part)
        if given is not None and given != made:
            raise ValueError(
                f"{flag(f'data.{name}.{part}')} is {given!r}, but what --data.input "
                f"{data.input} makes has {made!r}: leave it out."
            )


def _wanted(domain):
    return Wanted(domain.channels, domain.dtype, domain.low, domain.high, domain.resize)


def _where(data, recipe):
    """The folder of the images, and how they are found."""
    share = Share(data.val_share, data.val_seed, data.group)
    return data.dir or bundled(), {
        "layout": data.layout if data.dir else "side_by_side",
        "a": data.a,
        "b": data.b,
        "usual": usual_names(recipe),
        "exclude": data.exclude,
        "share": share if data.val_share else None,
    }


def splits(data: DataConfig) -> tuple[str, ...]:
    """Which of train, val and test the configured folder has, or is made to have."""
    found = available_splits(data.dir or bundled(), a=data.a, b=data.b)
    if data.val_share and Path(data.dir).is_dir():
        found = ("train", "val", *(("test",) if "test" in found else ()))
    return found


def build_model(config: TrainConfig) -> Pix2Pix | CycleGAN:
    """Makes the networks, with weights that follow from the seed, and the trainer.

    Args:
        config: resolved; channels that it does not know are 3.

    Returns:
        The trainer, not compiled.
    """
    # Keras has no other way to tell all layers.
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.precision)
    try:
        model = _model(config)
    finally:
        keras.config.set_dtype_policy(before)
    for network in model.generators + model.discriminators:
        for layer in network.layers:
            if isinstance(layer, BatchNormalization):
                layer.synchronized = config.synchronized_batch_norm
    return model


def _model(config):
    build = {Pix2PixConfig: _pix2pix, CycleGANConfig: _cyclegan}[type(config.model)]
    data = config.data
    channels = [domain.channels or 3 for domain in (data.domain_a, data.domain_b)]
    if config.model.is_paired and data.direction == "b2a":
        channels.reverse()
    return build(config.model, random.Random(config.seed), *channels)


def _pix2pix(config, draw, in_channels, out_channels):
    channels = in_channels, out_channels
    generator = _generator(config.generator, *channels, _seed(draw))
    # Drawn also where there is no discriminator, so that what follows is the same.
    seed = _seed(draw)
    discriminator = None
    if config.is_adversarial:
        judged = out_channels + in_channels * config.conditional
        discriminator = _discriminator(config.discriminator, judged, seed)
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


def _cyclegan(config, draw, of_a, of_b):
    return CycleGAN(
        generator_ab=_generator(config.generator, of_a, of_b, _seed(draw)),
        generator_ba=_generator(config.generator, of_b, of_a, _seed(draw)),
        discriminator_a=_discriminator(config.discriminator, of_a, _seed(draw)),
        discriminator_b=_discriminator(config.discriminator, of_b, _seed(draw)),
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
    optimizers = [Adam(learning_rate, **common, **averages)]
    optimizers.append(Adam(learning_rate, **common))
    if config.precision == "mixed_float16":
        # Its gradients vanish else; bfloat16's have float32's range.
        optimizers = list(map(keras.optimizers.LossScaleOptimizer, optimizers))
    model.compile(*optimizers, jit_compile=config.xla)


def _seed(draw):
    return draw.randrange(2**31)


def _generator(config, in_channels, out_channels, seed):
    common = {
        "in_channels": in_channels,
        "out_channels": out_channels,
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
