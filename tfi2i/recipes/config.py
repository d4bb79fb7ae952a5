"""What to train, as typed values that read, print and store without TensorFlow.

Every value is a frozen dataclass, so a configuration can be compared, hashed and
changed only with `dataclasses.replace`. `None` means "computed from the other
fields": `resolve` fills it in and refuses values that cannot train.

`to_dict` and `from_dict` are the stored form (JSON in a run folder).
"""

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tfi2i.recipes.limits import OWNERS, check

FORMAT = 1
"""Version of the stored form. Every released one stays readable."""

Norm = Literal["batch", "instance", "instance_affine", "none"]
AdversarialLoss = Literal["vanilla", "lsgan", "hinge", "wgan-gp"]


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
    input: Literal["files", "edges"] = "files"
    """Where inputs come from; edges are drawn from the target image by Canny."""
    crop_size: int = 256
    """Side of the square that the networks see, in pixels."""
    load_size: int | None = None
    """Side of images before the random crop; None is 286/256 of the crop size."""
    flip: bool = True
    """Mirror half of the training pairs, or of each domain's images if unpaired."""
    batch_size: int = 1
    """Images in one step, over all devices together."""
    background: str = "white"
    """Colour under transparent pixels: a CSS name or #rrggbb."""


@dataclass(frozen=True)
class GeneratorConfig:
    """The network that paints."""

    network: Literal["unet", "resnet"] = "unet"
    """Architecture."""
    filters: int = 64
    """Channels of the first layer."""
    num_downs: int | None = None
    """Halvings in the U-Net; None takes as many as the crop size allows, at most 8."""
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
    decay_epochs: int | None = None
    """Last epochs, in which the learning rate falls to zero; None is half of them."""
    seed: int = 0
    """Seed of weights, dropout, crops, flips and order."""
    init_from: str | None = None
    """Run, or folder of PyTorch checkpoints, whose weights to begin with."""
    devices: int | None = None
    """GPUs to use; None is every GPU, or the CPU where there is none."""
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


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """Return the stored form: JSON types only, with `"format"` and `"model.type"`."""
    stored = dataclasses.asdict(config)
    kinds = {kind: name for name, kind in MODELS.items()}
    stored["model"] = {"type": kinds[type(config.model)], **stored["model"]}
    return {"format": FORMAT, **stored}


def from_dict(stored: dict[str, Any]) -> TrainConfig:
    """Read the stored form back.

    A field that is missing takes its default, so that fields can be added without a
    new format.

    Args:
        stored: what `to_dict` returned, also after a round trip through JSON.

    Returns:
        A configuration equal to the one that was stored.

    Raises:
        ValueError: for an unknown format, model type or field (the nearest is
            suggested), or a value of another type.
    """
    if not isinstance(stored, dict):
        raise ValueError(f"The configuration is {stored!r}; expected a JSON object.")
    values = dict(stored)
    written = values.pop("format", None)
    if type(written) is not int or written != FORMAT:
        raise ValueError(
            f"The configuration has format {written!r}; this version of tfi2i reads "
            f"format {FORMAT}. Use the version that wrote it, or a newer one."
        )
    return _read_fields(values, TrainConfig(), "")


def _read(value: Any, hint: Any, path: str) -> Any:
    """Check `value` against the annotation `hint`."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        if value is None:
            return None
        (hint,) = (arm for arm in typing.get_args(hint) if arm is not types.NoneType)
        return _read(value, hint, path)
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
        if isinstance(value, str) and value in choices:
            return value
        expected = "one of " + ", ".join(map(repr, choices))
    # bool is a subclass of int, and JSON writes 1.0 as 1 in other languages.
    elif type(value) is hint:
        return value
    elif hint is float and type(value) is int:
        return float(value)
    else:
        expected = f"a value of type {hint.__name__}"
    raise ValueError(
        f"Field {path!r} of the configuration is {value!r}; expected {expected}."
    )


def _read_fields(value: Any, default: Any, path: str) -> Any:
    """Replace the fields of `default`, a dataclass, that `value` names."""
    if not isinstance(value, dict):
        raise ValueError(
            f"Field {path!r} of the configuration is {value!r}; expected an object."
        )
    values = dict(value)
    if path == "model":
        model = values.pop("type", None)
        if not isinstance(model, str) or model not in MODELS:
            raise ValueError(
                f"Field 'model.type' of the configuration is {model!r}; expected one "
                f"of {', '.join(map(repr, MODELS))}."
            )
        default = MODELS[model]()
    prefix = f"{path}." if path else ""
    hints = typing.get_type_hints(type(default))
    for name in values:
        if name not in hints:
            siblings = [prefix + hint for hint in hints]
            hint = suggest(prefix + str(name), siblings)
            raise ValueError(
                f"The configuration has no field {prefix + str(name)!r}."
                f"{hint or ' Its fields are ' + ', '.join(siblings) + '.'}"
            )
    for name, field_value in values.items():
        part, at = getattr(default, name), prefix + name
        if dataclasses.is_dataclass(part):
            values[name] = _read_fields(field_value, part, at)
        else:
            values[name] = _read(field_value, hints[name], at)
    return replace(default, **values)


def resolve(config: TrainConfig) -> TrainConfig:
    """Fill in every `None` that follows from other fields, and check the values.

    `data.dir` and `devices` stay as they are: their `None` depends on the machine.
    Resolving twice changes nothing.

    Args:
        config: any configuration.

    Returns:
        The configuration with `load_size`, `num_downs` (U-Net), `statistics` and
        `decay_epochs` as numbers or names.

    Raises:
        ValueError: naming the field, or the command-line flag, whose value cannot
            train, and what would.
    """
    config = from_dict(to_dict(config))
    check(config)
    data, generator = config.data, config.model.generator
    load_size = data.load_size
    if load_size is None:
        load_size = round(data.crop_size * 286 / 256)
    num_downs = generator.num_downs
    if num_downs is None and generator.network == "unet":
        num_downs = _halvings(data.crop_size)
    statistics = generator.statistics
    if statistics is None:
        statistics = "image" if data.batch_size == 1 else "stored"
    decay_epochs = config.decay_epochs
    if decay_epochs is None:
        decay_epochs = config.epochs // 2
    generator = replace(generator, num_downs=num_downs, statistics=statistics)
    return replace(
        config,
        data=replace(data, load_size=load_size),
        model=replace(config.model, generator=generator),
        decay_epochs=decay_epochs,
    )


def without_unused(config: TrainConfig, recipe: TrainConfig) -> TrainConfig:
    """Take back what a recipe says of a network that was exchanged for another.

    Args:
        config: made from `recipe` by changing fields.
        recipe: of the same model type.

    Returns:
        `config`, in which the fields that only the recipe's network has, such as the
        number of residual blocks, are at their defaults.
    """
    for path, network in OWNERS.items():
        side, name = path.split(".")
        part, given = getattr(config.model, side), getattr(recipe.model, side)
        if part.network != network and getattr(part, name) == getattr(given, name):
            part = replace(part, **{name: getattr(type(part)(), name)})
            config = replace(config, model=replace(config.model, **{side: part}))
    return config


def _halvings(size: int) -> int:
    """Return how often `size` can be halved without remainder, at most 8 times."""
    return min(8, (size & -size).bit_length() - 1)
