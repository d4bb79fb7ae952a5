import re
import subprocess
import sys

import pytest

from tfi2i.recipes import named
from tfi2i.recipes.config import resolve


def test_the_names():
    assert list(named.RECIPES) == [
        "pix2pix-facades",
        "pix2pix-edges2photo",
        "pix2pix-maps",
        "pix2pix-emoji",
        "edges2emoji",
    ]


@pytest.mark.parametrize("name", named.RECIPES)
def test_every_recipe_resolves_and_knows_its_name(name):
    recipe = named.get(name)
    assert resolve(recipe.config).recipe == name
    assert recipe.config.data.dir is None
    assert recipe.summary and recipe.cost and recipe.scores


@pytest.mark.parametrize("name", named.RECIPES)
def test_costs_count_the_steps(name):
    """The steps that a recipe's cost names follow from its images and epochs."""
    recipe = named.get(name)
    numbers = re.match(
        r"([\d,]+) pairs, ([\d,]+) epochs: ([\d,]+) steps", recipe.cost
    ).groups()
    pairs, epochs, steps = (int(number.replace(",", "")) for number in numbers)
    assert epochs == recipe.config.epochs
    assert steps == pairs // recipe.config.data.batch_size * epochs


def test_defaults_follow_the_reference():
    facades = resolve(named.get("pix2pix-facades").config)
    assert facades.data.direction == "b2a"
    assert (facades.data.load_size, facades.data.crop_size) == (286, 256)
    assert (facades.epochs, facades.decay_epochs) == (200, 100)
    assert facades.model.l1_weight == 100
    assert facades.model.generator.filters == 64
    assert facades.optimizer.learning_rate == 0.0002
    assert facades.optimizer.beta_1 == 0.5


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match="'facades'. Did you mean 'pix2pix-facades'"):
        named.get("facades")


def test_recipes_load_nothing_heavy():
    code = (
        "import sys, tfi2i.recipes.named, tfi2i.recipes.stored; "
        "print({'tensorflow', 'keras', 'numpy', 'tyro', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
