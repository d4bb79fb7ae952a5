"""Configuration to data and model: the one place that joins the parts."""

from dataclasses import replace
from typing import Any

import keras

from tfi2i.data import PairedData, UnpairedData
from tfi2i.layers import BatchNormalization
from tfi2i.models import Adam, AdversarialModel
from tfi2i.recipes.bounds import flag
from tfi2i.recipes.config import TrainConfig
from tfi2i.recipes.named import usual_names


def load_data(
    config: TrainConfig, split: str, limit: int | None = None
) -> PairedData | UnpairedData:
    """Reads one split as the configuration says.

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
    if config.limit is not None and split != "test":
        limit = config.limit if limit is None else min(limit, config.limit)
    usual = usual_names(config.recipe)
    return config.model.load_data(config, split, limit, usual)


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
    domains = {}
    for domain, images in training.images.items():
        name, pixels = f"domain_{domain}", images.pixels
        _check_given(config.data, name, pixels)
        domains[name] = replace(getattr(config.data, name), **vars(pixels))
    config = replace(config, data=replace(config.data, **domains))
    config.model.check_domains(config.data)
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


def build_model(config: TrainConfig) -> AdversarialModel:
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
        model = config.model.build(config)
    finally:
        keras.config.set_dtype_policy(before)
    for network in model.networks.values():
        for layer in network.layers:
            if isinstance(layer, BatchNormalization):
                layer.synchronized = config.synchronized_batch_norm
    return model


def compile_model(
    model: AdversarialModel,
    config: TrainConfig,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
) -> None:
    """Gives the trainer its optimizers.

    Args:
        model: from `build_model`.
        config: resolved.
        learning_rate: a number, or a schedule over steps.
    """
    optimizer = config.optimizer
    common: dict[str, Any] = {
        "beta_1": optimizer.beta_1,
        "beta_2": optimizer.beta_2,
        "global_clipnorm": optimizer.clip_norm,
    }
    averages: dict[str, Any] = {}
    if optimizer.ema_momentum is not None:
        averages = {"use_ema": True, "ema_momentum": optimizer.ema_momentum}
    optimizers = [
        # What paints nothing needs no averages.
        Adam(learning_rate, **common, **(averages if translates else {}))
        for translates in model.translating_players.values()
    ]
    if config.precision == "mixed_float16":
        # Its gradients vanish else; bfloat16's have float32's range.
        optimizers = list(map(keras.optimizers.LossScaleOptimizer, optimizers))
    model.compile(*optimizers, jit_compile=config.xla)
