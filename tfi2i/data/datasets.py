"""Paired and unpaired images as `tf.data`, for `model.fit`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfi2i.data.epochs import TwoDomains
from tfi2i.data.pipelines import PairedData, UnpairedData
from tfi2i.data.preprocessing import Preprocessing


def paired(
    directory: str | Path,
    split: str = "train",
    *,
    batch_size: int = 1,
    flip: bool = True,
    rotate: float = 0.0,
    color_jitter: float = 0.0,
    direction: str = "a2b",
    seed: int = 0,
    training: bool | None = None,
    **options: Any,
) -> tf.data.Dataset:
    """Paired images as a dataset for `model.fit`.

    Training pairs are shuffled, cropped and mirrored anew each time the dataset
    is iterated: see `PairedData.training_by_iteration`.

    Args:
        directory: the data set's folder.
        split: `train`, `val` or `test`.
        batch_size: pairs per batch, over all devices.
        flip: whether to mirror half of the training pairs.
        rotate: largest angle in degrees by which training pairs are rotated.
        color_jitter: largest relative change of brightness, contrast and saturation
            of training inputs.
        direction: `"b2a"` calls the images of folder `b` (the right halves) A, and
            those of folder `a` B, for a model that translates A into B.
        seed: determines the order, crops and all other random choices.
        training: None means for the split `train`. Without, pairs come in
            order, whole, and the last batch may be smaller.
        **options: of `PairedData.load`: `layout`, `a`, `b`, `exclude`,
            `input="edges"`, `downscale`; and fields of `Preprocessing`:
            `load_size=286`, `crop_size=256`, `preprocess="resize_and_crop"` and
            others.

    Returns:
        `{"a": ..., "b": ...}`, each float32 `(batch, height, width, channels)` in
        [-1, 1], of known cardinality; height and width are the crop size, or, where
        nothing is cropped, each image's own.

    Raises:
        OSError: the folder or the split does not exist.
        ValueError: see `PairedData.load` and `PairedData.training`.
    """
    training = split == "train" if training is None else training
    how, others = _separate(training, options)
    if direction not in ("a2b", "b2a"):
        raise ValueError(f"--data.direction is '{direction}', expected a2b or b2a")
    data = PairedData.load(directory, split, **others, **vars(how))
    # Made inputs are A, whatever the direction.
    if direction == "b2a" and others.get("input", "files") == "files":
        data = data.swapped()
    changes = {"flip": flip, "rotate": rotate, "color_jitter": color_jitter}
    return _batches(data, how, training, batch_size, seed=seed, **changes)


def unpaired(
    directory: str | Path,
    split: str = "train",
    *,
    batch_size: int = 1,
    flip: bool = True,
    rotate: float = 0.0,
    seed: int = 0,
    training: bool | None = None,
    **options: Any,
) -> tf.data.Dataset:
    """Unpaired images as a dataset for `model.fit`.

    Training images are shuffled, matched, cropped and mirrored anew each time the
    dataset is iterated: see `UnpairedData.training_by_iteration`.

    Args:
        directory: the data set's folder.
        split: `train`, `val` or `test`.
        batch_size: images of each domain per batch, over all devices.
        flip: whether to mirror half of the training images.
        rotate: largest angle in degrees by which training images are rotated.
        seed: determines the order, matches, crops and all other random choices.
        training: None means for the split `train`. Without, images come in
            order, whole, as many of each domain as the smaller one has, and the
            last batch may be smaller.
        **options: of `UnpairedData.load`: `layout`, `a`, `b`, `exclude`; and fields of
            `Preprocessing`: `load_size=286`, `crop_size=256`,
            `preprocess="resize_and_crop"` and others.

    Returns:
        `{"a": ..., "b": ...}`, each float32 `(batch, height, width, channels)` in
        [-1, 1], of known cardinality; height and width are the crop size, or, where
        nothing is cropped, each image's own.

    Raises:
        OSError: the folder or the split does not exist.
        ValueError: see `UnpairedData.load` and `UnpairedData.training`.
    """
    training = split == "train" if training is None else training
    how, others = _separate(training, options)
    data = UnpairedData.load(directory, split, **others, **vars(how))
    return _batches(
        data, how, training, batch_size, seed=seed, flip=flip, rotate=rotate
    )


def _separate(
    training: bool, options: dict[str, Any]
) -> tuple[Preprocessing, dict[str, Any]]:
    """Separates the fields of `Preprocessing`, checked, from other options."""
    fields = {field.name for field in dataclasses.fields(Preprocessing)}
    how = Preprocessing(**{name: options[name] for name in fields & options.keys()})
    others = {name: options[name] for name in options.keys() - fields}
    if not training:
        return how.whole(), others
    load, crop = how.geometry.load, how.geometry.crop
    is_resized = how.preprocess == "resize_and_crop"
    if is_resized and (load[0] < crop[0] or load[1] < crop[1]):
        raise ValueError(
            f"--data.load-size is {how.load_size}, expected at least the crop size, "
            f"{how.crop_size}"
        )
    return how, others


def _batches(
    data: TwoDomains,
    how: Preprocessing,
    training: bool,
    batch_size: int,
    **options: Any,
) -> tf.data.Dataset:
    if not training:
        return data.evaluation(batch_size)
    crop = how.geometry.crop if how.geometry.is_cropped else None
    return data.training_by_iteration(batch_size=batch_size, crop_size=crop, **options)
