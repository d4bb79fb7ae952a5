"""Paired images from disk to `tf.data`.

A split is decoded once and kept as uint8. Whatever is random comes after that
and is a function of (seed, epoch, index) alone, so training can start again at
any step and see exactly what it would have seen.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import tensorflow as tf

from tfi2i.data import decoding, folders, loading, transforms

Direction = Literal["a2b", "b2a"]
Input = Literal["files", "edges"]


class PairedData:
    """One split of paired images, decoded and held in memory.

    Attributes:
        real_a: uint8 tensor `(count, load_size, load_size, 3)`, the inputs.
        real_b: likewise, the targets.
        files: which files were read and how.
        names: file stems, in order.
        load_size: side of the stored images.
    """

    def __init__(
        self, real_a: tf.Tensor, real_b: tf.Tensor, files: folders.PairedFiles
    ):
        """Hold images that are loaded already; `load` reads them from disk."""
        self.real_a = real_a
        self.real_b = real_b
        self.files = files
        self.names = tuple(sample.name for sample in files.samples)
        self.load_size = int(real_a.shape[1])

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
        if load_size < 1:
            raise ValueError(f"--data.load-size is {load_size}, expected at least 1")
        colour = decoding.parse_colour(background)
        from_target = input == "edges"
        files = folders.find_pairs(
            directory, split, layout=layout, a=a, b=b, targets_only=from_target
        )
        real_a, real_b = loading.load(
            files, size=load_size, colour=colour, edges=from_target, progress=progress
        )
        if direction == "b2a" and not from_target:
            real_a, real_b = real_b, real_a
        return cls(real_a, real_b, files)

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.names)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Count the full batches in an epoch; a remainder is left out.

        Args:
            batch_size: pairs per batch, over all devices.

        Raises:
            ValueError: fewer pairs than one batch.
        """
        if not 1 <= batch_size <= len(self):
            raise ValueError(
                f"--data.batch-size is {batch_size}, expected 1 to {len(self)}, the "
                "number of training pairs"
            )
        return len(self) // batch_size

    def training(
        self,
        *,
        batch_size: int,
        crop_size: int,
        epochs: int,
        flip: bool = True,
        seed: int = 0,
        start_epoch: int = 0,
        start_step: int = 0,
    ) -> tf.data.Dataset:
        """Shuffled, cropped and mirrored batches of all epochs, in one dataset.

        The order is a function of (seed, epoch), crop and flip are one of (seed,
        epoch, index of the pair), and of nothing else: a dataset that starts at
        (`start_epoch`, `start_step`) is the tail of the one that starts at 0.

        Args:
            batch_size: pairs per batch; each epoch's remainder is left out.
            crop_size: side in pixels, at most `load_size`.
            epochs: the epoch to stop before, counted from 0.
            flip: whether to mirror half of the pairs.
            seed: the run's seed.
            start_epoch: first epoch.
            start_step: batches of the first epoch to leave out.

        Returns:
            `(real_a, real_b)`, each float32
            `(batch_size, crop_size, crop_size, 3)` in [-1, 1].

        Raises:
            ValueError: a batch larger than the split, a crop larger than the
                images, a start beyond the end.
        """
        steps = self.steps_per_epoch(batch_size)
        if not (0 <= start_epoch <= epochs and 0 <= start_step <= steps):
            raise ValueError(
                f"cannot start at epoch {start_epoch}, step {start_step}: there are "
                f"{epochs} epochs of {steps} steps"
            )
        skipped = tf.constant(start_step * batch_size, tf.int64)
        batches = self._jittered(
            tf.data.Dataset.range(start_epoch, epochs),
            lambda epoch: tf.where(tf.equal(epoch, start_epoch), skipped, 0),
            batch_size=batch_size,
            crop_size=crop_size,
            flip=flip,
            seed=seed,
        )
        left = max(0, (epochs - start_epoch) * steps - start_step)
        return batches.apply(tf.data.experimental.assert_cardinality(left))

    def evaluation(self, batch_size: int, limit: int | None = None) -> tf.data.Dataset:
        """Whole images in order, without randomness.

        Args:
            batch_size: pairs per batch; the last batch may be smaller.
            limit: how many pairs at most, None for all.

        Returns:
            `(real_a, real_b)`, each float32 `(batch, load_size, load_size, 3)`
            in [-1, 1].

        Raises:
            ValueError: a batch size or limit below 1.
        """
        if batch_size < 1:
            raise ValueError(f"batch size is {batch_size}, expected at least 1")
        if limit is not None and limit < 1:
            raise ValueError(f"limit is {limit}, expected at least 1 or None")

        def look_up(index):
            return (
                transforms.to_float(tf.gather(self.real_a, index)),
                transforms.to_float(tf.gather(self.real_b, index)),
            )

        count = len(self) if limit is None else min(limit, len(self))
        return (
            tf.data.Dataset.range(count)
            .map(look_up, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
            .batch(batch_size)
            .prefetch(tf.data.AUTOTUNE)
        )

    def _jittered(
        self,
        epochs: tf.data.Dataset,
        skipped: Callable[[tf.Tensor], tf.Tensor],
        *,
        batch_size: int,
        crop_size: int,
        flip: bool,
        seed: int,
    ) -> tf.data.Dataset:
        """Batches of the epochs whose int64 numbers a dataset gives."""
        used = self.steps_per_epoch(batch_size) * batch_size
        if not 1 <= crop_size <= self.load_size:
            raise ValueError(
                f"--data.crop-size is {crop_size}, expected 1 to {self.load_size}, the "
                "size at which images are loaded (--data.load-size)"
            )

        def order(epoch):
            shuffled = tf.random.experimental.stateless_shuffle(
                tf.range(len(self), dtype=tf.int64),
                seed=tf.stack([tf.constant(seed, tf.int64), epoch]),
                alg=transforms.RANDOM_ALGORITHM,
            )
            chosen = shuffled[skipped(epoch) : used]
            return tf.data.Dataset.from_tensor_slices(
                (tf.fill(tf.shape(chosen), epoch), chosen)
            )

        def look_up(epoch, index):
            pair_seed = tf.random.fold_in(
                tf.stack([tf.constant(seed, tf.int64), epoch]),
                index,
                alg=transforms.RANDOM_ALGORITHM,
            )
            real_a, real_b = transforms.jitter(
                tf.gather(self.real_a, index),
                tf.gather(self.real_b, index),
                crop_size=crop_size,
                flip=flip,
                seed=pair_seed,
            )
            return transforms.to_float(real_a), transforms.to_float(real_b)

        return (
            epochs.flat_map(order)
            .map(look_up, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
            .batch(batch_size, drop_remainder=True)
            .prefetch(tf.data.AUTOTUNE)
        )


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
    if training and load_size < crop_size:
        raise ValueError(
            f"--data.load-size is {load_size}, expected at least the crop size, "
            f"{crop_size}"
        )
    data = PairedData.load(
        directory,
        split,
        layout=layout,
        a=a,
        b=b,
        direction=direction,
        input=input,
        load_size=load_size if training else crop_size,
        background=background,
    )
    if not training:
        return data.evaluation(batch_size)
    batches = data._jittered(
        _counted(),
        tf.zeros_like,
        batch_size=batch_size,
        crop_size=crop_size,
        flip=flip,
        seed=seed,
    )
    steps = data.steps_per_epoch(batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(steps))


def bundled() -> Path:
    """Find the images that come with the package.

    Returns:
        Folder of 1,594 emoji, side by side, 64 pixels: flat (A), shaded (B).
    """
    return Path(__file__).parent / "emoji"


def _counted() -> tf.data.Dataset:
    """One int64: how often this dataset was iterated before."""
    with tf.device("CPU:0"):
        iterations = tf.Variable(0, dtype=tf.int64, trainable=False)
    return tf.data.Dataset.from_tensors(0).map(lambda _: iterations.assign_add(1) - 1)


def _check_choice(field: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(
            f"--data.{field} is '{value}', expected {' or '.join(choices)}"
        )
