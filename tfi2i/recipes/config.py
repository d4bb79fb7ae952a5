"""What to train, as typed values that read, print and store without TensorFlow.

Every value is a frozen dataclass, so a configuration can be compared, hashed and
changed only with `dataclasses.replace`. `None` means "computed from the other
fields": `tfi2i.recipes.resolve` fills it in and refuses values that cannot train.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Norm = Literal["batch", "instance", "instance_affine", "none"]
AdversarialLoss = Literal["vanilla", "lsgan", "hinge", "wgan-gp"]


@dataclass(frozen=True)
class DomainConfig:
    """What a pixel of one domain is; None is looked up in the training images."""

    channels: int | None = None
    """1 is grey, 3 colour; None: 3 for ordinary pictures, else what the files have."""
    dtype: Literal["uint8", "uint16", "float32"] | None = None
    """Numbers; None: uint8 for ordinary pictures, else what the files hold."""
    low: float | None = None
    """Value that is black; None: 0, or found in the files where these hold floats."""
    high: float | None = None
    """Value that is white; None: 255 or 65535, or found likewise."""
    resize: Literal["bicubic", "nearest"] = "bicubic"
    """How images change their size; nearest keeps the values of labels."""


@dataclass(frozen=True)
class DataConfig:
    """Which images are read and how they are cut."""

    dir: str | None = None
    """Folder of the images; None reads the images bundled with the package."""
    layout: Literal["auto", "side_by_side", "folders", "targets"] = "auto"
    """How images lie on disk; auto looks at the folder."""
    a: str = "A"
    """Name of domain A's folder."""
    b: str = "B"
    """Name of domain B's folder."""
    direction: Literal["a2b", "b2a"] = "a2b"
    """Which domain is translated into which (a CycleGAN learns both ways)."""
    exclude: str | None = None
    """File that lists images to leave out, as tfi2i data check --exclude writes it."""
    val_share: float = 0.0
    """Share of the training images set aside for validation, where no folder is; images
    that nobody split may then lie in the folder itself."""
    val_seed: int = 0
    """Another one sets others aside (val share)."""
    group: str | None = None
    """Regular expression on names; images in which its first group (or the whole) finds
    the same never cross splits (val share)."""
    input: Literal["files", "edges", "grayscale", "downscale"] = "files"
    """Where inputs come from: files, or made from the target image (edges by Canny)."""
    downscale: int = 4
    """How much smaller the input is before it is enlarged again (input downscale)."""
    preprocess: Literal[
        "resize_and_crop", "crop", "scale_width", "scale_width_and_crop", "none"
    ] = "resize_and_crop"
    """What is done to images; uncropped ones get the nearest size that fits."""
    crop_size: int = 256
    """Height and width of what the networks see, in pixels (scale_width: the least)."""
    crop_width: int | None = None
    """Its width, where that is another; None is the crop size."""
    load_size: int | None = None
    """Height of images before the random crop; None is 286/256 of the crop size."""
    load_width: int | None = None
    """Their width (all that counts with scale_width); None is in proportion."""
    flip: bool = True
    """Mirror half of the training pairs, or of each domain's images if unpaired."""
    rotate: float = 0.0
    """Turn training images by up to this many degrees, either way."""
    color_jitter: float = 0.0
    """Change brightness, contrast and saturation of inputs by up to this share."""
    batch_size: int = 1
    """Images in one step, over all devices together."""
    background: str = "white"
    """Colour under transparent pixels: a CSS name or #rrggbb."""
    domain_a: DomainConfig = field(default_factory=DomainConfig)
    """Pixels of A."""
    domain_b: DomainConfig = field(default_factory=DomainConfig)
    """Pixels of B."""
    cache: Literal["auto", "memory", "disk", "off"] = "auto"
    """Where decoded images are kept; auto: memory if they fit, else disk, else off."""

    @property
    def crop_shape(self) -> tuple[int, int]:
        """Height and width of what the networks see, in pixels."""
        return self.crop_size, self.crop_width or self.crop_size

    @property
    def load_shape(self) -> tuple[int, int]:
        """Height and width of images before the random crop; resolved ones only."""
        height, width = self.crop_shape
        return self.load_size, self.load_width or round(self.load_size * width / height)

    @property
    def is_resized(self) -> bool:
        """Whether training resizes images before the crop, if there is one."""
        return self.preprocess in (
            "resize_and_crop",
            "scale_width",
            "scale_width_and_crop",
        )

    @property
    def is_cropped(self) -> bool:
        """Whether training cuts a random part out of images."""
        return self.preprocess in ("resize_and_crop", "crop", "scale_width_and_crop")


