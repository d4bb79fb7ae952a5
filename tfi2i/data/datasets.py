"""Paired and unpaired images as `tf.data`, for `model.fit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from tfi2i.data import derived, folders
from tfi2i.data.pipelines import Direction, PairedData, UnpairedData
from tfi2i.data.preprocessing import Preprocessing


def paired(
    directory: str | Path,
    split: str = "train",
    *,
    batch_size: int = 1,
    direction: Direction = "a2b",
    layout: folders.Layout = "auto",
    a: str = "A",
    b: str = "B",
    exclude: str | Path | None = None,
    input: derived.Input = "files",
    downscale: int = 4,
    flip: bool = True,
    rotate: float = 0.0,
    color_jitter: float = 0.0,
    seed: int = 0,
    training: bool | None = None,
    **preprocessing: Any,
) -> tf.data.Dataset:
    """Paired images as a dataset for `model.fit`.

    Training pairs are shuffled, cropped and mirrored anew each time the dataset
    is iterated: the first iteration is epoch 0 of `PairedData.training`, the
    next is epoch 1 and so on. Under a distribution strategy Keras looks at one
    batch beforehand, which counts as an iteration.

    Args:
        directory: the data set's folder.
        split: `train`, `val` or `test`.
        batch_size: pairs per batch, over all devices.
        direction: `b2a` makes B the input and A the target.
        layout: see `find_pairs`.
        a: name of the folder that holds domain A.
        b: name of the folder that holds domain B.
        exclude: file that lists images to leave out.
        input: `edges`, `grayscale` or `downscale` make the input from the target.
        downscale: how much smaller inputs of that kind are.
        flip: whether to mirror half of the training pairs.
        rotate: degrees by which training pairs are turned at most.
        color_jitter: share by which brightness, contrast and saturation of training
            inputs change at most.
        seed: what order, crops and whatever else is random follow from.
        training: None means for the split `train`. Without, pairs come in
            order, whole, and the last batch may be smaller.
        **preprocessing: fields of `Preprocessing`: `load_size=286`, `crop_size=256`,
            `preprocess="resize_and_crop"` and others.

    Returns:
        `(real_a, real_b)`, each float32 `(batch, height, width, channels)` in
        [-1, 1], of known cardinality; height and width are the crop size, or, where
        nothing is cropped, each image's own.

    Raises:
        OSError: the folder or the split does not exist.
        ValueError: see `PairedData.load` and `PairedData.training`.
    """
    if training is None:
        training = split == "train"
    how = _for(training, preprocessing)
    data = PairedData.load(
        directory,
        split,
        layout=layout,
        a=a,
        b=b,
        exclude=exclude,
        direction=direction,
        input=input,
        downscale=downscale,
        **vars(how),
    )
    if not training:
        return data.evaluation(batch_size)
    return data.training_by_iteration(
        batch_size=batch_size,
        crop_size=how.geometry.crop if how.geometry.is_cropped else None,
        flip=flip,
        rotate=rotate,
        color_jitter=color_jitter,
        seed=seed,
    )


def unpaired(
    directory: str | Path,
    split: str = "train",
    *,
    batch_size: int = 1,
    layout: folders.Layout = "auto",
    a: str = "A",
    b: str = "B",
    exclude: str | Path | None = None,
    flip: bool = True,
    rotate: float = 0.0,
    seed: int = 0,
    training: bool | None = None,
    **preprocessing: Any,
) -> tf.data.Dataset:
    """Unpaired images as a dataset for `model.fit`.

    Training images are shuffled, matched, cropped and mirrored anew each time the
    dataset is iterated: the first iteration is epoch 0 of `UnpairedData.training`,
    the next is epoch 1 and so on. Under a distribution strategy Keras looks at
    one batch beforehand, which counts as an iteration.

    Args:
        directory: the data set's folder.
        split: `train`, `val` or `test`.
        batch_size: images of each domain per batch, over all devices.
        layout: see `find_unpaired`.
        a: name of the folder that holds domain A.
        b: name of the folder that holds domain B.
        exclude: file that lists images to leave out.
        flip: whether to mirror half of the training images.
        rotate: degrees by which training images are turned at most.
        seed: what order, matches, crops and whatever else is random follow from.
        training: None means for the split `train`. Without, images come in
            order, whole, as many of each domain as the smaller one has, and the
            last batch may be smaller.
        **preprocessing: fields of `Preprocessing`: `load_size=286`, `crop_size=256`,
            `preprocess="resize_and_crop"` and others.

    Returns:
        `(real_a, real_b)`, each float32 `(batch, height, width, channels)` in
        [-1, 1], of known cardinality; height and width are the crop size, or, where
        nothing is cropped, each image's own.

    Raises:
        OSError: the folder or the split does not exist.
        ValueError: see `UnpairedData.load` and `UnpairedData.training`.
    """
    if training is None:
        training = split == "train"
    how = _for(training, preprocessing)
    data = UnpairedData.load(
        directory, split, layout=layout, a=a, b=b, exclude=exclude, **vars(how)
    )
    if not training:
        return data.evaluation(batch_size)
    return data.training_by_iteration(
        batch_size=batch_size,
        crop_size=how.geometry.crop if how.geometry.is_cropped else None,
        flip=flip,
        rotate=rotate,
        seed=seed,
    )


def _for(training: bool, preprocessing: dict[str, Any]) -> Preprocessing:
    how = Preprocessing(**preprocessing)
    if not training:
        return how.whole()
    load, crop = how.geometry.load, how.geometry.crop
    is_resized = how.preprocess == "resize_and_crop"
    if is_resized and (load[0] < crop[0] or load[1] < crop[1]):
        raise ValueError(
            f"--data.load-size is {how.load_size}, expected at least the crop size, "
            f"{how.crop_size}"
        )
    return how
