"""What configurations of models say is what their trainers have."""

import pytest

from tests.preparation.conftest import pictures
from tests.recipes.test_build import small_cyclegan, small_pix2pix
from tfi2i.recipes import build, model_list
from tfi2i.recipes.config import DataConfig, TrainConfig
from tfi2i.recipes.imported import ImportedConfig
from tfi2i.recipes.validation import measures

PENALIZED = {
    "model__adversarial_loss": "wgan-gp",
    "model__discriminator__norm": "none",
}
OPTIONS = [
    (small_pix2pix, changes)
    for changes in (
        {},
        {"data__direction": "b2a"},
        {"data__input": "edges"},
        {"model__conditional": False},
        {"model__gan_weight": 0.0},
        {"model__l1_weight": 0.0},
        {"model__l1_weight": 0.0, "model__l2_weight": 1.0},
        {"model__gan_weight": 0.0, "model__l1_weight": 0.0, "model__l2_weight": 1.0},
        {"model__l2_weight": 1.0, "data__direction": "b2a", **PENALIZED},
        {"model__gan_weight": 0.0, "model__l2_weight": 1.0},
        {"model__adversarial_loss": "hinge"},
    )
] + [
    (small_cyclegan, changes)
    for changes in (
        {},
        {"model__identity_weight": 0.0},
        {"model__cycle_weight_a": 0.0},
        {"model__cycle_weight_a": 0.0, "model__cycle_weight_b": 0.0},
        {"model__pool_size": 0, "model__adversarial_loss": "hinge"},
        PENALIZED,
        {"model__identity_weight": 0.0, **PENALIZED},
    )
]


@pytest.mark.parametrize(("make", "changes"), OPTIONS)
def test_a_configuration_says_what_its_trainer_has(make, changes):
    configured = make(**changes)
    trainer = build.build_model(configured)
    assert configured.ways == trainer.ways
    losses = configured.model.losses()
    assert losses == tuple(loss.name for loss in trainer.metrics)
    # Scores, too, where there is a truth.
    scores = ["val_l1", "val_psnr", "val_ssim"] if make is small_pix2pix else []
    assert list(measures(configured)) == [*(f"val_{name}" for name in losses), *scores]
    assert configured.model.passes().keys() == trainer.networks.keys()
    # One normalization for each kind of network that there is.
    kinds = {name.partition("_")[0] for name in trainer.networks}
    assert len(configured.model.norms) == len(kinds)


@pytest.mark.parametrize("direction", ["a2b", "b2a"])
def test_an_import_has_the_way_that_it_was_given(direction):
    """As a Pix2Pix of that direction has, although nobody trains it here."""
    data = DataConfig(direction=direction)
    (way,) = ImportedConfig("net_G.pth").ways(data)
    assert (way.name, f"{way.input}2{way.target}") == (direction, direction)
    assert way.has_truth
    assert (way,) == small_pix2pix(data__direction=direction).ways


def test_an_import_takes_whole_images_of_any_size(tmp_path):
    """Its network says of itself what it takes, so that sides become multiples of 4."""
    pictures(tmp_path, "test/A/1.png", "test/B/1.png", size=(51, 40))
    data = DataConfig(dir=str(tmp_path), preprocess="none", direction="b2a")
    read = build.load_data(TrainConfig(model=ImportedConfig(), data=data), "test")
    assert read.images["a"][0].shape == read.images["b"][0].shape == (40, 52, 3)


def test_models_have_types_of_their_own():
    types = [model.type for model in model_list.MODELS]
    assert types == ["pix2pix", "cyclegan", "imported"]
    for model in model_list.MODELS:
        assert model_list.of_type(model.type) is model
    assert model_list.of_type("gan") is None
