"""Which values of a configuration can train.

These checks need the values alone, not their classes, so `tfi2i.recipes.config`
stands on this module.
"""

import dataclasses
import math
import re
import typing
from typing import Any

from tfi2i.recipes.validation import measures

if typing.TYPE_CHECKING:
    from tfi2i.recipes.config import (
        CycleGANConfig,
        DataConfig,
        GeneratorConfig,
        Pix2PixConfig,
        TrainConfig,
    )

    Model = Pix2PixConfig | CycleGANConfig

LEAST_HALVINGS = 5
_AT_LEAST = {
    "data.crop_size": 1,
    "data.crop_width": 1,
    "data.load_size": 1,
    "data.load_width": 1,
    "data.batch_size": 1,
    "data.downscale": 2,
    "data.rotate": 0,
    "data.domain_a.channels": 1,
    "data.domain_b.channels": 1,
    "model.generator.filters": 1,
    "model.generator.num_downs": LEAST_HALVINGS,
    "model.generator.blocks": 0,
    "model.discriminator.filters": 1,
    "model.discriminator.num_layers": 1,
    "model.gan_weight": 0,
    "model.l1_weight": 0,
    "model.l2_weight": 0,
    "model.cycle_weight_a": 0,
    "model.cycle_weight_b": 0,
    "model.identity_weight": 0,
    "model.gradient_penalty_weight": 0,
    "data.val_seed": 0,
    "epochs": 1,
    "limit": 1,
    "decay_epochs": 0,
    "seed": 0,
    "devices": 1,
    "backup_epochs": 1,
    "patience": 1,
    "sample_images": 0,
    "validation_images": 0,
}
_ABOVE_ZERO = ("optimizer.learning_rate", "optimizer.clip_norm", "backup_minutes")
_SHARES = (
    "data.val_share",
    "data.color_jitter",
    "model.generator.dropout",
    "optimizer.beta_1",
    "optimizer.beta_2",
)
_MOST_POOLED = 1_000
_SIDES = ("data.crop_size", "data.crop_width")

OWNERS = {
    "generator.num_downs": "unet",
    "generator.skips": "unet",
    "generator.blocks": "resnet",
    "discriminator.num_layers": "patchgan",
}
"""Fields of a model that only one kind of network has."""


def flag(path: str) -> str:
    """Return the command-line flag of a field: `"--data.batch-size"`."""
    return "--" + path.replace("_", "-")


def field_values(config: Any, prefix: str = "") -> dict[str, Any]:
    """Return every leaf value of `config` by its dotted path: `"data.batch_size"`."""
    values = {}
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            values |= field_values(value, f"{prefix}{item.name}.")
        else:
            values[prefix + item.name] = value
    return values


def check(config: "TrainConfig") -> None:
    """Refuse values that cannot train; their types are taken to be right.

    Raises:
        ValueError: naming the command-line flag, its value and what would do.
    """
    _check_numbers(field_values(config))
    if not config.model.is_paired:
        _check_unpaired(config.data)
    _check_data(config.data)
    for size, path in zip(config.data.crop_shape, _SIDES, strict=True):
        _check_networks(config.model, size, path)
    check_channels(config)
    _check_losses(config.model)
    _check_unused(config)
    _check_run(config)


def check_channels(config: "TrainConfig") -> None:
    """Refuse domains that a CycleGAN's identity loss cannot compare.

    Raises:
        ValueError: both numbers of channels are known, and differ.
    """
    model, data = config.model, config.data
    counts = (data.domain_a.channels, data.domain_b.channels)
    if model.is_paired or None in counts or counts[0] == counts[1]:
        return
    if model.identity_weight:
        expected = (
            f"0: A has {counts[0]} channels and B {counts[1]}, so no image of one can "
            "be shown to the generator of the other"
        )
        _refuse("model.identity_weight", model.identity_weight, expected)


def _refuse(path: str, value: Any, expected: str) -> typing.NoReturn:
    raise ValueError(f"{flag(path)} is {value!r}; expected {expected}.")


def _check_numbers(values: dict[str, Any]) -> None:
    for path, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            _refuse(path, value, "a finite number")
        if value is None:
            continue
        if path in _AT_LEAST and value < _AT_LEAST[path]:
            _refuse(path, value, f"at least {_AT_LEAST[path]}")
        if path in _ABOVE_ZERO and value <= 0:
            _refuse(path, value, "a number above 0")
        if path in _SHARES and not 0 <= value < 1:
            _refuse(path, value, "a number from 0 up to but not including 1")
        if path == "optimizer.ema_momentum" and not 0 < value < 1:
            _refuse(path, value, "a number between 0 and 1, such as 0.999")
        if path == "model.pool_size" and not 0 <= value <= _MOST_POOLED:
            _refuse(path, value, f"a number from 0 to {_MOST_POOLED}")
    if values["seed"] >= 2**32:
        _refuse("seed", values["seed"], "a number below 4294967296")


