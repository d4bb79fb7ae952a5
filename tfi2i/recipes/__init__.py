"""What to train: typed configurations, the named recipes, and what joins the parts."""

from tfi2i.recipes.config import DataConfig, ModelConfig, Recipe, TrainConfig
from tfi2i.recipes.customize import customize
from tfi2i.recipes.named import RECIPES

__all__ = [
    "RECIPES",
    "DataConfig",
    "ModelConfig",
    "Recipe",
    "TrainConfig",
    "customize",
]
