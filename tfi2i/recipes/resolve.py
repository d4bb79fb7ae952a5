"""From a configuration that somebody wrote to one that can train."""

from dataclasses import replace

from tfi2i.recipes.config import TrainConfig
from tfi2i.recipes.limits import LEAST_HALVINGS, OWNERS, check, default_load_size
from tfi2i.recipes.serialize import from_dict, to_dict

DEFAULT_PATIENCE = 10


def resolve(config: TrainConfig) -> TrainConfig:
    """Fill in every `None` that follows from other fields, and check the values.

    `data.dir` and `devices` stay as they are: their `None` depends on the machine.
    Resolving twice changes nothing.

    Args:
        config: any configuration.

    Returns:
        The configuration with `load_size` (where images are resized), `num_downs`
        (U-Net), `statistics`, `decay_epochs` and, with `early_stop`, `patience` as
        numbers or names.

    Raises:
        ValueError: naming the field, or the command-line flag, whose value cannot
            train, and what would.
    """
    config = from_dict(to_dict(config))
    check(config)
    data, generator = config.data, config.model.generator
    load_size = data.load_size
    if load_size is None and data.is_resized:
        load_size = default_load_size(data)
    num_downs = generator.num_downs
    if num_downs is None and generator.network == "unet":
        num_downs = _least_halvings(data)
    statistics = generator.statistics
    if statistics is None:
        statistics = "image" if data.batch_size == 1 else "stored"
    decay_epochs = config.decay_epochs
    if decay_epochs is None:
        decay_epochs = config.epochs // 2
    patience = config.patience
    if patience is None and config.early_stop is not None:
        patience = DEFAULT_PATIENCE
    generator = replace(generator, num_downs=num_downs, statistics=statistics)
    return replace(
        config,
        data=replace(data, load_size=load_size),
        model=replace(config.model, generator=generator),
        decay_epochs=decay_epochs,
        patience=patience,
    )


def without_unused(config: TrainConfig, recipe: TrainConfig) -> TrainConfig:
    """Take back what a recipe says of what was exchanged for something else.

    Args:
        config: made from `recipe` by changing fields.
        recipe: of the same model type.

    Returns:
        `config`, in which the fields that only the recipe's network has, such as the
        number of residual blocks, are at their defaults, and so is the load size
        where images are no longer resized.
    """
    for path, network in OWNERS.items():
        side, name = path.split(".")
        part, given = getattr(config.model, side), getattr(recipe.model, side)
        if part.network != network and getattr(part, name) == getattr(given, name):
            part = replace(part, **{name: getattr(type(part)(), name)})
            config = replace(config, model=replace(config.model, **{side: part}))
    data, given = config.data, recipe.data
    if not data.is_resized and data.load_size == given.load_size:
        config = replace(config, data=replace(data, load_size=None))
    return config


def _least_halvings(data):
    # Without a crop the sizes of images decide, which are rounded to what the network
    # takes: the fewer halvings, the less they change.
    if not data.is_cropped:
        return LEAST_HALVINGS
    return min(map(_halvings, data.crop_shape))


def _halvings(size: int) -> int:
    """Return how often `size` can be halved without remainder, at most 8 times."""
    return min(8, (size & -size).bit_length() - 1)
