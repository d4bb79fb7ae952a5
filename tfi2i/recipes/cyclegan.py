"""CycleGAN: what trains it, and its recipes."""

import random
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from tfi2i import ways
from tfi2i.recipes.bounds import at_least, from_to, refuse, refuse_unused
from tfi2i.recipes.config import (
    YOURS,
    DataConfig,
    Passes,
    Recipe,
    TrainConfig,
)
from tfi2i.recipes.network_configs import (
    LESS_JUDGEMENT,
    AdversarialConfig,
    AdversarialLoss,
    DiscriminatorConfig,
    GeneratorConfig,
)

_OR_AGAIN = "or start again with another --seed"


@dataclass(frozen=True)
class CycleGANConfig(AdversarialConfig):
    """CycleGAN: networks and losses (Zhu et al., arXiv:1703.10593)."""

    type: ClassVar[str] = "cyclegan"
    takes_pairs: ClassVar[bool] = False
    # Measured at 256 pixels on CPUs.
    efficiency: ClassVar[float] = 1.1
    remedies: ClassVar[dict[str, str]] = {
        "inverted": "if the samples show it too, raise --model.identity-weight, "
        + _OR_AGAIN,
        "collapsed": "raise --model.cycle-weight-a and --model.cycle-weight-b, "
        + _OR_AGAIN,
        "always_right": LESS_JUDGEMENT,
    }

    generator: GeneratorConfig = field(
        default_factory=lambda: GeneratorConfig(
            network="resnet", norm="instance", dropout=0.0
        )
    )
    """The networks that paint, one each way."""
    discriminator: DiscriminatorConfig = field(
        default_factory=lambda: DiscriminatorConfig(norm="instance")
    )
    """The networks that judge, one for each domain."""
    adversarial_loss: AdversarialLoss = "lsgan"
    """Cross-entropy, least squares, hinge, or Wasserstein with gradient penalty."""
    gradient_penalty_weight: Annotated[float, at_least(0)] = 10.0
    """Weight of the penalty on the discriminators' gradient (wgan-gp only)."""
    cycle_weight_a: Annotated[float, at_least(0)] = 10.0
    """Weight of the mean absolute difference of A and its way to B and back."""
    cycle_weight_b: Annotated[float, at_least(0)] = 10.0
    """Weight of the mean absolute difference of B and its way to A and back."""
    identity_weight: Annotated[float, at_least(0)] = 0.5
    """Weight, relative to the cycles', of leaving images of the target domain alone."""
    pool_size: Annotated[int, from_to(0, 1000)] = 50
    """Painted images of the past that each discriminator is shown; 0 for none."""

    @classmethod
    def recipes(cls) -> dict[str, Recipe]:
        return _RECIPES

    def ways(self, data: DataConfig) -> tuple[ways.Way, ...]:
        return ways.BOTH

    def check_data(self, data: DataConfig) -> None:
        if data.direction != "a2b":
            expected = (
                "a2b: a CycleGAN learns both ways; choose one when translating, with "
                "tfi2i translate --direction"
            )
            refuse("data.direction", data.direction, expected)
        if data.input != "files":
            expected = (
                "files: a CycleGAN learns from images of A, not from what B gives"
            )
            refuse("data.input", data.input, expected)
        if data.color_jitter:
            expected = "0: a CycleGAN's inputs are targets, too, whose colours are true"
            refuse("data.color_jitter", data.color_jitter, expected)
        if data.layout == "targets":
            expected = "another layout: a CycleGAN needs images of A and of B"
            refuse("data.layout", data.layout, expected)

    def check_domains(self, data: DataConfig) -> None:
        counts = (data.domain_a.channels, data.domain_b.channels)
        if None in counts or counts[0] == counts[1] or not self.identity_weight:
            return
        expected = (
            f"0: A has {counts[0]} channels and B {counts[1]}, so no image of one can "
            "be shown to the generator of the other"
        )
        refuse("model.identity_weight", self.identity_weight, expected)

    def alternatives(self):
        why = "A and B differ in channels, so that no identity loss is possible"
        return (({"identity_weight": 0.0}, why),)

    def check_unused(self, data: DataConfig) -> None:
        super().check_unused(data)
        if not (self.cycle_weight_a or self.cycle_weight_b):
            needed = "a --model.cycle-weight-a or --model.cycle-weight-b above 0"
            refuse_unused(self, "model", "identity_weight", needed)

    def losses(self) -> tuple[str, ...]:
        names = ["g_ab", "g_ba", "cycle_a", "cycle_b"]
        names += ["idt_a", "idt_b"] if self.identity_weight > 0 else []
        names += ["d_a", "d_b"]
        return (*names, *(["gp_a", "gp_b"] if self.is_penalized else []))

    def load_data(self, config, split, limit, usual):
        from tfi2i.recipes import splits

        how = splits.preprocessing(config, split)
        return splits.load_sets(config.data, how, split, limit, usual)

    def build(self, config):
        from tfi2i.models import CycleGAN

        draw = random.Random(config.seed)
        of_a, of_b = map(config.data.channels_of, "ab")

        def seed():
            return draw.randrange(2**31)

        return CycleGAN(
            generator_ab=self.generator.build(of_a, of_b, seed()),
            generator_ba=self.generator.build(of_b, of_a, seed()),
            discriminator_a=self.discriminator.build(of_a, seed()),
            discriminator_b=self.discriminator.build(of_b, seed()),
            adversarial_loss=self.adversarial_loss,
            cycle_weight_a=self.cycle_weight_a,
            cycle_weight_b=self.cycle_weight_b,
            identity_weight=self.identity_weight,
            pool_size=self.pool_size,
            gradient_penalty_weight=self.gradient_penalty_weight,
            seed=seed(),
        )

    def passes(self) -> dict[str, Passes]:
        # There, back, and on their own domain.
        count = 3 if self.identity_weight else 2
        learns = 4 if self.is_penalized else 2
        paints = Passes(trained=count, passed=0, kept=count)
        judges = Passes(trained=learns, passed=1, kept=1)
        return {
            "generator_ab": paints,
            "generator_ba": paints,
            "discriminator_a": judges,
            "discriminator_b": judges,
        }


