"""Paired and unpaired images from disk to `tf.data`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import tensorflow as tf

from tfi2i.data import decoding, domains, folders, loading, transforms
from tfi2i.data.epochs import TwoDomains, size_to_load

Direction = Literal["a2b", "b2a"]
Input = Literal["files", "edges"]


class PairedData(TwoDomains):
    """One split of paired images, decoded and held in memory.

    The images of a pair are cropped and mirrored alike.

    Attributes:
        real_a: uint8 tensor `(count, load_size, load_size, 3)`, the inputs.
        real_b: likewise, the targets.
        files: which files were read and how.
        names: file stems, in order.
        load_size: side of the stored images.
    """

    _unit = "pairs"

    def __init__(
        self, real_a: tf.Tensor, real_b: tf.Tensor, files: folders.PairedFiles
    ):
        """Hold images that are loaded already; `load` reads them from disk."""
        super().__init__(real_a, real_b, tuple(s.name for s in files.samples))
        self.files = files

    @classmethod
    def load(
        cls,
        directory: str | Path,
        split: str = "train",
        *,
        layout: folders.Layout = "auto",
        a: str = "A",
        b: str = "B",
        direction: Direction = "a2b",
        input: Input = "files",
        load_size: int = 286,
        background: str = "white",
        limit: int | None = None,
        progress: bool = True,
    ) -> PairedData:
        """Decode and resize a whole split, on all cores.

        Takes `6 * load_size**2` bytes per pair: 0.5 MB at 286 pixels.

        Args:
            directory: the data set's folder.
            split: `train`, `val` or `test`.
            layout: see `folders.find_pairs`.
            a: name of the folder that holds domain A.
            b: name of the folder that holds domain B.
            direction: `b2a` makes B the input and A the target.
            input: `edges` draws the input from the target's edges. The target
                is then the single image, the B folder or the right half, and
                `direction` has no meaning.
            load_size: side in pixels to which images are resized.
            background: colour under transparent pixels, CSS name or `#rrggbb`.
            limit: how many pairs to decode, the first ones; None for all.
            progress: show a bar on stderr, if that is a terminal.

        Returns:
            The split.

        Raises:
            OSError: the folder or the split does not exist.
            ValueError: see `folders.find_pairs`; files that cannot be decoded;
                an argument outside its range; too little memory.
        """
        _check_choice("direction", direction, ("a2b", "b2a"))
        _check_choice("input", input, ("files", "edges"))
        colour = decoding.parse_colour(background)
        from_target = input == "edges"
        files = folders.find_pairs(
            directory, split, layout=layout, a=a, b=b, targets_only=from_target
        )
        files = dataclasses.replace(files, samples=files.samples[:limit])
        real_a, real_b = loading.load(
            [sample.a for sample in files.samples],
            [sample.b for sample in files.samples],
            size=load_size,
            colour=colour,
            edges=from_target,
            progress=progress,
        )
        if direction == "b2a" and not from_target:
            real_a, real_b = real_b, real_a
        return cls(real_a, real_b, files)

    def _example(self, index, seed, *, crop_size, flip):
        return transforms.jitter(
            tf.gather(self.real_a, index),
            tf.gather(self.real_b, index),
            crop_size=crop_size,
            flip=flip,
            seed=seed,
        )


class UnpairedData(TwoDomains):
    """One split of two domains' images, decoded and held in memory.

    An epoch has as many examples as the larger domain has images. Those of A come
    in turn, in another order each epoch, so that each occurs equally often, give or
    take one; every one of them meets an image of B that is drawn at random. Both
    are cropped and mirrored independently. So does the CycleGAN authors' code.

    Attributes:
        real_a: uint8 tensor `(count, load_size, load_size, 3)`, domain A.
        real_b: likewise, domain B; the count may be another.
        files: which files were read and how.
        names: file names of A, then of B, `A/` or `B/` before each.
        load_size: side of the stored images.
    """

    _unit = "images in the larger domain"

    def __init__(
        self, real_a: tf.Tensor, real_b: tf.Tensor, files: domains.UnpairedFiles
    ):
        """Hold images that are loaded already; `load` reads them from disk."""
        names_a = [f"A/{image.path.name}" for image in files.a]
        names_b = [f"B/{image.path.name}" for image in files.b]
        super().__init__(real_a, real_b, (*names_a, *names_b))
        self.files = files

    @classmethod
    def load(
        cls,
        directory: str | Path,
        split: str = "train",
        *,
        layout: folders.Layout = "auto",
        a: str = "A",
        b: str = "B",
        load_size: int = 286,
        background: str = "white",
        limit: int | None = None,
        progress: bool = True,
    ) -> UnpairedData:
        """Decode and resize a whole split, on all cores.

        Takes `3 * load_size**2` bytes per image: 0.25 MB at 286 pixels.

        Args:
            directory: the data set's folder.
            split: `train`, `val` or `test`.
            layout: see `domains.find_unpaired`.
            a: name of the folder that holds domain A.
            b: name of the folder that holds domain B.
            load_size: side in pixels to which images are resized.
            background: colour under transparent pixels, CSS name or `#rrggbb`.
            limit: how many images of each domain to decode, the first ones; None for
                all.
            progress: show a bar on stderr, if that is a terminal.

        Returns:
            The split.

        Raises:
            OSError: the folder or the split does not exist.
            ValueError: see `domains.find_unpaired`; files that cannot be decoded; an
                argument outside its range; too little memory.
        """
        colour = decoding.parse_colour(background)
        files = domains.find_unpaired(directory, split, layout=layout, a=a, b=b)
        files = dataclasses.replace(files, a=files.a[:limit], b=files.b[:limit])
        real_a, real_b = loading.load(
            files.a, files.b, size=load_size, colour=colour, progress=progress
        )
        return cls(real_a, real_b, files)

    def _example(self, index, seed, *, crop_size, flip):
        seed_a, seed_b, seed_choice = tf.unstack(
            tf.random.split(seed, 3, alg=transforms.RANDOM_ALGORITHM)
        )
        chosen = tf.random.stateless_uniform(
            (),
            seed_choice,
            maxval=len(self.real_b),
            dtype=tf.int64,
            alg=transforms.RANDOM_ALGORITHM,
        )

        def cut(image, seed):
            (image,) = transforms.jitter(
                image, crop_size=crop_size, flip=flip, seed=seed
            )
            return image

        # The order of an epoch is a permutation of the larger domain's indices.
        image_a = tf.gather(self.real_a, index % len(self.real_a))
        return cut(image_a, seed_a), cut(tf.gather(self.real_b, chosen), seed_b)


def paired(
    directory: str | Path,
    split: str = "train",
    *,
    batch_size: int = 1,
    direction: Direction = "a2b",
    layout: folders.Layout = "auto",
    a: str = "A",
    b: str = "B",
    input: Input = "files",
    load_size: int = 286,
    crop_size: int = 256,
    flip: bool = True,
    background: str = "white",
    seed: int = 0,
    training: bool | None = None,
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
        input: `edges` draws the input from the target's edges.
        load_size: side in pixels to which training images are resized.
        crop_size: side in pixels of what the dataset gives.
        flip: whether to mirror half of the training pairs.
        background: colour under transparent pixels, CSS name or `#rrggbb`.
        seed: what order, crops and flips follow from.
        training: None means for the split `train`. Without, pairs come in
            order, whole, resized to `crop_size`, and the last batch may be
            smaller.

    Returns:
        `(real_a, real_b)`, each float32 `(batch, crop_size, crop_size, 3)` in
        [-1, 1], of known cardinality.

    Raises:
        OSError: the folder or the split does not exist.
        ValueError: see `PairedData.load` and `PairedData.training`.
    """
    if training is None:
        training = split == "train"
    data = PairedData.load(
        directory,
        split,
        layout=layout,
        a=a,
        b=b,
        direction=direction,
        input=input,
        load_size=size_to_load(training, load_size, crop_size),
        background=background,
    )
    if not training:
        return data.evaluation(batch_size)
    return data.training_by_iteration(
        batch_size=batch_size, crop_size=crop_size, flip=flip, seed=seed
    )


