import dataclasses
import json
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recipes.changes import changed, config, cyclegan
from tfi2i.recipes import named
from tfi2i.recipes.config import DataConfig, ModelConfig, OptimizerConfig, TrainConfig
from tfi2i.recipes.cyclegan import CycleGANConfig
from tfi2i.recipes.imported import ImportedConfig
from tfi2i.recipes.networks import DiscriminatorConfig, GeneratorConfig
from tfi2i.recipes.pix2pix import Pix2PixConfig
from tfi2i.recipes.resolve import resolve, without_unused
from tfi2i.recipes.serialize import from_dict, to_dict


def values(hint):
    """Strategy for any value of an annotation, chosen here and not by the code."""
    if hint is ModelConfig:
        hint = Pix2PixConfig | CycleGANConfig | ImportedConfig
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        names = [field.name for field in dataclasses.fields(hint)]
        return st.builds(hint, **{name: values(hints[name]) for name in names})
    arms = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return st.sampled_from(arms)
    if arms:
        return st.one_of(*map(values, arms))
    simple = {
        bool: st.booleans(),
        int: st.integers(),
        float: st.floats(allow_nan=False),
        str: st.text(),
        type(None): st.none(),
    }
    return simple[hint]


@settings(deadline=None)
@given(values(TrainConfig))
def test_round_trip_through_json(anything):
    assert from_dict(json.loads(json.dumps(to_dict(anything)))) == anything


def test_stored_form():
    stored = to_dict(TrainConfig(model=Pix2PixConfig()))
    assert stored["format"] == 1
    assert stored["model"]["type"] == "pix2pix"
    assert stored["data"]["batch_size"] == 1


def test_missing_fields_take_defaults():
    assert from_dict({"format": 1}) == TrainConfig(model=Pix2PixConfig())


# As runs were stored before there were CycleGANs.
OLD = """{
  "format": 1,
  "recipe": "pix2pix-facades",
  "model": {
    "type": "pix2pix",
    "generator": {
      "network": "unet", "filters": 64, "num_downs": 8, "blocks": 9, "norm": "batch",
      "statistics": "image", "dropout": 0.5, "upsample": "transpose", "skips": true
    },
    "discriminator": {
      "network": "patchgan", "filters": 64, "num_layers": 3, "norm": "batch"
    },
    "adversarial_loss": "lsgan", "gan_weight": 1.0, "l1_weight": 50.0,
    "l2_weight": 0.0, "conditional": true
  },
  "data": {
    "dir": "/images", "layout": "auto", "a": "photo", "b": "label",
    "direction": "b2a", "input": "files", "crop_size": 256, "load_size": 286,
    "flip": true, "batch_size": 1, "background": "white"
  },
  "optimizer": {"learning_rate": 0.0002, "beta_1": 0.5, "beta_2": 0.999},
  "epochs": 200, "decay_epochs": 100, "seed": 3, "devices": null,
  "deterministic": false, "backup_epochs": 1, "backup_minutes": 10.0,
  "sample_images": 4, "validation_images": 50
}"""


def test_runs_that_were_stored_before_new_fields_mean_what_they_did():
    read = from_dict(json.loads(OLD))
    assert read == changed(
        named.get("pix2pix-facades").config,
        model__generator__num_downs=8,
        model__generator__statistics="image",
        model__adversarial_loss="lsgan",
        model__l1_weight=50.0,
        data__dir="/images",
        data__load_size=286,
        decay_epochs=100,
        seed=3,
    )
    assert resolve(read) == read
    assert not read.model.discriminator.spectral_norm
    assert read.optimizer.clip_norm is None
    assert read.optimizer.ema_momentum is None


def test_the_stored_type_decides_the_model_and_its_defaults():
    stored = {"type": "cyclegan", "generator": {"filters": 8}, "pool_size": 3}
    read = from_dict({"format": 1, "model": stored})
    assert read == cyclegan(model__generator__filters=8, model__pool_size=3)
    assert read.model.generator.network == "resnet"
    assert read.model.generator.norm == "instance"
    assert to_dict(read)["model"]["type"] == "cyclegan"


def test_a_whole_number_is_a_float_too():
    read = from_dict({"format": 1, "backup_minutes": 3})
    assert read.backup_minutes == 3.0
    assert type(read.backup_minutes) is float


