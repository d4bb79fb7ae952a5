"""Configuration to data and model: the one place that joins the parts."""

from dataclasses import replace
from pathlib import Path

import keras

from tfi2i.data import PairedData, UnpairedData, bundled
from tfi2i.data.lookup import Wanted
from tfi2i.data.places import available_splits
from tfi2i.data.preprocessing import Preprocessing
from tfi2i.data.shares import Share
from tfi2i.layers import BatchNormalization
from tfi2i.models import Adam, AdversarialModel
from tfi2i.recipes.bounds import flag
from tfi2i.recipes.config import DataConfig, TrainConfig
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
    return config.model.load_data(config, split, limit)


def load_sets(config: TrainConfig, split: str, limit: int | None) -> UnpairedData:
    """Reads one split as a set of images of each domain.

    Args:
        config: as for `load_data`.
        split: likewise.
        limit: likewise; None for all.

    Raises:
        ValueError, OSError: of `UnpairedData.load`.
    """
    folder, where = _where(config.data, config.recipe)
    how = preprocessing(config, split)
    return UnpairedData.load(folder, split, limit=limit, **where, **vars(how))


def load_pairs(
    data: DataConfig,
    how: Preprocessing,
    split: str,
    limit: int | None = None,
    recipe: str = "custom",
) -> PairedData:
    """Reads one split as pairs.

    Args:
        data: resolved.
        how: what is done to the images.
        split: as for `load_data`.
        limit: how many pairs, the first ones; None for all.
        recipe: what the configuration started from, whose names of folders nobody gave.

    Returns:
        Pairs.

    Raises:
        ValueError, OSError: of `PairedData.load`.
    """
    folder, where = _where(data, recipe)
    return PairedData.load(
        folder,
        split,
        input=data.input,
        downscale=data.downscale,
        limit=limit,
        **where,
        **vars(how),
    )


def preprocessing(config: TrainConfig, split: str) -> Preprocessing:
    """What is done to the images of a split.

    Only training cuts a random part out of images, so other splits are read as they
    are looked at whole (`Preprocessing.whole`).

    Args:
        config: resolved.
        split: as for `load_data`.
    """
    how = _preprocessing(config.data, config.model.multiple)
    return how if split == "train" else how.whole()


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
    optimizers = [
        # What paints nothing needs no averages.
        Adam(learning_rate, **common, **(averages if translates else {}))
        for translates in model.translating_players.values()
    ]
    if config.precision == "mixed_float16":
        # Its gradients vanish else; bfloat16's have float32's range.
        optimizers = list(map(keras.optimizers.LossScaleOptimizer, optimizers))
    model.compile(*optimizers, jit_compile=config.xla)
