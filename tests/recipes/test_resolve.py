"""What follows from what is given."""

import pytest

from tests.recipes.changes import changed, config
from tfi2i.recipes import named, splits
from tfi2i.recipes.resolve import resolve, without_unused


def test_resolve_fills_in_what_follows():
    resolved = resolve(config())
    assert resolved.data.load_size == 286
    assert resolved.model.generator.num_downs == 8
    assert resolved.model.generator.statistics == "image"
    assert resolved.decay_epochs == 100
    assert resolved.devices is None


@pytest.mark.parametrize(
    "crop_size, load_size, num_downs",
    [(32, 36, 5), (64, 72, 6), (96, 107, 5), (128, 143, 7), (1024, 1144, 8)],
)
def test_resolve_computes_from_the_crop_size(crop_size, load_size, num_downs):
    resolved = resolve(config(data__crop_size=crop_size))
    assert resolved.data.load_size == load_size
    assert resolved.model.generator.num_downs == num_downs


def test_resolve_keeps_what_is_given():
    given = config(
        data__load_size=300,
        data__batch_size=4,
        model__generator__num_downs=5,
        model__generator__statistics="image",
        decay_epochs=0,
    )
    assert resolve(given) == given


def test_resolve_of_larger_batches_and_odd_epochs():
    resolved = resolve(config(data__batch_size=4, epochs=15))
    assert resolved.model.generator.statistics == "stored"
    assert resolved.decay_epochs == 7


def test_a_resnet_has_no_halvings_to_fill_in():
    resolved = resolve(config(model__generator__network="resnet", data__crop_size=100))
    assert resolved.model.generator.num_downs is None


@pytest.mark.parametrize("norm", ["instance", "none"])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_resolving_other_norms_twice_changes_nothing(norm, batch_size):
    once = resolve(config(model__generator__norm=norm, data__batch_size=batch_size))
    assert resolve(once) == once


def test_a_network_that_is_exchanged_takes_its_own_options_along():
    recipe = named.get("cyclegan-emoji").config
    assert (recipe.model.generator.blocks, recipe.data.crop_size) == (4, 64)
    chosen = changed(
        recipe,
        model__generator__network="unet",
        model__discriminator__network="pixel",
        epochs=3,
    )
    with pytest.raises(ValueError, match="blocks is 4"):
        resolve(chosen)
    resolved = resolve(without_unused(chosen, recipe))
    assert resolved.model.generator.network == "unet"
    assert resolved.model.generator.num_downs == 6
    assert resolved.model.generator.filters == 32
    assert resolved.epochs == 3


def test_options_of_a_network_that_is_kept_stay():
    recipe = named.get("cyclegan-emoji").config
    assert without_unused(recipe, recipe) == recipe
    chosen = changed(recipe, model__generator__network="unet")
    asked = changed(chosen, model__generator__blocks=6)
    assert without_unused(asked, recipe) == asked


def test_a_layout_of_ones_own_images():
    chosen = config(data__dir="photos", data__layout="folders")
    assert resolve(chosen).data.layout == "folders"


@pytest.mark.parametrize("name", named.RECIPES)
def test_resolving_twice_changes_nothing(name):
    once = resolve(named.get(name).config)
    assert resolve(once) == once


def test_sizes_follow_from_what_is_given():
    data = resolve(config(data__crop_size=128, data__crop_width=256)).data
    assert (data.crop_shape, data.load_shape) == ((128, 256), (143, 286))
    assert resolve(config(data__preprocess="crop")).data.load_size is None
    assert resolve(config(data__preprocess="none")).data.load_size is None
    wide = config(data__crop_size=32, data__crop_width=512)
    assert resolve(wide).model.generator.num_downs == 5
    # Images of any size come, of which a deeper network would round 40 pixels to 256.
    whole = resolve(config(data__preprocess="none"))
    assert whole.model.generator.num_downs == 5
    assert splits.preprocessing(whole, "train").geometry.loaded(40, 70) == (32, 64)
    scaled = config(data__preprocess="scale_width", data__load_width=512)
    assert resolve(resolve(scaled)) == resolve(scaled)
