"""What to train, as typed values that read, print and store without TensorFlow.

Every value is a frozen dataclass, so a configuration can be compared, hashed and
changed only with `dataclasses.replace`. `None` means "computed from the other
fields": `tfi2i.recipes.resolve` fills it in and refuses values that cannot train.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from tfi2i.recipes.bounds import ABOVE_ZERO, DECAY, SHARE, at_least, below
from tfi2i.ways import Way

if TYPE_CHECKING:
    from tfi2i.data import PairedData, UnpairedData
    from tfi2i.models.adversarial import AdversarialModel


@dataclass(frozen=True)
class DomainConfig:
    """What a pixel of one domain is; None is looked up in the training images."""

    channels: Annotated[int | None, at_least(1)] = None
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
    val_share: Annotated[float, SHARE] = 0.0
    """Share of the training images set aside for validation, where no folder is; images
    that nobody split may then lie in the folder itself."""
    val_seed: Annotated[int, at_least(0)] = 0
    """Another one sets others aside (val share)."""
    group: str | None = None
    """Regular expression on names; images in which its first group (or the whole) finds
    the same never cross splits (val share)."""
    input: Literal["files", "edges", "grayscale", "downscale"] = "files"
    """Where inputs come from: files, or made from the target image (edges by Canny)."""
    downscale: Annotated[int, at_least(2)] = 4
    """How much smaller the input is before it is enlarged again (input downscale)."""
    preprocess: Literal[
        "resize_and_crop", "crop", "scale_width", "scale_width_and_crop", "none"
    ] = "resize_and_crop"
    """What is done to images; uncropped ones get the nearest size that fits."""
    crop_size: Annotated[int, at_least(1)] = 256
    """Height and width of what the networks see, in pixels (scale_width: the least)."""
    crop_width: Annotated[int | None, at_least(1)] = None
    """Its width, where that is another; None is the crop size."""
    load_size: Annotated[int | None, at_least(1)] = None
    """Height of images before the random crop; None is 286/256 of the crop size."""
    load_width: Annotated[int | None, at_least(1)] = None
    """Their width (all that counts with scale_width); None is in proportion."""
    flip: bool = True
    """Mirror half of the training pairs, or of each domain's images if unpaired."""
    rotate: Annotated[float, at_least(0)] = 0.0
    """Turn training images by up to this many degrees, either way."""
    color_jitter: Annotated[float, SHARE] = 0.0
    """Change brightness, contrast and saturation of inputs by up to this share."""
    batch_size: Annotated[int, at_least(1)] = 1
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
        assert self.load_size is not None
        height, width = self.crop_shape
        return self.load_size, self.load_width or round(self.load_size * width / height)

    def domain(self, name: str) -> DomainConfig:
        """The pixels of `"a"` or `"b"`."""
        return {"a": self.domain_a, "b": self.domain_b}[name]

    def channels_of(self, domain: str) -> int:
        """Channels of `"a"` or `"b"`, 3 where they are not known."""
        return self.domain(domain).channels or 3

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
class OptimizerConfig:
    """Adam, for generators and discriminators alike."""

    learning_rate: Annotated[float, ABOVE_ZERO] = 2e-4
    """Step size before the decay."""
    beta_1: Annotated[float, SHARE] = 0.5
    """Decay of the running mean of gradients."""
    beta_2: Annotated[float, SHARE] = 0.999
    """Decay of the running mean of squared gradients."""
    clip_norm: Annotated[float | None, ABOVE_ZERO] = None
    """Largest norm of all of an optimizer's gradients together; None: any."""
    ema_momentum: Annotated[float | None, DECAY] = None
    """Decay of a running mean of generators' weights, which paints; None: no mean."""


class Passes(NamedTuple):
    """How often a step passes an image through one network.

    Attributes:
        trained: passes whose gradient updates it.
        passed: passes whose gradient only goes through it.
        kept: passes whose activations are remembered at the same time.
    """

    trained: int
    passed: int
    kept: int


