"""What trains a Pix2Pix."""

import pytest

from tests.recipes.changes import changed, config
from tfi2i.recipes import named
from tfi2i.recipes.resolve import resolve

PAIRED = [name for name in named.RECIPES if not name.startswith("cyclegan")]


@pytest.mark.parametrize("name", PAIRED)
def test_every_paired_recipe_can_train_without_a_discriminator(name):
    resolved = resolve(changed(named.get(name).config, model__gan_weight=0.0))
    assert resolved.model.gan_weight == 0


def test_a_discriminator_that_is_not_made_need_not_fit():
    chosen = config(model__gan_weight=0.0, model__discriminator__num_layers=7)
    assert resolve(chosen).model.discriminator.num_layers == 7


def test_spectral_norm_without_a_discriminator():
    chosen = config(model__gan_weight=0.0, model__discriminator__spectral_norm=True)
    with pytest.raises(ValueError, match="spectral-norm is True, .*gan-weight above"):
        resolve(chosen)