def _check_unpaired(data: "DataConfig") -> None:
    """Refuse what makes sense with pairs only."""
    if data.direction != "a2b":
        expected = (
            "a2b: a CycleGAN learns both ways; choose one when translating, with "
            "tfi2i translate --direction"
        )
        _refuse("data.direction", data.direction, expected)
    if data.input != "files":
        expected = "files: a CycleGAN learns from images of A, not from what B gives"
        _refuse("data.input", data.input, expected)
    if data.color_jitter:
        expected = "0: a CycleGAN's inputs are targets, too, whose colours are true"
        _refuse("data.color_jitter", data.color_jitter, expected)
    if data.layout == "targets":
        expected = "another layout: a CycleGAN needs images of A and of B"
        _refuse("data.layout", data.layout, expected)


def _check_data(data: "DataConfig") -> None:
    _check_sizes(data)
    if data.rotate > 180:
        _refuse("data.rotate", data.rotate, "at most 180")
    for path, domain in (
        ("data.domain_a", data.domain_a),
        ("data.domain_b", data.domain_b),
    ):
        if None not in (domain.low, domain.high) and domain.low >= domain.high:
            _refuse(f"{path}.high", domain.high, f"more than low, {domain.low:g}")
    if data.layout == "targets" and data.input == "files":
        expected = "another layout, or --data.input edges to make the inputs"
        _refuse("data.layout", data.layout, expected)
    for path, name in (("data.a", data.a), ("data.b", data.b)):
        if not name:
            _refuse(path, name, "the name of a folder")
    if data.a == data.b:
        _refuse("data.b", data.b, "another folder than --data.a")
    if data.background.startswith("#"):
        if not re.fullmatch("#[0-9a-fA-F]{6}", data.background):
            _refuse("data.background", data.background, "#rrggbb or a CSS name")


def _check_sizes(data: "DataConfig") -> None:
    """Refuse images that would be smaller than what is cut out of them."""
    if not (data.is_cropped and data.is_resized):
        return
    height, width = data.crop_shape
    # Each image's own shape decides its height where only widths are scaled.
    if data.preprocess == "resize_and_crop" and data.load_size is not None:
        _check_holds("data.load_size", data.load_size, height)
    if data.load_width is not None:
        _check_holds("data.load_width", data.load_width, width)
    elif data.load_size is not None:
        _check_holds("data.load_size", data.load_shape[1], width)


def _check_holds(path: str, load: int, crop: int) -> None:
    if load < crop:
        _refuse(path, load, f"at least the crop size, {crop}")


