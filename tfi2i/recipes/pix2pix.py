"""Pix2Pix: what trains it, and its recipes."""

import random
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from tfi2i import ways
from tfi2i.recipes.bounds import at_least, refuse, refuse_unused
from tfi2i.recipes.config import (
    YOURS,
    DataConfig,
    OptimizerConfig,
    Passes,
    Recipe,
    TrainConfig,
)
from tfi2i.recipes.network_configs import (
    LESS_JUDGEMENT,
    AdversarialConfig,
    DiscriminatorConfig,
    GeneratorConfig,
)

_RAISE = "raise --model.l1-weight"


@dataclass(frozen=True)
class Pix2PixConfig(AdversarialConfig):
    """Pix2Pix: networks and losses (Isola et al., arXiv:1611.07004)."""

    type: ClassVar[str] = "pix2pix"
    takes_pairs: ClassVar[bool] = True
    # Measured at 256 pixels on CPUs.
    efficiency: ClassVar[float] = 0.65
    remedies: ClassVar[dict[str, str]] = {
        "inverted": f"if the samples show it too, {_RAISE}",
        "collapsed": _RAISE,
        "always_right": LESS_JUDGEMENT,
    }

    gan_weight: Annotated[float, at_least(0)] = 1.0
    """Weight of the adversarial loss; 0 trains on the other two alone."""
    l1_weight: Annotated[float, at_least(0)] = 100.0
    """Weight of the mean absolute difference."""
    l2_weight: Annotated[float, at_least(0)] = 0.0
    """Weight of the mean squared difference."""
    conditional: bool = True
    """Show the discriminator the input beside the output."""

    @classmethod
    def recipes(cls) -> dict[str, Recipe]:
        return _RECIPES

    @property
    def is_adversarial(self) -> bool:
        return self.gan_weight > 0

    def ways(self, data: DataConfig) -> tuple[ways.Way, ...]:
        return ways.paired(data.direction)

    def check_losses(self) -> None:
        if not self.is_adversarial and not (self.l1_weight or self.l2_weight):
            refuse("model.gan_weight", self.gan_weight, "one loss weight above 0")
        super().check_losses()

    def check_unused(self, data: DataConfig) -> None:
        if not self.is_adversarial:
            # Recipes bring a discriminator of their own, so its size is passed over.
            needed = "a --model.gan-weight above 0"
            for name in ("adversarial_loss", "conditional"):
                refuse_unused(self, "model", name, needed)
            part = self.discriminator
            refuse_unused(part, "model.discriminator", "spectral_norm", needed)
        super().check_unused(data)

    def losses(self) -> tuple[str, ...]:
        weights = {
            "g_gan": self.gan_weight,
            "g_l1": self.l1_weight,
            "g_l2": self.l2_weight,
        }
        names = [name for name, weight in weights.items() if weight > 0]
        names += ["d_real", "d_fake"] if self.is_adversarial else []
        return (*names, *(["d_gp"] if self.is_penalized else []))

    def load_data(self, config, split, limit, usual):
        from tfi2i.recipes import splits

        how = splits.preprocessing(config, split)
        return splits.load_pairs(config.data, how, split, limit, usual)

    def build(self, config):
        from tfi2i.models import Pix2Pix

        draw = random.Random(config.seed)
        way = self.ways(config.data)[0]
        in_channels = config.data.channels_of(way.input)
        out_channels = config.data.channels_of(way.target)
        generator = self.generator.build(
            in_channels, out_channels, draw.randrange(2**31)
        )
        # Drawn also where there is no discriminator, so that what follows is the same.
        seed = draw.randrange(2**31)
        discriminator = None
        if self.is_adversarial:
            judged = out_channels + in_channels * self.conditional
            discriminator = self.discriminator.build(judged, seed)
        return Pix2Pix(
            generator,
            discriminator,
            adversarial_loss=self.adversarial_loss,
            gan_weight=self.gan_weight,
            l1_weight=self.l1_weight,
            l2_weight=self.l2_weight,
            conditional=self.conditional,
            gradient_penalty_weight=self.gradient_penalty_weight,
            seed=draw.randrange(2**31),
            direction=config.data.direction,
        )

    def complete(self, trainer, data):
        trainer.direction = data.direction

    def passes(self) -> dict[str, Passes]:
        passes = {"generator": Passes(trained=1, passed=0, kept=1)}
        if self.is_adversarial:
            # It learns from real and painted images, and teaches once; its penalty is
            # a gradient that is derived once more.
            learns = 4 if self.is_penalized else 2
            passes["discriminator"] = Passes(trained=learns, passed=1, kept=2)
        return passes


