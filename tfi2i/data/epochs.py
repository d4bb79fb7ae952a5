"""From two sets of decoded images to the batches of every epoch.

Images are kept as they are stored. All randomness comes afterwards and is a function of
(seed, epoch, index) alone, so that training can resume at any step with the images that
an uninterrupted run would see.
"""

from __future__ import annotations

import abc
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfi2i.data import transforms
from tfi2i.data.geometry import Size, shape_of
from tfi2i.data.image_store import Held, Images
from tfi2i.data.pixels import to_float

# AutoGraph has nothing to convert here, and takes half a second to see that.
_as_written = tf.autograph.experimental.do_not_convert


class TwoDomains(abc.ABC):
    """One split's images of domains A and B.

    A subclass decides which image of A is matched with which of B, and crops both.

    Attributes:
        images: `image_store.Images` of `"a"` and of `"b"`; their counts may differ.
        names: names of the files, by which a resumed run recognizes them.
        methods: interpolation, by domain.
    """

    # What `len` counts, in messages.
    _unit: str

    def __init__(self, real_a, real_b, names: tuple[str, ...], methods=None):
        self.images = {
            domain: images if isinstance(images, Images) else Held.of(images)
            for domain, images in (("a", real_a), ("b", real_b))
        }
        self.names = tuple(map(as_text, names))
        methods = methods or ("bicubic", "bicubic")
        self.methods = dict(zip(self.images, methods, strict=True))

    def __len__(self) -> int:
        """Number of examples in an epoch: images in the larger domain."""
        return max(map(len, self.images.values()))

    @property
    def count_of_each(self) -> int:
        """Number of images in the smaller domain."""
        return min(map(len, self.images.values()))

    @property
    def is_kept(self) -> bool:
        """Whether images are decoded already, so that none can be damaged."""
        return all(isinstance(images, Held) for images in self.images.values())

    def steps_per_epoch(self, batch_size: int) -> int:
        """Counts the full batches in an epoch; a remainder is left out.

        Args:
            batch_size: examples per batch, over all devices.

        Raises:
            ValueError: fewer examples than one batch.
        """
        if not 1 <= batch_size <= len(self):
            raise ValueError(
                f"--data.batch-size is {batch_size}, expected 1 to {len(self)}, the "
                f"number of training {self._unit}"
            )
        return len(self) // batch_size

    def training(
        self,
        *,
        batch_size: int,
        crop_size: Size | None,
        epochs: int,
        flip: bool = True,
        rotate: float = 0.0,
        color_jitter: float = 0.0,
        jittered: str = "a",
        seed: int = 0,
        start_epoch: int = 0,
        start_step: int = 0,
    ) -> tf.data.Dataset:
        """Shuffled, cropped and mirrored batches of all epochs, in one dataset.

        The order is a function of (seed, epoch), all other randomness of (seed, epoch,
        index of the example): a dataset that starts at (`start_epoch`, `start_step`)
        is the tail of the one that starts at 0.

        Args:
            batch_size: examples per batch; each epoch's remainder is left out.
            crop_size: side in pixels, or height and width, at most those of the
                images; None takes them whole, one by one if their sizes differ.
            epochs: the epoch to stop before, counted from 0.
            flip: whether to mirror half of the images.
            rotate: largest angle of rotation in degrees, either way.
            color_jitter: largest change of one domain's colours, see
                `transforms.color_jitter`.
            jittered: that domain, `"a"` or `"b"`.
            seed: the run's seed.
            start_epoch: first epoch.
            start_step: batches of the first epoch to leave out.

        Returns:
            `{"a": ..., "b": ...}`, each float32 `(batch_size, *crop_size, channels)`
            in [-1, 1].

        Raises:
            ValueError: a batch larger than the split, a crop larger than the
                images, images of several sizes in one batch, a start beyond the end.
        """
        steps = self.steps_per_epoch(batch_size)
        if not (0 <= start_epoch <= epochs and 0 <= start_step <= steps):
            raise ValueError(
                f"cannot start at epoch {start_epoch}, step {start_step}: there are "
                f"{epochs} epochs of {steps} steps"
            )
        skipped = tf.constant(start_step * batch_size, tf.int64)
        batches = self._training_batches(
            tf.data.Dataset.range(start_epoch, epochs),
            lambda epoch: tf.where(tf.equal(epoch, start_epoch), skipped, 0),
            batch_size=batch_size,
            jitter=self._jitter(crop_size, batch_size, flip, rotate),
            color_jitter=color_jitter,
            jittered=jittered,
            seed=seed,
        )
        left = max(0, (epochs - start_epoch) * steps - start_step)
        return batches.apply(tf.data.experimental.assert_cardinality(left))

    def training_by_iteration(
        self,
        *,
        batch_size: int,
        crop_size: Size | None,
        flip: bool = True,
        rotate: float = 0.0,
        color_jitter: float = 0.0,
        seed: int = 0,
    ) -> tf.data.Dataset:
        """One epoch of `training` each time that the dataset is iterated.

        The first iteration is epoch 0, the next is epoch 1 and so on: what
        `model.fit` takes for one epoch of a dataset. Under a distribution strategy
        Keras looks at one batch beforehand, which counts as an iteration.

        Args:
            batch_size: as in `training`.
            crop_size: as in `training`.
            flip: as in `training`.
            rotate: as in `training`.
            color_jitter: as in `training`, of domain `"a"`.
            seed: as in `training`.

        Returns:
            As `training`, with the cardinality of one epoch.

        Raises:
            ValueError: a batch larger than the split, a crop larger than the
                images.
        """
        batches = self._training_batches(
            _iteration_number(),
            tf.zeros_like,
            batch_size=batch_size,
            jitter=self._jitter(crop_size, batch_size, flip, rotate),
            color_jitter=color_jitter,
            jittered="a",
            seed=seed,
        )
        steps = self.steps_per_epoch(batch_size)
        return batches.apply(tf.data.experimental.assert_cardinality(steps))

    def evaluation(
        self, batch_size: int, limit: int | None = None, crop_size: Size | None = None
    ) -> tf.data.Dataset:
        """Images in order, without randomness.

        Where one domain has fewer images, the other's surplus is left out.

        Args:
            batch_size: examples per batch; the last batch may be smaller.
            limit: how many examples at most, None for all.
            crop_size: what is cut out of the middle; None for whole images.

        Returns:
            `{"a": ..., "b": ...}`, each float32 `(batch, height, width, channels)` in
            [-1, 1].

        Raises:
            ValueError: a batch size or limit below 1; images of several sizes in one
                batch.
        """
        if batch_size < 1:
            raise ValueError(f"batch size is {batch_size}, expected at least 1")
        if limit is not None and limit < 1:
            raise ValueError(f"limit is {limit}, expected at least 1 or None")
        if crop_size is None:
            self._check_batch(batch_size)

        @_as_written
        def look_up(index):
            return {
                domain: _as_evaluated(images, images.get(index), crop_size)
                for domain, images in self.images.items()
            }

        count = self.count_of_each if limit is None else min(limit, self.count_of_each)
        return (
            tf.data.Dataset.range(count)
            .map(look_up, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
            # Batches of a size that graphs know are computed faster.
            .batch(batch_size, drop_remainder=count % batch_size == 0)
            .prefetch(tf.data.AUTOTUNE)
            .with_options(_options())
        )

    def samples(
        self, count: int, size: tuple[int, int], resized: bool
    ) -> dict[str, tf.Tensor]:
        """The first examples, all of one size.

        Args:
            count: how many at most.
            size: height and width.
            resized: whether images are resized to that; else it is cut out of them.

        Returns:
            `{"a": ..., "b": ...}`, each float32 `(count, height, width, channels)` in
            [-1, 1].
        """
        count = min(count, self.count_of_each)
        fit = transforms.resize if resized else transforms.center
        return {
            domain: to_float(
                tf.stack([fit(images[i], *size) for i in range(count)]), images.pixels
            )
            for domain, images in self.images.items()
        }

    @abc.abstractmethod
    def _example(
        self, index: tf.Tensor, seed: tf.Tensor, jitter: transforms.Jitter
    ) -> dict[str, tf.Tensor]:
        """Crops one training example, as it is stored, by domain.

        Args:
            index: int64, 0 to `len(self) - 1`; an epoch goes through all of them.
            seed: int64 `(2,)`, another for each epoch and index; the only source
                of randomness.
            jitter: the random changes.
        """

    def _jitter(self, crop_size, batch_size, flip, rotate):
        """The random changes, checked against the images' sizes."""
        if crop_size is None:
            self._check_batch(batch_size)
            return transforms.Jitter(None, flip, rotate)
        crop = shape_of(crop_size)
        shapes = [images.shapes for images in self.images.values()]
        least = np.concatenate(shapes).min(axis=0)
        for side, most in zip(crop, least.tolist(), strict=True):
            if not 1 <= side <= most:
                raise ValueError(
                    f"--data.crop-size is {side}, expected 1 to {most}, the size at "
                    "which images are loaded (--data.load-size)"
                )
        return transforms.Jitter(crop, flip, rotate)

    def _check_batch(self, batch_size):
        are_alike = all(images.is_uniform for images in self.images.values())
        if batch_size > 1 and not are_alike:
            raise ValueError(
                f"--data.batch-size is {batch_size}, expected 1: these images have "
                "several sizes and are not cropped (--data.preprocess)"
            )

    def _training_batches(
        self,
        epochs: tf.data.Dataset,
        skipped: Callable[[tf.Tensor], tf.Tensor],
        *,
        batch_size: int,
        jitter: transforms.Jitter,
        color_jitter: float,
        jittered: str,
        seed: int,
    ) -> tf.data.Dataset:
        """Batches of the epochs whose int64 numbers a dataset gives."""
        used = self.steps_per_epoch(batch_size) * batch_size

        @_as_written
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

        @_as_written
        def look_up(epoch, index):
            example_seed = tf.random.fold_in(
                tf.stack([tf.constant(seed, tf.int64), epoch]),
                index,
                alg=transforms.RANDOM_ALGORITHM,
            )
            example = {
                domain: to_float(image, self.images[domain].pixels)
                for domain, image in self._example(index, example_seed, jitter).items()
            }
            if color_jitter:
                example[jittered] = transforms.color_jitter(
                    example[jittered], color_jitter, example_seed
                )
            return example

        return (
            epochs.flat_map(order)
            .map(look_up, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
            .batch(batch_size, drop_remainder=True)
            .prefetch(tf.data.AUTOTUNE)
            .with_options(_options())
        )


def as_text(name: str) -> str:
    """A file name as text that can be stored; its bytes need not be text."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _as_evaluated(images, image, crop_size):
    """One image as evaluation sees it."""
    if crop_size is not None:
        image = transforms.center(image, *shape_of(crop_size))
    return to_float(image, images.pixels)


def _options() -> tf.data.Options:
    """Leaves datasets as they are written.

    To rewrite a dataset, also for several devices, TensorFlow would copy all images
    that it captures.
    """
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    return options


def _iteration_number() -> tf.data.Dataset:
    """A dataset of one int64: how often it was iterated before."""
    with tf.device("CPU:0"):
        iterations = tf.Variable(0, dtype=tf.int64, trainable=False)

    @_as_written
    def count(_):
        return iterations.assign_add(1) - 1

    return tf.data.Dataset.from_tensors(0).map(count)
