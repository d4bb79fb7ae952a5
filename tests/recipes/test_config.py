"""Configurations as values."""

import dataclasses

import pytest

from tests.recipes.changes import config, cyclegan
from tfi2i.recipes.config import DataConfig, OptimizerConfig
from tfi2i.recipes.cyclegan import CycleGANConfig
from tfi2i.recipes.imported import ImportedConfig
from tfi2i.recipes.network_configs import DiscriminatorConfig, GeneratorConfig
from tfi2i.recipes.pix2pix import Pix2PixConfig


@pytest.mark.parametrize(
    "make",
    [
        DataConfig,
        GeneratorConfig,
        DiscriminatorConfig,
        Pix2PixConfig,
        CycleGANConfig,
        ImportedConfig,
        OptimizerConfig,
        config,
        cyclegan,
    ],
)
def test_values_are_frozen_and_hashable(make):
    hash(make())
    field = dataclasses.fields(make())[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(make(), field, None)
