import dataclasses
import json
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfi2i.recipes import named
from tfi2i.recipes.config import (
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    OptimizerConfig,
    Pix2PixConfig,
    TrainConfig,
    from_dict,
    resolve,
    to_dict,
)


def values(hint):
    """Strategy for any value of an annotation, chosen here and not by the code."""
    if dataclasses.is_dataclass(hint):
        fields = typing.get_type_hints(hint)
        return st.builds(hint, **{name: values(kind) for name, kind in fields.items()})
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


def config(**changes):
    """A configuration with fields changed by dotted path (dots as `__`)."""
    result = TrainConfig()
    for path, value in changes.items():
        result = _replaced(result, path.split("__"), value)
    return result


def _replaced(part, names, value):
    if names[1:]:
        value = _replaced(getattr(part, names[0]), names[1:], value)
    return dataclasses.replace(part, **{names[0]: value})


@given(values(TrainConfig))
def test_round_trip_through_json(anything):
    assert from_dict(json.loads(json.dumps(to_dict(anything)))) == anything


def test_stored_form():
    stored = to_dict(TrainConfig())
    assert stored["format"] == 1
    assert stored["model"]["type"] == "pix2pix"
    assert stored["data"]["batch_size"] == 1


def test_missing_fields_take_defaults():
    assert from_dict({"format": 1}) == TrainConfig()


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
        ({"format": 1, "model": {}}, "'model.type' .* is None; .* 'pix2pix'"),
        ({"format": 1, "model": {"type": "gan"}}, "'model.type' .* is 'gan'"),
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


@pytest.mark.parametrize("name", named.RECIPES)
def test_every_recipe_can_train_without_a_discriminator(name):
    recipe = named.get(name).config
    resolved = resolve(_replaced(recipe, ["model", "gan_weight"], 0.0))
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
    "changes, message",
    [
        ({"data__crop_size": 100}, "--data.crop-size is 100; .* of 32, .* 96 or 128"),
        ({"data__crop_size": 16}, "--data.crop-size is 16; .* such as 32"),
        ({"data__crop_size": 0}, "--data.crop-size is 0; expected at least 1"),
        (
            {"data__crop_size": 96, "model__generator__num_downs": 6},
            "is 96; .* multiple of 64, at least 64, for a U-Net with 6 .* 64 or 128",
        ),
        (
            {"data__crop_size": 30, "model__generator__network": "resnet"},
            "is 30; expected a multiple of 4, at least 16, for a ResNet, such as 28 or",
        ),
        ({"data__load_size": 255}, "--data.load-size is 255; .* the crop size, 256"),
        ({"data__layout": "targets"}, "--data.layout .* or --data.input edges"),
        ({"data__a": ""}, "--data.a is ''; expected the name of a folder"),
        ({"data__a": "B"}, "--data.b is 'B'; expected another folder than --data.a"),
        ({"data__background": "#12"}, "--data.background is '#12'; expected #rrggbb"),
        ({"data__batch_size": 0}, "--data.batch-size is 0; expected at least 1"),
        ({"data__batch_size": 3, "devices": 2}, "a multiple of --devices, 2"),
        ({"devices": 0}, "--devices is 0; expected at least 1"),
        ({"epochs": 0}, "--epochs is 0; expected at least 1"),
        ({"decay_epochs": 201}, "--decay-epochs is 201; expected at most --epochs, 2"),
        ({"seed": -1}, "--seed is -1; expected at least 0"),
        ({"seed": 2**32}, "--seed is 4294967296; expected a number below 4294967296"),
        ({"backup_minutes": 0.0}, "--backup-minutes is 0.0; .* above 0"),
        ({"optimizer__learning_rate": 0.0}, "--optimizer.learning-rate is 0.0"),
        ({"optimizer__beta_1": 1.0}, "--optimizer.beta-1 is 1.0; .* not including 1"),
        ({"model__generator__dropout": 1.0}, "--model.generator.dropout is 1.0"),
        ({"model__generator__dropout": -0.1}, "--model.generator.dropout is -0.1"),
        ({"model__l1_weight": -1.0}, "--model.l1-weight is -1.0; expected at least 0"),
        ({"model__l1_weight": float("inf")}, "is inf; expected a finite number"),
        ({"model__l1_weight": float("nan")}, "is nan; expected a finite number"),
        ({"model__gan_weight": 0.0, "model__l1_weight": 0.0}, "one loss weight above"),
        ({"model__generator__num_downs": 4}, "num-downs is 4; expected at least 5"),
        ({"model__generator__blocks": 6}, "blocks is 6, .*network resnet;"),
        ({"model__discriminator__num_layers": 7}, "is 7; expected at most 6 at crop"),
        (
            {"model__generator__network": "resnet", "model__generator__skips": False},
            "--model.generator.skips is False, .* --model.generator.network unet",
        ),
        (
            {"data__layout": "folders"},
            "--data.layout is 'folders', .* --data.dir; leav",
        ),
        (
            {"data__input": "edges", "data__direction": "b2a"},
            "--data.direction is 'b2a'; expected a2b with --data.input edges, which",
        ),
        (
            {"model__gan_weight": 0.0, "model__adversarial_loss": "lsgan"},
            "--model.adversarial-loss is 'lsgan', .* a --model.gan-weight above 0;",
        ),
        (
            {"model__gan_weight": 0.0, "model__conditional": False},
            "--model.conditional is False, .* a --model.gan-weight above 0;",
        ),
        (
            {"model__generator__norm": "instance"}
            | {"model__generator__statistics": "stored"},
            "--model.generator.statistics is 'stored', .* --model.generator.norm batch",
        ),
        (
            {"model__generator__norm": "none", "data__batch_size": 2}
            | {"model__generator__statistics": "image"},
            "--model.generator.statistics is 'image', .* --model.generator.norm batch",
        ),
        (
            {"data__crop_size": 256.0},
            "'data.crop_size' .* is 256.0; expected a value of type int",
        ),
    ],
)
def test_resolve_refuses_what_cannot_train(changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        resolve(config(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "kind",
    [
        DataConfig,
        GeneratorConfig,
        DiscriminatorConfig,
        Pix2PixConfig,
        OptimizerConfig,
        TrainConfig,
    ],
)
def test_values_are_frozen_and_hashable(kind):
    hash(kind())
    field = dataclasses.fields(kind)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(kind(), field, None)