def _check_networks(model: "Model", crop_size: int, path: str) -> None:
    generator, discriminator = model.generator, model.discriminator
    if generator.network == "unet":
        step = 2 ** (generator.num_downs or 5)
        least, name = step, f"U-Net with {generator.num_downs or 'at least 5'} halvings"
    else:
        step, least, name = 4, 16, "ResNet"
    if crop_size < least or crop_size % step:
        below = crop_size // step * step
        sizes = [size for size in (below, below + step) if size >= least] or [least]
        near = " or ".join(map(str, sizes))
        expected = (
            f"a multiple of {step}, at least {least}, for a {name}, such as {near}"
        )
        _refuse(path, crop_size, expected)
    patchgan = discriminator.network == "patchgan" and model.is_adversarial
    if patchgan and crop_size >> discriminator.num_layers < 3:
        most = (crop_size // 3).bit_length() - 1
        expected = f"at most {most} at crop size {crop_size}"
        _refuse("model.discriminator.num_layers", discriminator.num_layers, expected)


def _check_losses(model: "Model") -> None:
    if not model.is_adversarial and not (model.l1_weight or model.l2_weight):
        _refuse("model.gan_weight", model.gan_weight, "one loss weight above 0")
    if model.adversarial_loss != "wgan-gp":
        return
    discriminator = model.discriminator
    if discriminator.norm == "batch":
        expected = (
            "instance or none with --model.adversarial-loss wgan-gp, whose penalty is "
            "of each image by itself, while batch norm mixes them (Gulrajani et al., "
            "section 4)"
        )
        _refuse("model.discriminator.norm", discriminator.norm, expected)
    if model.gradient_penalty_weight == 0 and not discriminator.spectral_norm:
        expected = (
            "a number above 0, or --model.discriminator.spectral-norm to bound the "
            "discriminator instead"
        )
        _refuse("model.gradient_penalty_weight", 0.0, expected)


def _check_unused(config: "TrainConfig") -> None:
    """Refuse values that would silently be ignored."""
    model, data = config.model, config.data
    for path, network in OWNERS.items():
        side, name = path.split(".")
        part = getattr(model, side)
        if part.network != network:
            needed = f"--model.{side}.network {network}"
            _refuse_unused(part, f"model.{side}", name, needed)
    if not model.is_adversarial:
        # Recipes bring a discriminator of their own, so its size is passed over.
        needed = "a --model.gan-weight above 0"
        for name in ("adversarial_loss", "conditional"):
            _refuse_unused(model, "model", name, needed)
        part = model.discriminator
        _refuse_unused(part, "model.discriminator", "spectral_norm", needed)
    if model.adversarial_loss != "wgan-gp":
        needed = "--model.adversarial-loss wgan-gp"
        _refuse_unused(model, "model", "gradient_penalty_weight", needed)
    if not model.is_paired and not (model.cycle_weight_a or model.cycle_weight_b):
        needed = "a --model.cycle-weight-a or --model.cycle-weight-b above 0"
        _refuse_unused(model, "model", "identity_weight", needed)
    _check_statistics(model.generator, data.batch_size)
    if config.xla and config.synchronized_batch_norm:
        expected = (
            "False with --synchronized-batch-norm: devices cannot exchange statistics "
            "within what XLA compiles"
        )
        _refuse("xla", True, expected)
    norms = [model.generator.norm]
    norms += [model.discriminator.norm] if model.is_adversarial else []
    if "batch" not in norms:
        needed = "--model.generator.norm or --model.discriminator.norm batch"
        name = "synchronized_batch_norm"
        if getattr(config, name):
            raise ValueError(
                f"{flag(name)} is True, but applies only with {needed}; leave it out "
                "or change that."
            )
    # The names of A and B are passed over for the same reason.
    if data.dir is None:
        for name in ("layout", "val_share"):
            needed = "images of your own, --data.dir"
            _refuse_unused(data, "data", name, needed)
    if not data.val_share:
        for name in ("val_seed", "group"):
            _refuse_unused(data, "data", name, "a --data.val-share above 0")
    if data.input != "files" and data.direction != "a2b":
        expected = (
            f"a2b with --data.input {data.input}, which is made from B (--data.b)"
        )
        _refuse("data.direction", data.direction, expected)
    if data.input != "downscale":
        _refuse_unused(data, "data", "downscale", "--data.input downscale")
    _check_unused_sizes(data)


def _check_unused_sizes(data: "DataConfig") -> None:
    if data.preprocess == "none":
        needed = "a --data.preprocess that crops"
        _refuse_unused(data, "data", "crop_width", needed)
    if not data.is_resized:
        needed = "a --data.preprocess that resizes"
        _refuse_unused(data, "data", "load_size", needed)
        _refuse_unused(data, "data", "load_width", needed)
    if data.preprocess.startswith("scale_width") and data.load_width is not None:
        # What `resolve` fills in is stored, and stays right.
        if data.load_size not in (None, default_load_size(data)):
            expected = "nothing beside --data.load-width, which scales widths alone"
            _refuse("data.load_size", data.load_size, expected)


def default_load_size(data: "DataConfig") -> int:
    """Height of images before the crop, in pixels: 286 for crops of 256."""
    return round(data.crop_size * 286 / 256)


def _check_statistics(generator: "GeneratorConfig", batch_size: int) -> None:
    # What `resolve` fills in is stored whatever the norm, and stays right.
    filled_in = "image" if batch_size == 1 else "stored"
    if generator.norm != "batch" and generator.statistics not in (None, filled_in):
        needed = "--model.generator.norm batch"
        _refuse_unused(generator, "model.generator", "statistics", needed)


def _refuse_unused(part: Any, prefix: str, name: str, needed: str) -> None:
    """Refuse a field that is not left at its default."""
    value = getattr(part, name)
    if value != getattr(type(part)(), name):
        raise ValueError(
            f"{flag(f'{prefix}.{name}')} is {value!r}, but applies only with {needed}; "
            "leave it out or change that."
        )


def _check_run(config: "TrainConfig") -> None:
    decay_epochs, batch_size = config.decay_epochs, config.data.batch_size
    if decay_epochs is not None and decay_epochs > config.epochs:
        _refuse("decay_epochs", decay_epochs, f"at most --epochs, {config.epochs}")
    if config.patience is not None and config.early_stop is None:
        raise ValueError(
            f"--patience is {config.patience}, but applies only with --early-stop; "
            "leave it out or add that."
        )
    for path in ("keep_best", "early_stop"):
        _check_measure(config, path)
    if config.devices is not None and batch_size % config.devices:
        expected = f"a multiple of --devices, {config.devices}"
        _refuse("data.batch_size", batch_size, expected)


def _check_measure(config: "TrainConfig", path: str) -> None:
    measure = getattr(config, path)
    if measure is None:
        return
    known = measures(config.model)
    if measure not in known:
        _refuse(path, measure, f"one of {', '.join(known)}")
    if config.validation_images == 0:
        _refuse("validation_images", 0, f"at least 1 with {flag(path)} {measure}")