@dataclass(frozen=True)
class ModelConfig:
    """What a model's configuration answers.

    A subclass, in a file of its own, is a frozen dataclass of networks and losses.
    Whatever builds, checks or describes a training run asks it, and never which model
    it is. All that it is given is resolved, but for what `check_` methods see.
    """

    type: ClassVar[str]
    """Stored `"type"`."""
    takes_pairs: ClassVar[bool]
    """Whether it learns from pairs; else from a set of images of each domain."""
    is_trained_here: ClassVar[bool] = True
    """Whether this package trains it."""
    efficiency: ClassVar[float] = 1.0
    """Operations of a training step in a second, by those of a large matrix product."""
    remedies: ClassVar[Mapping[str, str]] = {}
    """What helps against the faults that `tfi2i.training.health` warns of, by kind."""

    @classmethod
    def recipes(cls) -> "dict[str, Recipe]":
        """Its named recipes."""
        return {}

    def ways(self, data: DataConfig) -> tuple[Way, ...]:
        """The ways in which it translates, as its trainer has them."""
        raise NotImplementedError

    def resolve(self, data: DataConfig) -> "ModelConfig":
        """Fill in every `None` that follows from other fields."""
        return self

    def check_data(self, data: DataConfig) -> None:
        """Refuse data that it cannot learn from."""

    def check_domains(self, data: DataConfig) -> None:
        """Refuse numbers of channels, where both are known, that it cannot take."""

    def check_size(self, size: int, path: str) -> None:
        """Refuse a side of what networks see; `path` is its field."""

    def check_losses(self) -> None:
        """Refuse losses that cannot train."""

    def check_unused(self, data: DataConfig) -> None:
        """Refuse values that would silently be ignored."""

    def without_unused(self, recipe: "ModelConfig") -> "ModelConfig":
        """Take back what `recipe` says of a network that was exchanged."""
        return self

    @property
    def norms(self) -> tuple[str, ...]:
        """Normalizations of its networks."""
        return ()

    @property
    def multiple(self) -> int:
        """What divides the sides of images that its networks take."""
        return 1

    def losses(self) -> tuple[str, ...]:
        """Names of its trainer's losses."""
        raise NotImplementedError

    def load_data(
        self,
        config: "TrainConfig",
        split: str,
        limit: int | None,
        usual: tuple[str, str],
    ) -> "PairedData | UnpairedData":
        """Read one split, by `tfi2i.recipes.splits` or a reader of its own."""
        raise NotImplementedError

    def build(self, config: "TrainConfig") -> "AdversarialModel":
        """Make its trainer; see `tfi2i.recipes.build.build_model`."""
        raise NotImplementedError

    def passes(self) -> dict[str, Passes]:
        """Passes of one training step, by network."""
        raise NotImplementedError

    def alternatives(self) -> tuple[tuple[dict[str, float], str], ...]:
        """Changes with which it may train on images that it refuses, and why."""
        return ()

    def complete(self, trainer: "AdversarialModel", data: DataConfig) -> None:
        """Tell a trainer what its file, which an earlier version wrote, does not."""

    def other_way(self, direction: str) -> str:
        """How to get a translator of a way that a run does not have."""
        return f"train a run with --data.direction {direction}"

    def untrained(self, run: str) -> str:
        """How to get the model of a run that has none; `run` is quoted for a shell."""
        return f" and no backup yet. Train it: tfi2i train --resume {run}"


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One whole training run."""

    recipe: str = "custom"
    """Name of the recipe that this configuration started from."""
    model: ModelConfig
    """Networks and losses."""
    data: DataConfig = field(default_factory=DataConfig)
    """Images."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """Adam's numbers."""
    epochs: Annotated[int, at_least(1)] = 200
    """Passes over the training images."""
    limit: Annotated[int | None, at_least(1)] = None
    """Train on the first so many pairs, or images of each domain, for a first try;
    validate on as many at most; None: all."""
    decay_epochs: Annotated[int | None, at_least(0)] = None
    """Last epochs, in which the learning rate falls to zero; None is half of them."""
    seed: Annotated[int, at_least(0), below(2**32)] = 0
    """Seed of weights, dropout, crops, flips and order."""
    init_from: str | None = None
    """Run, or folder of PyTorch checkpoints, whose weights to begin with."""
    devices: Annotated[int | None, at_least(1)] = None
    """GPUs to use; None is every GPU, or the CPU where there is none."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """Numbers that networks compute with; losses and statistics stay float32."""
    xla: bool = False
    """Let XLA compile the step (for GPUs; on CPUs it then takes longer)."""
    synchronized_batch_norm: bool = False
    """Batch norm over the images of all devices, not of each by itself."""
    deterministic: bool = False
    """Ask TensorFlow for operations that repeat bit for bit (slower on GPUs)."""
    backup_epochs: Annotated[int, at_least(1)] = 1
    """Epochs between backups."""
    backup_minutes: Annotated[float, ABOVE_ZERO] = 10.0
    """Minutes between backups within an epoch."""
    sample_images: Annotated[int, at_least(0)] = 4
    """Validation images painted after each epoch."""
    validation_images: Annotated[int, at_least(0)] = 50
    """Validation images on which the losses are computed after each epoch."""
    keep_best: str | None = None
    """Validation loss or score, such as val_g_l1, by which the best epoch's weights are
    kept in best.keras; None keeps the last alone."""
    early_stop: str | None = None
    """Validation loss or score that ends the run when it gets no better; None: none."""
    patience: Annotated[int | None, at_least(1)] = None
    """Epochs without a better value before --early-stop ends the run; None is 10."""

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways in which the model translates."""
        return self.model.ways(self.data)


YOURS = "as many steps an epoch as you have images; tfi2i data check estimates the time"
"""Cost of a recipe for a user's own images."""


@dataclass(frozen=True)
class Recipe:
    """A configuration with what one should know before starting it."""

    config: TrainConfig
    """What is trained, not yet resolved."""
    summary: str
    """What it learns, and from which images."""
    cost: str
    """Images, epochs and the time that they take."""
    scores: str
    """Scores to expect, with their source, or "not measured"."""
    general: bool = False
    """Whether it is for any images of a user's own, not for one data set."""
    bundled: bool = False
    """Whether it trains on the package's own images when no folder is given."""


def suggest(name: str, choices: Iterable[str]) -> str:
    """Return `" Did you mean 'x'?"` for the choice nearest to `name`, or `""`."""
    near = difflib.get_close_matches(name, list(choices), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
