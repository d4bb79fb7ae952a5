"""Which values of a configuration can train."""

import re

from tfi2i.recipes.bounds import (
    check_bounds,
    flag,
    refuse,
    refuse_unused,
)
from tfi2i.recipes.config import DataConfig, TrainConfig
from tfi2i.recipes.validation import measures
from tfi2i.ways import input_only

_SIDES = ("data.crop_size", "data.crop_width")


def check(config: TrainConfig) -> None:
    """Refuse values that cannot train; their types are taken to be right.

    Raises:
        ValueError: naming the command-line flag, its value and what would do.
    """
    check_bounds(config)
    config.model.check_data(config.data)
    _check_data(config.data)
    if config.data.color_jitter and input_only(config.ways) is None:
        expected = "0: no image is an input alone, and targets have true colours"
        refuse("data.color_jitter", config.data.color_jitter, expected)
    for size, path in zip(config.data.crop_shape, _SIDES, strict=True):
        config.model.check_size(size, path)
    config.model.check_domains(config.data)
    config.model.check_losses()
    _check_unused(config)
    _check_run(config)


def _check_data(data: DataConfig) -> None:
    _check_sizes(data)
    if data.rotate > 180:
        refuse("data.rotate", data.rotate, "at most 180")
    for path, domain in (
        ("data.domain_a", data.domain_a),
        ("data.domain_b", data.domain_b),
    ):
        low, high = domain.low, domain.high
        if low is not None and high is not None and low >= high:
            refuse(f"{path}.high", high, f"more than low, {low:g}")
    if data.layout == "targets" and data.input == "files":
        expected = "another layout, or --data.input edges to make the inputs"
        refuse("data.layout", data.layout, expected)
    for path, name in (("data.a", data.a), ("data.b", data.b)):
        if not name:
            refuse(path, name, "the name of a folder")
    if data.a == data.b:
        refuse("data.b", data.b, "another folder than --data.a")
    if data.background.startswith("#"):
        if not re.fullmatch("#[0-9a-fA-F]{6}", data.background):
            refuse("data.background", data.background, "#rrggbb or a CSS name")


def _check_sizes(data: DataConfig) -> None:
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
        refuse(path, load, f"at least the crop size, {crop}")


def _check_unused(config: TrainConfig) -> None:
    """Refuse values that would silently be ignored."""
    data = config.data
    config.model.check_unused(data)
    if config.xla and config.synchronized_batch_norm:
        expected = (
            "False with --synchronized-batch-norm: devices cannot exchange statistics "
            "within what XLA compiles"
        )
        refuse("xla", True, expected)
    name = "synchronized_batch_norm"
    if getattr(config, name) and "batch" not in config.model.norms:
        needed = "--model.generator.norm or --model.discriminator.norm batch"
        raise ValueError(
            f"{flag(name)} is True, but applies only with {needed}; leave it out "
            "or change that."
        )
    # The names of A and B are passed over for the same reason.
    if data.dir is None:
        for name in ("layout", "val_share"):
            needed = "images of your own, --data.dir"
            refuse_unused(data, "data", name, needed)
    if not data.val_share:
        for name in ("val_seed", "group"):
            refuse_unused(data, "data", name, "a --data.val-share above 0")
    if data.input != "files" and data.direction != "a2b":
        expected = (
            f"a2b with --data.input {data.input}, which is made from B (--data.b)"
        )
        refuse("data.direction", data.direction, expected)
    if data.input != "downscale":
        refuse_unused(data, "data", "downscale", "--data.input downscale")
    _check_unused_sizes(data)


def _check_unused_sizes(data: DataConfig) -> None:
    if data.preprocess == "none":
        needed = "a --data.preprocess that crops"
        refuse_unused(data, "data", "crop_width", needed)
    if not data.is_resized:
        needed = "a --data.preprocess that resizes"
        refuse_unused(data, "data", "load_size", needed)
        refuse_unused(data, "data", "load_width", needed)
    if data.preprocess.startswith("scale_width") and data.load_width is not None:
        # What `resolve` fills in is stored, and stays right.
        if data.load_size not in (None, default_load_size(data)):
            expected = "nothing beside --data.load-width, which scales widths alone"
            refuse("data.load_size", data.load_size, expected)


def default_load_size(data: DataConfig) -> int:
    """Height of images before the crop, in pixels: 286 for crops of 256."""
    return round(data.crop_size * 286 / 256)


def _check_run(config: TrainConfig) -> None:
    decay_epochs, batch_size = config.decay_epochs, config.data.batch_size
    if decay_epochs is not None and decay_epochs > config.epochs:
        refuse("decay_epochs", decay_epochs, f"at most --epochs, {config.epochs}")
    if config.patience is not None and config.early_stop is None:
        raise ValueError(
            f"--patience is {config.patience}, but applies only with --early-stop; "
            "leave it out or add that."
        )
    for path in ("keep_best", "early_stop"):
        _check_measure(config, path)
    if config.devices is not None and batch_size % config.devices:
        expected = f"a multiple of --devices, {config.devices}"
        refuse("data.batch_size", batch_size, expected)


def _check_measure(config: TrainConfig, path: str) -> None:
    measure = getattr(config, path)
    if measure is None:
        return
    known = measures(config)
    if measure not in known:
        refuse(path, measure, f"one of {', '.join(known)}")
    if config.validation_images == 0:
        refuse("validation_images", 0, f"at least 1 with {flag(path)} {measure}")