def _pix2pix(name: str, **changes: Any) -> TrainConfig:
    """Return the reference's defaults: U-Net-256, 286 to 256 pixels, 200 epochs."""
    return TrainConfig(**{"recipe": name, "model": Pix2PixConfig(), **changes})


def _emoji(name: str, data: DataConfig) -> TrainConfig:
    """Return narrow networks on 64-pixel emoji, that learn fast enough for a CPU."""
    return TrainConfig(
        recipe=name,
        data=data,
        model=Pix2PixConfig(
            generator=GeneratorConfig(filters=32, dropout=0.0),
            discriminator=DiscriminatorConfig(filters=16),
        ),
        optimizer=OptimizerConfig(learning_rate=5e-4),
        epochs=22,
    )


_RECIPES: dict[str, Recipe] = {
    "pix2pix": Recipe(
        config=_pix2pix("pix2pix"),
        summary="your own pairs, resized to 286 and cropped to 256 pixels",
        cost=f"200 epochs, {YOURS}",
        scores="depend on your images",
        general=True,
    ),
    "pix2pix-crops": Recipe(
        config=_pix2pix("pix2pix-crops", data=DataConfig(preprocess="crop")),
        summary="your own pairs, larger ones: on crops of 256 pixels, not resized; "
        "whole images are translated",
        cost=f"200 epochs, {YOURS}",
        scores="depend on your images",
        general=True,
    ),
    "pix2pix-facades": Recipe(
        config=_pix2pix(
            "pix2pix-facades",
            data=DataConfig(a="photo", b="label", direction="b2a"),
        ),
        summary="labels to photographs of facades (CMP facades)",
        cost="400 pairs, 200 epochs: 80,000 steps at 256 px; 9 ms each on an H100 with "
        "--xla",
        scores="PyTorch reference: FID 119.1 (mmagic's protocol, 106 test images); "
        "here not measured",
    ),
    "pix2pix-edges2photo": Recipe(
        config=_pix2pix(
            "pix2pix-edges2photo", data=DataConfig(batch_size=4), epochs=15
        ),
        summary="edge drawings to photographs (edges2shoes, edges2handbags)",
        cost="50,000 pairs, 15 epochs: 187,500 steps of 4 at 256 px; time not measured",
        scores="PyTorch reference, edges2shoes: FID 75.8 (mmagic's protocol); here not "
        "measured",
    ),
    "pix2pix-maps": Recipe(
        config=_pix2pix("pix2pix-maps"),
        summary="aerial photographs to maps (b2a for the way back)",
        cost="1,096 pairs, 200 epochs: 219,200 steps at 256 px; time not measured",
        scores="paper: 6.1% of people fooled; PyTorch reference: FID 149.7 (mmagic's "
        "protocol); here not measured",
    ),
    "pix2pix-emoji": Recipe(
        config=_emoji(
            "pix2pix-emoji",
            DataConfig(a="flat", b="fluent", crop_size=64, load_size=72, batch_size=16),
        ),
        summary="flat emoji to shaded ones (bundled)",
        cost="1,348 pairs, 22 epochs: 1,848 steps of 16 at 64 px; time not measured",
        scores="not measured",
        bundled=True,
    ),
    "edges2emoji": Recipe(
        config=_emoji(
            "edges2emoji",
            DataConfig(
                a="flat",
                b="fluent",
                input="edges",
                crop_size=64,
                load_size=64,
                batch_size=16,
            ),
        ),
        summary="edge drawings to shaded emoji (bundled; edges drawn by Canny)",
        cost="1,348 pairs, 22 epochs: 1,848 steps of 16 at 64 px; 4 min on 2 cores",
        scores="test images: L1 0.113, SSIM 0.55 (mean image: 0.176)",
        bundled=True,
    ),
}