def unpaired(
    directory: str | Path,
    split: str = "train",
    *,
    batch_size: int = 1,
    layout: folders.Layout = "auto",
    a: str = "A",
    b: str = "B",
    load_size: int = 286,
    crop_size: int = 256,
    flip: bool = True,
    background: str = "white",
    seed: int = 0,
    training: bool | None = None,
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
        load_size: side in pixels to which training images are resized.
        crop_size: side in pixels of what the dataset gives.
        flip: whether to mirror half of the training images.
        background: colour under transparent pixels, CSS name or `#rrggbb`.
        seed: what order, matches, crops and flips follow from.
        training: None means for the split `train`. Without, images come in
            order, whole, resized to `crop_size`, as many of each domain as the
            smaller one has, and the last batch may be smaller.

    Returns:
        `(real_a, real_b)`, each float32 `(batch, crop_size, crop_size, 3)` in
        [-1, 1], of known cardinality.

    Raises:
        OSError: the folder or the split does not exist.
        ValueError: see `UnpairedData.load` and `UnpairedData.training`.
    """
    if training is None:
        training = split == "train"
    data = UnpairedData.load(
        directory,
        split,
        layout=layout,
        a=a,
        b=b,
        load_size=size_to_load(training, load_size, crop_size),
        background=background,
    )
    if not training:
        return data.evaluation(batch_size)
    return data.training_by_iteration(
        batch_size=batch_size, crop_size=crop_size, flip=flip, seed=seed
    )


def bundled() -> Path:
    """Find the images that come with the package.

    Returns:
        Folder of 1,594 emoji, side by side, 64 pixels: flat (A), shaded (B).
    """
    return Path(__file__).parent / "emoji"


def _check_choice(field: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(
            f"--data.{field} is '{value}', expected {' or '.join(choices)}"
        )
