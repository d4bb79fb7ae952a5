"""What generators and discriminators are, what they refuse, and how they are built."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tfi2i.network_sizes import RESNET_SIZES, SizeRule, unet_sizes
from tfi2i.recipes.bounds import SHARE, at_least, refuse, refuse_unused
from tfi2i.recipes.config import DataConfig, ModelConfig

if TYPE_CHECKING:
    import keras

Norm = Literal["batch", "instance", "instance_affine", "none"]
Statistics = Literal["image", "stored"]
AdversarialLoss = Literal["vanilla", "lsgan", "hinge", "wgan-gp"]

LEAST_HALVINGS = 5
_OWNERS = {
    "generator.num_downs": "unet",
    "generator.skips": "unet",
    "generator.blocks": "resnet",
    "discriminator.num_layers": "patchgan",
}
"""Fields that only one kind of network has."""

LESS_JUDGEMENT = (
    "lower --model.discriminator.filters or --optimizer.learning-rate, or turn on "
    "--model.discriminator.spectral-norm if it is off"
)
"""What helps against a discriminator that is always right."""


@dataclass(frozen=True)
class GeneratorConfig:
    """The network that paints."""

    network: Literal["unet", "resnet"] = "unet"
    """Architecture."""
    filters: Annotated[int, at_least(1)] = 64
    """Channels of the first layer."""
    num_downs: Annotated[int | None, at_least(LEAST_HALVINGS)] = None
    """Halvings in the U-Net; None: 8, or what the crop allows; 5 without a crop."""
    blocks: Annotated[int, at_least(0)] = 9
    """Residual blocks in the ResNet."""
    norm: Norm = "batch"
    """Normalization."""
    statistics: Statistics | None = None
    """What batch norm uses when painting; None: image at batch size 1, else stored."""
    dropout: Annotated[float, SHARE] = 0.5
    """Share of activations dropped; 0 turns dropout off."""
    upsample: Literal["transpose", "resize_conv", "subpixel"] = "transpose"
    """How the decoder doubles the resolution."""
    skips: bool = True
    """Join encoder and decoder at each size (U-Net only)."""

    @property
    def sizes(self) -> SizeRule:
        """Which sides it takes, at least where the halvings are not known yet."""
        if self.network == "unet":
            return unet_sizes(self.num_downs or LEAST_HALVINGS)
        return RESNET_SIZES

    def resolve(self, data: DataConfig) -> "GeneratorConfig":
        """Fill in the U-Net's halvings, and what statistics batch norm uses."""
        num_downs, statistics = self.num_downs, self.statistics
        if num_downs is None and self.network == "unet":
            # Without a crop the sizes of images decide, which are rounded to what the
            # network takes: the fewer halvings, the less they change.
            num_downs = LEAST_HALVINGS
            if data.is_cropped:
                num_downs = min(map(_halvings, data.crop_shape))
        if statistics is None:
            statistics = _usual_statistics(data.batch_size)
        return replace(self, num_downs=num_downs, statistics=statistics)

    def check_size(self, size: int, path: str) -> None:
        """Refuse a side that the network does not take; `path` is its field."""
        step, least = self.sizes
        if self.sizes.fits(size):
            return
        name = "ResNet"
        if self.network == "unet":
            name = f"U-Net with {self.num_downs or 'at least 5'} halvings"
        below = size // step * step
        near = [side for side in (below, below + step) if side >= least] or [least]
        expected = (
            f"a multiple of {step}, at least {least}, for a {name}, such as "
            f"{' or '.join(map(str, near))}"
        )
        refuse(path, size, expected)

    def check_statistics(self, batch_size: int) -> None:
        """Refuse statistics where no batch norm uses them."""
        # What `resolve` fills in is stored whatever the norm, and stays right.
        filled_in = _usual_statistics(batch_size)
        if self.norm != "batch" and self.statistics not in (None, filled_in):
            needed = "--model.generator.norm batch"
            refuse_unused(self, "model.generator", "statistics", needed)

    def build(self, in_channels: int, out_channels: int, seed: int) -> "keras.Model":
        """Make the network."""
        from tfi2i import networks

        common: dict[str, Any] = {
            "in_channels": in_channels,
            "out_channels": out_channels,
            "filters": self.filters,
            "norm": self.norm,
            "dropout": self.dropout,
            "statistics": self.statistics,
            "upsample": self.upsample,
            "seed": seed,
        }
        if self.network == "resnet":
            return networks.resnet(self.blocks, **common)
        assert self.num_downs is not None  # resolved
        return networks.unet(self.num_downs, skips=self.skips, **common)


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The network that judges."""

    network: Literal["patchgan", "pixel"] = "patchgan"
    """Architecture."""
    filters: Annotated[int, at_least(1)] = 64
    """Channels of the first layer."""
    num_layers: Annotated[int, at_least(1)] = 3
    """Halvings in the PatchGAN; 3 judges patches of 70 pixels."""
    norm: Norm = "batch"
    """Normalization."""
    spectral_norm: bool = False
    """Divide each kernel by its largest singular value (Miyato et al., 1802.05957)."""

    def check_size(self, size: int) -> None:
        """Refuse a PatchGAN that has no patch left of a side."""
        if self.network == "patchgan" and size >> self.num_layers < 3:
            most = (size // 3).bit_length() - 1
            expected = f"at most {most} at crop size {size}"
            refuse("model.discriminator.num_layers", self.num_layers, expected)

    def build(self, channels: int, seed: int) -> "keras.Model":
        """Make the network."""
        from tfi2i import networks

        common: dict[str, Any] = {
            "in_channels": channels,
            "filters": self.filters,
            "norm": self.norm,
            "spectral_norm": self.spectral_norm,
            "seed": seed,
        }
        if self.network == "pixel":
            return networks.pixel_discriminator(**common)
        return networks.patchgan(num_layers=self.num_layers, **common)


@dataclass(frozen=True)
class AdversarialConfig(ModelConfig):
    """Generators against discriminators."""

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    """The network that paints."""
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    """The network that judges."""
    adversarial_loss: AdversarialLoss = "vanilla"
    """Cross-entropy, least squares, hinge, or Wasserstein with gradient penalty."""
    gradient_penalty_weight: Annotated[float, at_least(0)] = 10.0
    """Weight of the penalty on the discriminator's gradient (wgan-gp only)."""

    @property
    def is_adversarial(self) -> bool:
        """Whether there is a discriminator."""
        return True

    @property
    def is_penalized(self) -> bool:
        """Whether there is a penalty on the discriminator's gradient."""
        return self.is_adversarial and self.adversarial_loss == "wgan-gp"

    @property
    def norms(self) -> tuple[str, ...]:
        judges = (self.discriminator.norm,) if self.is_adversarial else ()
        return (self.generator.norm, *judges)

    @property
    def multiple(self) -> int:
        return self.generator.sizes.multiple

    def resolve(self, data: DataConfig) -> ModelConfig:
        return replace(self, generator=self.generator.resolve(data))

    def check_size(self, size: int, path: str) -> None:
        self.generator.check_size(size, path)
        if self.is_adversarial:
            self.discriminator.check_size(size)

    def check_losses(self) -> None:
        if self.adversarial_loss != "wgan-gp":
            return
        if self.discriminator.norm == "batch":
            expected = (
                "instance or none with --model.adversarial-loss wgan-gp, whose penalty "
                "is of each image by itself, while batch norm mixes them (Gulrajani et "
                "al., section 4)"
            )
            refuse("model.discriminator.norm", self.discriminator.norm, expected)
        if self.gradient_penalty_weight == 0 and not self.discriminator.spectral_norm:
            expected = (
                "a number above 0, or --model.discriminator.spectral-norm to bound the "
                "discriminator instead"
            )
            refuse("model.gradient_penalty_weight", 0.0, expected)

    def check_unused(self, data: DataConfig) -> None:
        for path, network in _OWNERS.items():
            side, name = path.split(".")
            part = getattr(self, side)
            if part.network != network:
                needed = f"--model.{side}.network {network}"
                refuse_unused(part, f"model.{side}", name, needed)
        if self.adversarial_loss != "wgan-gp":
            needed = "--model.adversarial-loss wgan-gp"
            refuse_unused(self, "model", "gradient_penalty_weight", needed)
        self.generator.check_statistics(data.batch_size)

    def without_unused(self, recipe: ModelConfig) -> ModelConfig:
        changed = self
        for path, network in _OWNERS.items():
            side, name = path.split(".")
            part, given = getattr(changed, side), getattr(recipe, side)
            if part.network != network and getattr(part, name) == getattr(given, name):
                part = replace(part, **{name: getattr(type(part)(), name)})
                changed = replace(changed, **{side: part})
        return changed


def _halvings(size: int) -> int:
    """Return how often `size` can be halved without remainder, at most 8 times."""
    return min(8, (size & -size).bit_length() - 1)


def _usual_statistics(batch_size: int) -> Statistics:
    return "image" if batch_size == 1 else "stored"
