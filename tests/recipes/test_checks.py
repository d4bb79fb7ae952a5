"""Which values cannot train, by any model."""

import pytest

from tests.recipes.changes import config, cyclegan
from tfi2i.recipes.resolve import resolve


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
    "changes, message",
    [
        ({"optimizer__clip_norm": 0.0}, "--optimizer.clip-norm is 0.0; .* above 0"),
        ({"optimizer__clip_norm": float("inf")}, "is inf; expected a finite number"),
        ({"optimizer__ema_momentum": 0.0}, "--optimizer.ema-momentum is 0.0; .* 0 and"),
        ({"optimizer__ema_momentum": 1.0}, "--optimizer.ema-momentum is 1.0; .* and 1"),
        (
            {"model__gradient_penalty_weight": 5.0},
            "penalty-weight is 5.0, but .* with --model.adversarial-loss wgan-gp; leav",
        ),
        (
            {"model__gradient_penalty_weight": -1.0}
            | {"model__adversarial_loss": "wgan-gp"},
            "--model.gradient-penalty-weight is -1.0; expected at least 0",
        ),
        (
            {"model__gradient_penalty_weight": 0.0}
            | {"model__adversarial_loss": "wgan-gp"}
            | {"model__discriminator__norm": "none"},
            "is 0.0; .* above 0, or --model.discriminator.spectral-norm to bound",
        ),
        (
            {"model__adversarial_loss": "wgan-gp"}
            | {"model__discriminator__norm": "batch"},
            "--model.discriminator.norm is 'batch'; expected instance or none with "
            "--model.adversarial-loss wgan-gp, whose penalty is of each image",
        ),
    ],
)
@pytest.mark.parametrize("make", [config, cyclegan])
def test_both_models_refuse_what_cannot_train(make, changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        resolve(make(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"model__adversarial_loss": "hinge"},
        {"model__adversarial_loss": "vanilla"},
        {"model__adversarial_loss": "wgan-gp", "model__discriminator__norm": "none"},
        {"model__adversarial_loss": "wgan-gp", "model__discriminator__norm": "instance"}
        | {"model__gradient_penalty_weight": 1.0},
        {"model__adversarial_loss": "wgan-gp", "model__discriminator__norm": "none"}
        | {"model__gradient_penalty_weight": 0.0}
        | {"model__discriminator__spectral_norm": True},
        {"optimizer__clip_norm": 1.0, "optimizer__ema_momentum": 0.999},
        {"model__discriminator__spectral_norm": True},
    ],
)
@pytest.mark.parametrize("make", [config, cyclegan])
def test_both_models_accept_what_can_train(make, changes):
    chosen = make(**changes)
    assert resolve(resolve(chosen)) == resolve(chosen)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"data__crop_width": 100}, "--data.crop-width is 100; .* 96 or 128"),
        (
            {"data__crop_width": 512, "data__load_width": 300},
            "--data.load-width is 300; expected at least the crop size, 512",
        ),
        (
            {"data__preprocess": "scale_width_and_crop", "data__load_size": 128},
            "--data.load-size is 128; expected at least the crop size, 256",
        ),
        ({"data__rotate": 181.0}, "--data.rotate is 181.0; expected at most 180"),
        ({"data__color_jitter": 1.0}, "--data.color-jitter is 1.0; .* including 1"),
        ({"data__downscale": 8}, "downscale is 8, .* only with --data.input downscale"),
        (
            {"data__input": "grayscale", "data__direction": "b2a"},
            "expected a2b with --data.input grayscale, which is made from B",
        ),
        (
            {"data__preprocess": "none", "data__crop_width": 512},
            "--data.crop-width is 512, but applies only with a --data.preprocess that",
        ),
        (
            {"data__preprocess": "crop", "data__load_size": 300},
            "--data.load-size is 300, but applies only with a --data.preprocess that",
        ),
        (
            {"data__preprocess": "none", "data__load_width": 300},
            "--data.load-width is 300, but applies only with a --data.preprocess that",
        ),
        (
            {
                "data__preprocess": "scale_width",
                "data__load_width": 300,
                "data__load_size": 300,
            },
            "--data.load-size is 300; expected nothing beside --data.load-width",
        ),
        ({"data__domain_a__channels": 0}, "--data.domain-a.channels is 0; .* least 1"),
        (
            {"data__domain_b__low": 1.0, "data__domain_b__high": 1.0},
            "--data.domain-b.high is 1.0; expected more than low, 1",
        ),
    ],
)
def test_images_that_cannot_be_prepared(changes, message):
    with pytest.raises(ValueError, match=message):
        resolve(config(**changes))


def test_synchronized_batch_norm_needs_batch_norm():
    with pytest.raises(ValueError, match="only with --model.generator.norm or --model"):
        resolve(cyclegan(synchronized_batch_norm=True))
    assert resolve(config(synchronized_batch_norm=True)).synchronized_batch_norm
    with pytest.raises(ValueError, match="--xla is True; expected False with --synch"):
        resolve(config(synchronized_batch_norm=True, xla=True))
