"""The stored form of a configuration, and how strictly it is read."""

import dataclasses
import json
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recipes.changes import changed, cyclegan
from tfi2i.recipes import named
from tfi2i.recipes.config import ModelConfig, TrainConfig
from tfi2i.recipes.cyclegan import CycleGANConfig
from tfi2i.recipes.imported import ImportedConfig
from tfi2i.recipes.pix2pix import Pix2PixConfig
from tfi2i.recipes.resolve import resolve
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
