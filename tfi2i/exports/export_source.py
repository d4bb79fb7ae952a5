"""What is exported, and where to: a run's generators, or those of a `.keras` file."""

from pathlib import Path
from typing import NamedTuple

import keras

from tfi2i.data.pixels import PixelType
from tfi2i.exports.export_report import read_report
from tfi2i.inference.export_files import direction_of
from tfi2i.inference.generators import (
    Extras,
    is_keras,
    pixel_types,
    read_trained,
)
from tfi2i.recipes.config import DataConfig, TrainConfig
from tfi2i.recipes.imported import ImportedConfig
from tfi2i.recipes.trained import Weights


class Origin(NamedTuple):
    """Trained generators, and the names of their exports.

    Attributes:
        generators: by direction, which is None where nothing says it.
        extras: those with extra inputs, as `read_trained` has them.
        config: of the run; of a `.keras` file that is not a run's own, one of the
            images to compare on.
        folder: where exports go: `export` in the run, or beside the file.
        name: how the exports' names begin.
        is_run: whether the generators are a run's.
    """

    generators: dict[str | None, keras.Model]
    extras: dict[str | None, Extras]
    config: TrainConfig
    folder: Path
    name: str
    is_run: bool

    def base(self, direction: str | None) -> Path:
        """The exports of one generator, without suffix."""
        name = self.name if direction is None else f"{self.name}_{direction}"
        return self.folder / name

    def pixels(
        self, direction: str | None
    ) -> tuple[PixelType | None, PixelType | None]:
        """Of inputs and of outputs; None is 8 bits."""
        return pixel_types(self.config, direction) if self.is_run else (None, None)

    def check_free(self, path: Path) -> None:
        """Refuses to replace what is not known to be an export of ours.

        In a run's folder all exports are.

        Raises:
            FileExistsError: `path` exists, and the report does not tell of it.
        """
        if self.is_run or not path.exists():
            return
        if path.relative_to(self.folder).as_posix() not in read_report(self.folder):
            raise FileExistsError(f"'{path}' exists and is not ours: move it away.")


def read_origin(source: Path, direction: str | None, weights: Weights | None) -> Origin:
    """Reads what is to be exported.

    Args:
        source: folder of a run, or `.keras` file.
        direction: the only one to export; None exports all. It also names that of a
            file which does not say it.
        weights: of a run.

    Raises:
        FileNotFoundError: there is no such source.
        ValueError: of `read_trained`; the direction is another one.
    """
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(f"'{path}' does not exist.")
    if path.is_file() and not is_keras(path):
        raise ValueError(
            f"'{path}' is no run folder and no .keras file, which hold trained weights."
        )
    generators, config, extras = read_trained(path, weights)
    is_run = config is not None
    run = path.parent if is_keras(path) else path
    name = run.resolve().name if is_run else path.stem
    if not is_run:
        model = ImportedConfig(path.name, "", "")
        config = TrainConfig(recipe="imported", model=model, data=_images(generators))
    if None in generators:
        # A direction that the name ends with is not added to it again.
        named = direction_of(path)
        if direction is not None and named is None:
            generators = {direction: generators[None]}
        elif direction not in (None, named):
            raise ValueError(f"'{path}' translates {named}, not {direction}.")
    elif direction not in (None, *generators):
        known = " and ".join(generators)
        raise ValueError(f"'{path}' translates {known}, not {direction}.")
    elif direction is not None:
        generators = {direction: generators[direction]}
    return Origin(generators, extras, config, run / "export", name, is_run)


def _images(generators):
    """Bundled images of the side that a generator is made for, else of 256 pixels."""
    height, width = next(iter(generators.values())).input_shape[1:3]
    if height is None or width is None:
        return DataConfig()
    return DataConfig(crop_size=height, crop_width=width)