@pytest.mark.parametrize(
    "stored, message",
    [
        ([], r"is \[\]; expected a JSON object"),
        ({}, "has format None; this version of tfi2i reads format 1"),
        ({"format": 2}, "has format 2;"),
        ({"format": True}, "has format True;"),
        ({"format": 1, "epoch": 3}, "no field 'epoch'. Did you mean 'epochs'\\?"),
        (
            {"format": 1, "data": {"batchsize": 3}},
            "no field 'data.batchsize'. Did you mean 'data.batch_size'\\?",
        ),
        ({"format": 1, "zzz": 3}, "no field 'zzz'. Its fields are recipe, model, data"),
        ({"format": 1, "epochs": "3"}, "'epochs' .* is '3'; expected a value of type"),
        ({"format": 1, "epochs": True}, "'epochs' .* is True; .* of type int"),
        ({"format": 1, "epochs": None}, "'epochs' .* is None; .* of type int"),
        ({"format": 1, "epochs": 3.0}, "'epochs' .* is 3.0; .* of type int"),
        ({"format": 1, "decay_epochs": "x"}, "'decay_epochs' .* is 'x'; .* type int"),
        ({"format": 1, "data": 3}, "'data' .* is 3; expected an object"),
        ({"format": 1, "data": {"layout": "x"}}, "is 'x'; expected one of 'auto', "),
        ({"format": 1, "data": {"layout": []}}, r"is \[\]; expected one of 'auto', "),
        ({"format": 1, "model": {}}, "is None; expected one of 'pix2pix', 'cyclegan'"),
        ({"format": 1, "model": None}, "'model' .* is None; expected an object"),
        (
            {"format": 1, "model": {"type": "cyclegan", "l1_weight": 1.0}},
            "has no field 'model.l1_weight'",
        ),
        (
            {"format": 1, "model": {"type": "cyclegan", "pool_size": 1.0}},
            "'model.pool_size' .* is 1.0; expected a value of type int",
        ),
        ({"format": 1, "model": {"type": "gan"}}, "'model.type' .* is 'gan'"),
        ({"format": 1, "model": {"type": ["gan"]}}, r"'model.type' .* is \['gan'\]"),
        (
            {"format": 1, "model": {"type": "pix2pix", "efficiency": 2.0}},
            "has no field 'model.efficiency'. Its fields are model.generator, ",
        ),
    ],
)
def test_reading_is_strict(stored, message):
    with pytest.raises(ValueError, match=message) as caught:
        from_dict(stored)
    assert "\n" not in str(caught.value)


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


def test_a_cyclegan_s_defaults_are_the_reference_s():
    model = resolve(cyclegan()).model
    generator, discriminator = model.generator, model.discriminator
    assert (generator.network, generator.blocks) == ("resnet", 9)
    assert (generator.norm, generator.dropout) == ("instance", 0.0)
    assert (generator.filters, generator.num_downs) == (64, None)
    assert (discriminator.network, discriminator.num_layers) == ("patchgan", 3)
    assert (discriminator.norm, discriminator.filters) == ("instance", 64)
    assert (model.cycle_weight_a, model.cycle_weight_b) == (10, 10)
    assert (model.identity_weight, model.pool_size) == (0.5, 50)
    assert model.adversarial_loss == "lsgan"


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


PAIRED = [name for name in named.RECIPES if not name.startswith("cyclegan")]


@pytest.mark.parametrize("name", PAIRED)
def test_every_paired_recipe_can_train_without_a_discriminator(name):
    resolved = resolve(changed(named.get(name).config, model__gan_weight=0.0))
    assert resolved.model.gan_weight == 0


def test_a_discriminator_that_is_not_made_need_not_fit():
    chosen = config(model__gan_weight=0.0, model__discriminator__num_layers=7)
    assert resolve(chosen).model.discriminator.num_layers == 7


def test_a_layout_of_ones_own_images():
    chosen = config(data__dir="photos", data__layout="folders")
    assert resolve(chosen).data.layout == "folders"


@pytest.mark.parametrize("name", named.RECIPES)
def test_resolving_twice_changes_nothing(name):
    once = resolve(named.get(name).config)
    assert resolve(once) == once


@pytest.mark.parametrize(
    "make",
    [
        DataConfig,
        GeneratorConfig,
        DiscriminatorConfig,
        Pix2PixConfig,
        CycleGANConfig,
        ImportedConfig,
        OptimizerConfig,
        config,
        cyclegan,
    ],
)
def test_values_are_frozen_and_hashable(make):
    hash(make())
    field = dataclasses.fields(make())[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(make(), field, None)
