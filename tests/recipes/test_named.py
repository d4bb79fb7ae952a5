import re
import subprocess
import sys

import pytest

from tfi2i.recipes import named
from tfi2i.recipes.config import OptimizerConfig, TrainConfig
from tfi2i.recipes.cyclegan import CycleGANConfig
from tfi2i.recipes.resolve import resolve

# Of images that only the user knows.
YOURS = ["pix2pix", "pix2pix-crops", "cyclegan", "cyclegan-crops"]


def test_the_names():
    assert list(named.RECIPES) == [
        *YOURS,
        "pix2pix-facades",
        "pix2pix-edges2photo",
        "pix2pix-maps",
        "pix2pix-emoji",
        "edges2emoji",
        "cyclegan-horse2zebra",
        "cyclegan-summer2winter",
        "cyclegan-monet2photo",
        "cyclegan-emoji",
    ]


@pytest.mark.parametrize("name", named.RECIPES)
def test_every_recipe_resolves_and_knows_its_name(name):
    recipe = named.get(name)
    assert resolve(recipe.config).recipe == name
    assert recipe.config.data.dir is None
    assert recipe.summary and recipe.cost and recipe.scores


@pytest.mark.parametrize("name", [name for name in named.RECIPES if name not in YOURS])
def test_costs_count_the_steps(name):
    """The steps that a recipe's cost names follow from its images and epochs.

    Unpaired, an epoch is as long as the larger domain.
    """
    recipe = named.get(name)
    match = re.match(
        r"([\d,]+)(?: pairs| and ([\d,]+) images), ([\d,]+) epochs: ([\d,]+) steps "
        r"(?:of (\d+) )?at (\d+) px;",
        recipe.cost,
    )
    a, b, epochs, steps, batch_size, size = (
        int((number or "1").replace(",", "")) for number in match.groups()
    )
    assert epochs == recipe.config.epochs
    assert batch_size == recipe.config.data.batch_size
    assert size == recipe.config.data.crop_size
    assert steps == max(a, b) // batch_size * epochs


def test_defaults_follow_the_reference():
    facades = resolve(named.get("pix2pix-facades").config)
    assert facades.data.direction == "b2a"
    assert (facades.data.load_size, facades.data.crop_size) == (286, 256)
    assert (facades.epochs, facades.decay_epochs) == (200, 100)
    assert facades.model.l1_weight == 100
    assert facades.model.generator.filters == 64
    assert facades.optimizer.learning_rate == 0.0002
    assert facades.optimizer.beta_1 == 0.5


@pytest.mark.parametrize(
    "name",
    [
        "cyclegan",
        "cyclegan-horse2zebra",
        "cyclegan-summer2winter",
        "cyclegan-monet2photo",
    ],
)
def test_unpaired_defaults_follow_the_reference(name):
    recipe = resolve(named.get(name).config)
    assert (recipe.data.load_size, recipe.data.crop_size) == (286, 256)
    assert (recipe.epochs, recipe.decay_epochs) == (200, 100)
    assert recipe.data.batch_size == 1
    assert recipe.model == resolve(TrainConfig(model=CycleGANConfig())).model
    assert recipe.optimizer == OptimizerConfig(2e-4, 0.5, 0.999, None, None)


def test_the_small_cyclegan():
    recipe = resolve(named.get("cyclegan-emoji").config)
    assert (recipe.data.load_size, recipe.data.crop_size) == (72, 64)
    assert recipe.data.batch_size == 4
    assert (recipe.model.generator.filters, recipe.model.generator.blocks) == (32, 4)
    assert recipe.model.generator.network == "resnet"
    assert recipe.model.discriminator.num_layers == 2
    assert recipe.model.discriminator.norm == "instance"


def test_which_recipes_need_no_images():
    bundled = [name for name, recipe in named.RECIPES.items() if recipe.bundled]
    assert bundled == ["pix2pix-emoji", "edges2emoji", "cyclegan-emoji"]


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


@pytest.mark.parametrize("name", ["pix2pix-crops", "cyclegan-crops"])
def test_crops_keep_the_scale_of_what_will_be_translated(name):
    data = resolve(named.get(name).config).data
    assert (data.preprocess, data.crop_shape) == ("crop", (256, 256))
    assert not data.is_resized
