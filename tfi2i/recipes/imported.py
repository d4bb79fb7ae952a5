"""A generator that another program trained, as a run."""

from dataclasses import dataclass
from typing import ClassVar

from tfi2i import ways
from tfi2i.network_sizes import RESNET_SIZES
from tfi2i.recipes.config import DataConfig, ModelConfig


@dataclass(frozen=True)
class ImportedConfig(ModelConfig):
    """A generator that another program trained."""

    type: ClassVar[str] = "imported"
    takes_pairs: ClassVar[bool] = True
    is_trained_here: ClassVar[bool] = False

    source: str = ""
    """Name of the file or folder that it came from."""
    sha256: str = ""
    """Of the file; empty where it was a folder."""
    outline: str = ""
    """Architecture, in words."""

    def ways(self, data: DataConfig) -> tuple[ways.Way, ...]:
        return ways.paired(data.direction)

    @property
    def multiple(self) -> int:
        # The network says of itself which sizes it takes.
        return RESNET_SIZES.multiple

    def load_data(self, config, split, limit, usual):
        from tfi2i.recipes import splits

        how = splits.preprocessing(config, split)
        return splits.load_pairs(config.data, how, split, limit, usual)

    def other_way(self, direction: str) -> str:
        return f"import the generator of that way with --direction {direction}"

    def untrained(self, run: str) -> str:
        return f": import {self.source} again."
