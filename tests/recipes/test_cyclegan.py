"""What trains a CycleGAN."""

import pytest

from tests.recipes.changes import cyclegan
from tfi2i.recipes.resolve import resolve


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


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"model__cycle_weight_a": -1.0}, "--model.cycle-weight-a is -1.0; .* least 0"),
        ({"model__cycle_weight_b": -1.0}, "--model.cycle-weight-b is -1.0; .* least 0"),
        ({"model__cycle_weight_a": float("nan")}, "is nan; expected a finite number"),
        ({"model__identity_weight": -0.1}, "--model.identity-weight is -0.1; .* leas"),
        ({"model__identity_weight": float("inf")}, "is inf; expected a finite number"),
        ({"model__pool_size": -1}, "pool-size is -1; .* a number from 0 to 1000"),
        ({"model__pool_size": 1001}, "pool-size is 1001; .* from 0 to 1000"),
        (
            {"data__direction": "b2a"},
            "--data.direction is 'b2a'; expected a2b: a CycleGAN learns both ways; "
            "choose one when translating, with tfi2i translate --direction",
        ),
        ({"data__input": "edges"}, "--data.input is 'edges'; expected files: a Cyc"),
        (
            {"data__layout": "targets", "data__dir": "x"},
            "--data.layout is 'targets'; .* a CycleGAN needs images of A and of B",
        ),
        (
            {"model__cycle_weight_a": 0.0, "model__cycle_weight_b": 0.0}
            | {"model__identity_weight": 1.0},
            "identity-weight is 1.0, .* a --model.cycle-weight-a or --model.cycle-wei",
        ),
        ({"data__crop_size": 30}, "is 30; expected a multiple of 4, at least 16, for"),
        ({"data__crop_size": 16}, "num-layers is 3; expected at most 2 at crop size"),
    ],
)
def test_a_cyclegan_refuses_what_cannot_train(changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        resolve(cyclegan(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"model__pool_size": 0},
        {"model__pool_size": 1000},
        {"model__cycle_weight_a": 0.0, "model__cycle_weight_b": 0.0},
        {"model__identity_weight": 0.0},
        {"data__dir": "x", "data__layout": "folders"},
        {"model__generator__network": "unet", "model__generator__norm": "batch"},
    ],
)
def test_a_cyclegan_accepts_what_can_train(changes):
    chosen = cyclegan(**changes)
    assert resolve(resolve(chosen)) == resolve(chosen)


def test_a_cyclegan_keeps_colours_and_compares_equal_channels_only():
    with pytest.raises(ValueError, match="--data.color-jitter is 0.1; expected 0: a C"):
        resolve(cyclegan(data__color_jitter=0.1))
    channels = {"data__domain_a__channels": 1, "data__domain_b__channels": 3}
    with pytest.raises(ValueError, match="--model.identity-weight is 0.5; expected 0:"):
        resolve(cyclegan(**channels))
    resolve(cyclegan(**channels, model__identity_weight=0.0))
