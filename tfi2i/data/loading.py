"""Decoded images of a split: kept in memory, in a file, or read anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfi2i.data import decoding, headers, memory, store, transforms
from tfi2i.data.derived import Derivation
from tfi2i.data.headers import ImageFile
from tfi2i.data.reading import Reading
from tfi2i.data.threads import in_threads

_HALVES = ("whole", "left", "right")


class OnDemand(store.Images):
    """Images that are decoded each time that they are looked up."""

    def __init__(self, files: Sequence[ImageFile], reading: Reading):
        super().__init__(reading.shapes(files), reading.pixels)
        self._reading = reading
        self._paths = tf.constant([os.fsencode(file.path) for file in files])
        self._rest = tf.constant(
            [[file.orientation, _HALVES.index(file.half)] for file in files], tf.int32
        )

    def get(self, index: tf.Tensor) -> tf.Tensor:
        path, orientation, half, shape = self.where(index)
        reading = self._reading
        background = tf.constant(reading.background, tf.int32)
        image = decoding.decode(path, orientation, background, reading.pixels)
        image = _cut(image, half, shape, reading.method)
        return tf.ensure_shape(image, self.image_shape)

    def where(self, index: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Path, orientation, half and wanted shape of an image."""
        orientation, half = tf.unstack(tf.gather(self._rest, index))
        shape = tf.cast(tf.gather(self.shapes, index), tf.int32)
        return tf.gather(self._paths, index), orientation, half, shape


class Derived(store.Images):
    """Images that are made from others each time that they are looked up."""

    def __init__(self, targets: store.Images, derivation: Derivation):
        super().__init__(targets.shapes, derivation.pixels(targets.pixels))
        self._targets = targets
        self._derivation = derivation

    def get(self, index: tf.Tensor) -> tf.Tensor:
        return self._derivation(self._targets.get(index))


def load(
    domains: Sequence[tuple[Sequence[ImageFile], Reading]],
    cache: str,
    progress: bool = True,
) -> list[store.Images]:
    """Decode and resize images on all cores, or prepare to do so later.

    Args:
        domains: files, and what becomes of them, of each domain.
        cache: `memory`, `disk` or `off`, where decoded images are kept.
        progress: show a bar on stderr, if that is a terminal.

    Returns:
        The images of each domain.

    Raises:
        ValueError: naming every file that cannot be decoded, or is too small; too
            little memory.
        OSError: too little room on the disk.
    """
    sources = [OnDemand(files, reading) for files, reading in domains]
    if cache == "off":
        return sources

    def reader(source, files, reading):
        def read(index):
            file = files[index]
            image = reading.cut(reading.decode(file), file, source.shapes[index])
            return (image,)

        return read

    work = [
        ((source,), reader(source, *domain), domain[0])
        for source, domain in zip(sources, domains, strict=True)
    ]
    return _keep(work, cache, progress)


def load_halves(
    left: Sequence[ImageFile],
    right: Sequence[ImageFile],
    readings: tuple[Reading, Reading],
    cache: str,
    progress: bool = True,
) -> list[store.Images]:
    """Load the halves of files, each decoded once where it is kept.

    Args:
        left: left halves.
        right: right halves of the same files.
        readings: what becomes of the left ones and of the right ones.
        cache: of `load`.
        progress: likewise.

    Raises:
        ValueError, OSError: of `load`.
    """
    sources = list(map(OnDemand, (left, right), readings))
    if cache == "off":
        return sources

    def read(index):
        first = second = readings[0].decode(left[index])
        if readings[1].pixels != readings[0].pixels:
            second = readings[1].decode(right[index])
        return (
            readings[0].cut(first, left[index], sources[0].shapes[index]),
            readings[1].cut(second, right[index], sources[1].shapes[index]),
        )

    return _keep([(sources, read, left)], cache, progress)


def load_derived(
    files: Sequence[ImageFile],
    reading: Reading,
    derivation: Derivation,
    cache: str,
    progress: bool = True,
) -> list[store.Images]:
    """Load targets, and the inputs that are made from them.

    Args:
        files: of the targets.
        reading: what becomes of them.
        derivation: what the inputs are.
        cache: of `load`.
        progress: likewise.

    Returns:
        Inputs and targets.

    Raises:
        ValueError, OSError: of `load`, and of `Derivation.pixels`.
    """
    targets = OnDemand(files, reading)
    sources = [Derived(targets, derivation), targets]
    if cache == "off":
        return sources

    def read(index):
        target = reading.cut(
            reading.decode(files[index]), files[index], targets.shapes[index]
        )
        return derivation(tf.constant(target)).numpy(), target

    return _keep([(sources, read, files)], cache, progress)


def _keep(
    work: Sequence[tuple[Sequence[store.Images], Callable, Sequence[ImageFile]]],
    cache: str,
    progress: bool,
) -> list[store.Images]:
    """Read all images once and hold them.

    Args:
        work: which images, of one or two domains; what reads one of each by index;
            which files it reads.
        cache: `memory` or `disk`.
        progress: show a bar on stderr, if that is a terminal.
    """
    sources = [source for group, _, _ in work for source in group]
    if cache == "disk":
        memory.check_room(sum(source.size for source in sources))
    buffers = [_allocate(source, cache == "disk") for source in sources]
    places = iter(
        store.places(buffer, source.shapes, source.pixels)
        for buffer, source in zip(buffers, sources, strict=True)
    )
    tasks = []
    for group, read, files in work:
        rooms = [next(places) for _ in group]
        for index, file in enumerate(files):
            tasks.append((read, index, [room[index] for room in rooms], file.path))
    damaged: list[str] = []

    def fill(number: int) -> None:
        read, index, rooms, path = tasks[number]
        try:
            images = read(index)
        except tf.errors.OpError:
            # TensorFlow's message names graph nodes, and not the file.
            damaged.append(f"'{path}'")
            return
        except ValueError as error:
            damaged.append(f"'{path}' ({error})")
            return
        for room, image in zip(rooms, images, strict=True):
            room[:] = image

    in_threads(fill, len(tasks), "Reading images", progress)
    if damaged:
        raise ValueError(
            f"truncated or damaged images ({len(damaged)}): "
            f"{headers.shortened(sorted(damaged))}; replace or remove them"
        )
    return [
        store.Held(buffer, source.shapes, source.pixels)
        for buffer, source in zip(buffers, sources, strict=True)
    ]


def bytes_needed(files: Sequence[ImageFile], reading: Reading) -> int:
    """Bytes that decoded images take.

    Raises:
        ValueError: of `Reading.shapes`.
    """
    return store.bytes_needed(reading.shapes(files), reading.pixels)


def _cut(image, half, shape, method):
    """Take what is meant of a file, and resize it.

    Args:
        image: the whole file, `(height, width, channels)`.
        half: int32 scalar, 0 for the whole, 1 for the left, 2 for the right.
        shape: int32 `(2,)`, height and width wanted.
        method: of `transforms.resize`.
    """
    width = tf.shape(image)[1]
    start = tf.where(half == 2, width // 2, 0)
    end = tf.where(half == 1, width // 2, width)
    return transforms.resize(image[:, start:end], shape[0], shape[1], method)


def _allocate(source: store.Images, on_disk: bool) -> np.ndarray:
    try:
        return store.allocate(source.shapes, source.pixels, on_disk)
    except MemoryError as error:
        raise ValueError(
            f"{len(source)} images need {source.size / 1e9:.1f} GB of memory, more "
            "than there is: choose a smaller --data.load-size, --data.cache disk or "
            "off, or fewer images"
        ) from error