@dataclass(frozen=True)
class GeneratorConfig:
    """The network that paints."""

    network: Literal["unet", "resnet"] = "unet"
    """Architecture."""
    filters: int = 64
    """Channels of the first layer."""
    num_downs: int | None = None
    """Halvings in the U-Net; None: 8, or what the crop allows; 5 without a crop."""
    blocks: int = 9
    """Residual blocks in the ResNet."""
    norm: Norm = "batch"
    """Normalization."""
    statistics: Literal["image", "stored"] | None = None
    """What batch norm uses when painting; None: image at batch size 1, else stored."""
    dropout: float = 0.5
    """Share of activations dropped; 0 turns dropout off."""
    upsample: Literal["transpose", "resize_conv", "subpixel"] = "transpose"
    """How the decoder doubles the resolution."""
    skips: bool = True
    """Join encoder and decoder at each size (U-Net only)."""


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The network that judges."""

    network: Literal["patchgan", "pixel"] = "patchgan"
    """Architecture."""
    filters: int = 64
    """Channels of the first layer."""
    num_layers: int = 3
    """Halvings in the PatchGAN; 3 judges patches of 70 pixels."""
    norm: Norm = "batch"
    """Normalization."""
    spectral_norm: bool = False
    """Divide each kernel by its largest singular value (Miyato et al., 1802.05957)."""


@dataclass(frozen=True)
class Pix2PixConfig:
    """Pix2Pix: networks and losses (Isola et al., arXiv:1611.07004)."""

    # Without annotation, so that this is no field.
    is_paired = True

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    """The network that paints."""
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    """The network that judges."""
    adversarial_loss: AdversarialLoss = "vanilla"
    """Cross-entropy, least squares, hinge, or Wasserstein with gradient penalty."""
    gradient_penalty_weight: float = 10.0
    """Weight of the penalty on the discriminator's gradient (wgan-gp only)."""
    gan_weight: float = 1.0
    """Weight of the adversarial loss; 0 trains on the other two alone."""
    l1_weight: float = 100.0
    """Weight of the mean absolute difference."""
    l2_weight: float = 0.0
    """Weight of the mean squared difference."""
    conditional: bool = True
    """Show the discriminator the input beside the output."""

    @property
    def is_adversarial(self) -> bool:
        """Whether there is a discriminator."""
        return self.gan_weight > 0


@dataclass(frozen=True)
class CycleGANConfig:
    """CycleGAN: networks and losses (Zhu et al., arXiv:1703.10593)."""

    is_paired = False
    is_adversarial = True

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
    gradient_penalty_weight: float = 10.0
    """Weight of the penalty on the discriminators' gradient (wgan-gp only)."""
    cycle_weight_a: float = 10.0
    """Weight of the mean absolute difference of A and its way to B and back."""
    cycle_weight_b: float = 10.0
    """Weight of the mean absolute difference of B and its way to A and back."""
    identity_weight: float = 0.5
    """Weight, relative to the cycles', of leaving images of the target domain alone."""
    pool_size: int = 50
    """Painted images of the past that each discriminator is shown; 0 for none."""


@dataclass(frozen=True)
class ImportedConfig:
    """A generator that another program trained."""

    is_paired = True

    source: str = ""
    """Name of the file or folder that it came from."""
    sha256: str = ""
    """Of the file; empty where it was a folder."""
    outline: str = ""
    """Architecture, in words."""


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam, for generators and discriminators alike."""

    learning_rate: float = 2e-4
    """Step size before the decay."""
    beta_1: float = 0.5
    """Decay of the running mean of gradients."""
    beta_2: float = 0.999
    """Decay of the running mean of squared gradients."""
    clip_norm: float | None = None
    """Largest norm of all of an optimizer's gradients together; None: any."""
    ema_momentum: float | None = None
    """Decay of a running mean of generators' weights, which paints; None: no mean."""


@dataclass(frozen=True)
class TrainConfig:
    """One whole training run."""

    recipe: str = "custom"
    """Name of the recipe that this configuration started from."""
    model: Pix2PixConfig | CycleGANConfig | ImportedConfig = field(
        default_factory=Pix2PixConfig
    )
    """Networks and losses."""
    data: DataConfig = field(default_factory=DataConfig)
    """Images."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """Adam's numbers."""
    epochs: int = 200
    """Passes over the training images."""
    limit: int | None = None
    """Train on the first so many pairs, or images of each domain, for a first try;
    validate on as many at most; None: all."""
    decay_epochs: int | None = None
    """Last epochs, in which the learning rate falls to zero; None is half of them."""
    seed: int = 0
    """Seed of weights, dropout, crops, flips and order."""
    init_from: str | None = None
    """Run, or folder of PyTorch checkpoints, whose weights to begin with."""
    devices: int | None = None
    """GPUs to use; None is every GPU, or the CPU where there is none."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """Numbers that networks compute with; losses and statistics stay float32."""
    xla: bool = False
    """Let XLA compile the step (for GPUs; on CPUs it then takes longer)."""
    synchronized_batch_norm: bool = False
    """Batch norm over the images of all devices, not of each by itself."""
    deterministic: bool = False
    """Ask TensorFlow for operations that repeat bit for bit (slower on GPUs)."""
    backup_epochs: int = 1
    """Epochs between backups."""
    backup_minutes: float = 10.0
    """Minutes between backups within an epoch."""
    sample_images: int = 4
    """Validation images painted after each epoch."""
    validation_images: int = 50
    """Validation images on which the losses are computed after each epoch."""
    keep_best: str | None = None
    """Validation loss or score, such as val_g_l1, by which the best epoch's weights are
    kept in best.keras; None keeps the last alone."""
    early_stop: str | None = None
    """Validation loss or score that ends the run when it gets no better; None: none."""
    patience: int | None = None
    """Epochs without a better value before --early-stop ends the run; None is 10."""


MODELS: dict[str, type] = {
    "pix2pix": Pix2PixConfig,
    "cyclegan": CycleGANConfig,
    "imported": ImportedConfig,
}
"""Stored `"type"` of each model configuration."""


def suggest(name: str, choices: Iterable[str]) -> str:
    """Return `" Did you mean 'x'?"` for the choice nearest to `name`, or `""`."""
    near = difflib.get_close_matches(name, list(choices), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