def _cyclegan(name: str, data: DataConfig) -> TrainConfig:
    """Return the reference's defaults: ResNet-9, 286 to 256 pixels, 200 epochs."""
    return TrainConfig(recipe=name, model=CycleGANConfig(), data=data)


_RECIPES: dict[str, Recipe] = {
    "cyclegan": Recipe(
        config=_cyclegan("cyclegan", DataConfig()),
        summary="your own two sets of images, resized to 286 and cropped to 256 pixels",
        cost=f"200 epochs, {YOURS}",
        scores="depend on your images",
        general=True,
    ),
    "cyclegan-crops": Recipe(
        config=_cyclegan("cyclegan-crops", DataConfig(preprocess="crop")),
        summary="your own two sets, larger images: on crops of 256 pixels, not "
        "resized; whole images are translated",
        cost=f"200 epochs, {YOURS}",
        scores="depend on your images",
        general=True,
    ),
    "cyclegan-horse2zebra": Recipe(
        config=_cyclegan("cyclegan-horse2zebra", DataConfig(a="horse", b="zebra")),
        summary="horses to zebras and back (unpaired)",
        cost="1,067 and 1,334 images, 200 epochs: 266,800 steps at 256 px; 37 ms each "
        "on an H100 with --xla",
        scores="PyTorch reference: FID 62.1 to zebras, 138.6 back (mmagic's protocol); "
        "here not measured",
    ),
    "cyclegan-summer2winter": Recipe(
        config=_cyclegan("cyclegan-summer2winter", DataConfig(a="summer", b="winter")),
        summary="Yosemite in summer to winter and back (unpaired)",
        cost="1,231 and 962 images, 200 epochs: 246,200 steps at 256 px; time not "
        "measured",
        scores="PyTorch reference: FID 77.3 to winter, 72.6 back (mmagic's protocol); "
        "here not measured",
    ),
    "cyclegan-monet2photo": Recipe(
        config=_cyclegan("cyclegan-monet2photo", DataConfig(a="monet", b="photo")),
        summary="Monet's paintings to photographs and back (unpaired)",
        cost="1,072 and 6,287 images, 200 epochs: 1,257,400 steps at 256 px; time not "
        "measured",
        scores="not measured",
    ),
    "cyclegan-emoji": Recipe(
        config=TrainConfig(
            recipe="cyclegan-emoji",
            model=CycleGANConfig(
                generator=GeneratorConfig(
                    network="resnet",
                    filters=32,
                    blocks=4,
                    norm="instance",
                    dropout=0.0,
                ),
                discriminator=DiscriminatorConfig(
                    filters=32, num_layers=2, norm="instance"
                ),
            ),
            data=DataConfig(
                a="flat", b="fluent", crop_size=64, load_size=72, batch_size=4
            ),
            epochs=20,
        ),
        summary="two styles of emoji into each other, unpaired; without --data.dir "
        "flat ones and shaded ones (bundled)",
        cost="1,348 and 1,348 images, 20 epochs: 6,740 steps of 4 at 64 px; 49 min on "
        "2 cores",
        scores="test images: L1 0.052 to shaded, 0.055 back (copying: 0.058), SSIM "
        "0.70 (copying: 0.73)",
        bundled=True,
    ),
}
