"""`tfi2i recipes`, `tfi2i train` and `tfi2i demo`."""

import dataclasses
import typing
from pathlib import Path

from tfi2i.commands.parsing import CommandError, NoOptions, parse
from tfi2i.commands.tensorflow_context import loaded_tensorflow

if typing.TYPE_CHECKING:
    from tfi2i.recipes.config import Recipe, TrainConfig

_HELP = """usage: tfi2i train RECIPE [--run DIR] [--data.dir DIR] [OPTIONS]
       tfi2i train --resume RUN [--data.dir DIR] [--devices N] [--epochs N]

Train a recipe into a run folder (saved_models/RECIPE unless --run names another), or
go on with one (with --data.dir where its images have moved, with --devices on another
number of GPUs). --epochs lets a finished run go on to so many in all; the learning
rate falls to zero over the last of them, over as many as before.

recipes: {recipes}
Every option of one: tfi2i train RECIPE --help"""


@dataclasses.dataclass(frozen=True)
class MovedData:
    """Where the images of a run are now."""

    dir: str | None = None
    """Folder of the images, if they have moved; None is where they were."""


@dataclasses.dataclass(frozen=True)
class ResumeOptions:
    """Options of `tfi2i train --resume`."""

    resume: Path
    """Folder of the run to go on with."""
    epochs: int | None = None
    """Epochs in all, more or fewer than before; None is as before. The learning rate
    falls over the last of them, over as many as before."""
    devices: int | None = None
    """GPUs to use now; None is as many as before."""
    data: MovedData = dataclasses.field(default_factory=MovedData)
    """Images."""


@dataclasses.dataclass(frozen=True)
class DemoOptions:
    """Options of `tfi2i demo`."""

    run: Path = Path("saved_models/demo")
    """Folder of the run."""


def list_recipes(words: list[str]) -> None:
    """Runs `tfi2i recipes`."""
    about = "List what can be trained, with its cost and the scores to expect."
    parse(NoOptions, words, "tfi2i recipes", about)
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from tfi2i.recipes.named import RECIPES

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("recipe", no_wrap=True)
    for title in ("what it learns", "cost", "expected scores"):
        table.add_column(title)
    for name, recipe in RECIPES.items():
        table.add_row(name, recipe.summary, recipe.cost, recipe.scores)
    console = Console()
    console.print(table)
    console.print("Start one: tfi2i train RECIPE --data.dir DIR", markup=False)


def train(words: list[str]) -> None:
    """Runs `tfi2i train`, of a recipe or with `--resume`."""
    from tfi2i.recipes.named import RECIPES

    if any(word.partition("=")[0] == "--resume" for word in words):
        _resume(words)
    elif words and not words[0].startswith("-"):
        _train_recipe(words[0], words[1:])
    elif words and words[0] in ("-h", "--help"):
        print(_HELP.format(recipes=", ".join(RECIPES)))
    else:
        raise CommandError(
            "tfi2i train needs a recipe as its first argument, or --resume RUN. "
            f"Recipes: {', '.join(RECIPES)}."
        )


def _train_recipe(name: str, words: list[str]) -> None:
    from tfi2i.recipes.customize import ready_to_train
    from tfi2i.recipes.named import get

    config, run = parse_training(name, get(name), words)
    # Mistakes are answered before TensorFlow is loaded.
    config = ready_to_train(config)
    with loaded_tensorflow(run, config):
        from tfi2i import api

        api.train(config, run=run)


def _resume(words: list[str]) -> None:
    about = "Go on with a run, exactly where its last backup was made, or to --epochs."
    try:
        options = parse(ResumeOptions, words, "tfi2i train", about)
    except CommandError as error:
        raise CommandError(
            "tfi2i train --resume takes a run folder, --data.dir if its images have "
            "moved, --devices if there are others now, --epochs for more or fewer, and "
            f"nothing else, because the run keeps its configuration: {error}"
        ) from None
    with loaded_tensorflow(options.resume):
        from tfi2i import api

        api.train(**{**vars(options), "data": vars(options.data)})


def demo(words: list[str]) -> None:
    """Runs `tfi2i demo`."""
    about = "Train edges2emoji on bundled images, print its scores and paint a picture."
    run = parse(DemoOptions, words, "tfi2i demo", about).run
    with loaded_tensorflow(run):
        from tfi2i.demo import demo

        demo(run)


def parse_training(
    name: str, recipe: "Recipe", words: list[str]
) -> tuple["TrainConfig", Path]:
    """Parses the options of `tfi2i train RECIPE`.

    Args:
        name: of the recipe.
        recipe: gives the values of flags that are not given.
        words: what follows RECIPE.

    Returns:
        The configuration, not resolved, and the folder of the run.

    Raises:
        CommandError: for words that do not fit.
        SystemExit: after showing help.
    """
    import tyro

    from tfi2i.recipes.config import TrainConfig
    from tfi2i.recipes.resolve import without_unused

    fields = [field.name for field in dataclasses.fields(TrainConfig)]
    model_kind = type(recipe.config.model)

    @dataclasses.dataclass(frozen=True)
    class TrainOptions(TrainConfig):
        recipe: typing.Annotated[str, tyro.conf.Suppress] = ""
        # The options of this recipe's model only.
        model: model_kind = dataclasses.field(  # type: ignore[valid-type]
            default_factory=model_kind
        )
        """Networks and losses."""
        run: Path = Path("saved_models") / name
        """Folder of the run."""

    recipe_values = {field: getattr(recipe.config, field) for field in fields}
    options = parse(
        TrainOptions,
        words,
        f"tfi2i train {name}",
        f"Learn {recipe.summary}.\nCost: {recipe.cost}.\nScores: {recipe.scores}.",
        TrainOptions(**recipe_values),
    )
    values = {field: getattr(options, field) for field in fields}
    return without_unused(TrainConfig(**values), recipe.config), options.run
