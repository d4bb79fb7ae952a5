"""From a configuration that somebody wrote to one that can train."""

from dataclasses import replace

from tfi2i.recipes.checks import check, default_load_size
from tfi2i.recipes.config import TrainConfig
from tfi2i.recipes.serialize import from_dict, to_dict

DEFAULT_PATIENCE = 10


def resolve(config: TrainConfig) -> TrainConfig:
    """Fill in every `None` that follows from other fields, and check the values.

    `data.dir` and `devices` stay as they are: their `None` depends on the machine.
    Resolving twice changes nothing.

    Args:
        config: any configuration.

    Returns:
        The configuration with `load_size` (where images are resized), what its model
        resolves, `decay_epochs` and, with `early_stop`, `patience` as numbers or
        names.

    Raises:
        ValueError: naming the field, or the command-line flag, whose value cannot
            train, and what would.
    """
    config = from_dict(to_dict(config))
    check(config)
    data = config.data
    load_size = data.load_size
    if load_size is None and data.is_resized:
        load_size = default_load_size(data)
    decay_epochs = config.decay_epochs
    if decay_epochs is None:
        decay_epochs = config.epochs // 2
    patience = config.patience
    if patience is None and config.early_stop is not None:
        patience = DEFAULT_PATIENCE
    return replace(
        config,
        data=replace(data, load_size=load_size),
        model=config.model.resolve(data),
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
    config = replace(config, model=config.model.without_unused(recipe.model))
    data, given = config.data, recipe.data
    if not data.is_resized and data.load_size == given.load_size:
        config = replace(config, data=replace(data, load_size=None))
    return config
