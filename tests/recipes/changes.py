"""Configurations that differ from others in a few fields."""

import dataclasses

from tfi2i.recipes.config import TrainConfig
from tfi2i.recipes.cyclegan import CycleGANConfig
from tfi2i.recipes.pix2pix import Pix2PixConfig


def changed(config, **changes):
    """A configuration with fields changed by dotted path (dots as `__`)."""
    for path, value in changes.items():
        config = _replaced(config, path.split("__"), value)
    return config


def config(**changes):
    """The default configuration, a Pix2Pix, with fields changed."""
    return changed(TrainConfig(model=Pix2PixConfig()), **changes)


def cyclegan(**changes):
    """The default CycleGAN with fields changed."""
    return changed(TrainConfig(model=CycleGANConfig()), **changes)


def _replaced(part, names, value):
    if names[1:]:
        value = _replaced(getattr(part, names[0]), names[1:], value)
    return dataclasses.replace(part, **{names[0]: value})
