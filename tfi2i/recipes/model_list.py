"""The models that there are. One line each."""

from tfi2i.recipes.config import ModelConfig
from tfi2i.recipes.cyclegan import CycleGANConfig
from tfi2i.recipes.imported import ImportedConfig
from tfi2i.recipes.pix2pix import Pix2PixConfig

MODELS: tuple[type[ModelConfig], ...] = (
    Pix2PixConfig,
    CycleGANConfig,
    ImportedConfig,
)


def of_type(name: str) -> type[ModelConfig] | None:
    """The configuration of a stored `"type"`; None where there is none."""
    return next((model for model in MODELS if model.type == name), None)
