"""The recipes that `tfi2i train` knows by name.

Each says what it learns, what it costs and what to expect; a score that nobody has
measured with this package says so.
"""

from tfi2i.recipes.config import DataConfig, Recipe, suggest
from tfi2i.recipes.model_list import MODELS

RECIPES: dict[str, Recipe] = dict(
    sorted(
        (named for model in MODELS for named in model.recipes().items()),
        key=lambda named: not named[1].general,
    )
)
"""Every named recipe, those for any images first."""


def get(name: str) -> Recipe:
    """Return the recipe called `name`.

    Raises:
        ValueError: if there is none; the message suggests the nearest and lists all.
    """
    if name not in RECIPES:
        raise ValueError(
            f"There is no recipe {name!r}.{suggest(name, RECIPES)} "
            f"Recipes: {', '.join(RECIPES)}."
        )
    return RECIPES[name]


def usual_recipe(is_paired: bool) -> str:
    """The first recipe that takes pairs, or the first that takes two sets."""
    return next(
        name
        for name, recipe in RECIPES.items()
        if recipe.config.model.takes_pairs == is_paired
    )


def usual_names(recipe: str) -> tuple[str, str]:
    """Names of the folders of A and B that a recipe gives; `A` and `B` without one."""
    data = RECIPES[recipe].config.data if recipe in RECIPES else DataConfig()
    return data.a, data.b
