"""Loads the images of a split: into memory, into a file, or one by one on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfi2i.data import headers, image_store, memory
from tfi2i.data.derived_inputs import Derivation
from tfi2i.data.headers import ImageFile
from tfi2i.data.reading import Reading
from tfi2i.data.threads import parallel_map


class OnDemand(image_store.Images):
    """Images that are decoded each time that they are looked up."""

    def __init__(self, files: Sequence[ImageFile], reading: Reading):
        super().__init__(reading.shapes(files), reading.pixels)
        self.files = files
        self._reading = reading

    def get(self, index: tf.Tensor) -> tf.Tensor:
        def read(index):
            try:
                return self.read(index)
            # TensorFlow passes on the type of some of Python's own errors only.
            except tf.errors.ResourceExhaustedError as error:
                raise MemoryError from error
            except (tf.errors.OpError, OSError) as error:
                raise ValueError("missing, truncated or damaged") from error

        image = tf.numpy_function(read, [index], self.dtype, stateful=False)
        return tf.ensure_shape(image, self.image_shape)

    def read(self, index: int) -> np.ndarray:
        """Reads one image at its wanted size."""
        return self.cut(self.decode(index), index)

    def decode(self, index: int) -> np.ndarray:
        """Decodes the whole file of one image."""
        return self._reading.decode(self.files[index])

    def cut(self, image: np.ndarray, index: int) -> np.ndarray:
        """Cuts one image out of its decoded file, and resizes it."""
        return self._reading.cut(image, self.files[index], self.shapes[index])


class Derived(image_store.Images):
    """Images that are made from others each time that they are looked up."""

    def __init__(self, targets: image_store.Images, derivation: Derivation):
        super().__init__(targets.shapes, derivation.pixels(targets.pixels))
        self._targets = targets
        self._derivation = derivation

    def get(self, index: tf.Tensor) -> tf.Tensor:
        return self._derivation(self._targets.get(index))


def load(
    files: Sequence[Sequence[ImageFile]],
    readings: Sequence[Reading],
    cache: str,
    progress: bool = True,
) -> list[image_store.Images]:
    """Decodes and resizes images on all cores, or prepares to do so on demand.

    Args:
        files: the images of each domain. Those that are halves of the same files are
            decoded once if they are kept.
        readings: how the images of each domain are read.
        cache: where decoded images are kept, see `memory.choose`.
        progress: show a bar on stderr, if that is a terminal.

    Returns:
        The images of each domain.

    Raises:
        ValueError: naming every file that cannot be decoded, or is too small; too
            little memory.
        OSError: too little room on the disk.
    """
    first, second = sources = list(map(OnDemand, files, readings))

    def read_halves(index):
        image = other = first.decode(index)
        if second.pixels != first.pixels:
            other = second.decode(index)
        return first.cut(image, index), second.cut(other, index)

    def reader(source):
        return lambda index: (source.read(index),)

    paths_a, paths_b = ([file.path for file in each] for each in files)
    if paths_a == paths_b:
        return _keep([(sources, read_halves, files[0])], cache, progress)
    work = [((source,), reader(source), source.files) for source in sources]
    return _keep(work, cache, progress)


def load_derived(
    files: Sequence[ImageFile],
    reading: Reading,
    derivation: Derivation,
    cache: str,
    progress: bool = True,
) -> list[image_store.Images]:
    """Loads targets, and the inputs that are made from them.

    Args:
        files: the targets.
        reading: how they are read.
        derivation: makes the inputs.
        cache: as in `load`.
        progress: likewise.

    Returns:
        Inputs and targets.

    Raises:
        ValueError, OSError: as `load`, and `Derivation.pixels`.
    """
    targets = OnDemand(files, reading)

    def read(index):
        target = targets.read(index)
        return derivation(tf.constant(target)).numpy(), target

    sources = [Derived(targets, derivation), targets]
    return _keep([(sources, read, files)], cache, progress)


def _keep(
    work: Sequence[tuple[Sequence[image_store.Images], Callable, Sequence[ImageFile]]],
    cache: str,
    progress: bool,
) -> list[image_store.Images]:
    """Reads all images once and keeps them, unless the cache is `off`.

    Args:
        work: images of one or two domains; a function that reads one of each by its
            index; the files that it reads.
        cache: see `memory.choose`.
        progress: show a bar on stderr, if that is a terminal.
    """
    sources = [source for group, _, _ in work for source in group]
    needed = sum(source.size for source in sources)
    cache = memory.choose(cache, needed)
    if cache == "off":
        return sources
    if cache == "disk":
        memory.check_room(needed)
    buffers = [_allocate(source, cache == "disk") for source in sources]
    views = iter(
        image_store.views(buffer, source.shapes, source.pixels)
        for buffer, source in zip(buffers, sources, strict=True)
    )
    tasks = []
    for group, read, files in work:
        targets = [next(views) for _ in group]
        for index, file in enumerate(files):
            tasks.append((read, index, [each[index] for each in targets], file.path))
    damaged: list[str] = []

    def fill(task) -> None:
        read, index, targets, path = task
        try:
            images = read(index)
        except tf.errors.OpError:
            # TensorFlow's message names graph nodes and not the file.
            damaged.append(f"'{path}'")
            return
        except ValueError as error:
            damaged.append(f"'{path}' ({error})")
            return
        for target, image in zip(targets, images, strict=True):
            target[:] = image

    parallel_map(fill, tasks, "Reading images", progress)
    if damaged:
        raise ValueError(
            f"truncated or damaged images ({len(damaged)}): "
            f"{headers.shortened(sorted(damaged))}; replace or remove them"
        )
    return [
        image_store.Held(buffer, source.shapes, source.pixels)
        for buffer, source in zip(buffers, sources, strict=True)
    ]


def _allocate(source: image_store.Images, on_disk: bool) -> np.ndarray:
    try:
        return image_store.allocate(source.shapes, source.pixels, on_disk)
    except MemoryError as error:
        raise ValueError(
            f"{len(source)} images need {source.size / 1e9:.1f} GB of memory, more "
            "than there is: choose a smaller --data.load-size, --data.cache disk or "
            "off, or fewer images"
        ) from error
