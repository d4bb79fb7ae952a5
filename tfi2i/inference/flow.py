"""Many images at once: some are read, some painted and some written."""

import collections
import concurrent.futures
import dataclasses
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfi2i.errors import reason
from tfi2i.inference.translator import Translator

# What is painted together: a network's weights are read once for all of it. More
# than four images of 256 pixels gain little, and memory stays below that of one
# image of 1024.
_PIXELS = 4 * 256**2
_IMAGES = 16

# Images in memory, read ahead or not yet written; each counts as read and painted.
_BYTES = 128 * 2**20
_AHEAD = 2 * _IMAGES

_NO_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)
_FAILURES = (*_NO_MEMORY, ValueError, OSError, tf.errors.OpError)


@dataclasses.dataclass
class Outcome:
    """What became of one image.

    Attributes:
        target: where it was to go.
        failure: why it could not be read or painted, one line; None where it was.
    """

    target: Path
    failure: str | None = None


@dataclasses.dataclass
class _Passage:
    """An image on its way: `pixels` until it is painted, then `written`, or failed.

    What `write` is to know is `beside`.
    """

    image: Path
    target: Path
    pixels: concurrent.futures.Future | None = None
    written: concurrent.futures.Future | None = None
    beside: Any = None
    bytes: int = 0
    failure: str | None = None


class _Room:
    """Lets images in while those inside have fewer bytes than `limit`.

    The last to come in may exceed it, so that there is room for one of any size.
    """

    def __init__(self, limit: int):
        self._limit = limit
        self._taken = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def wait(self) -> None:
        """Waits for room; in vain once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken < self._limit or self._is_closed)
            if self._is_closed:
                raise concurrent.futures.CancelledError

    def take(self, number: int) -> None:
        """Takes bytes, or gives them back where they are negative."""
        with self._changed:
            self._taken += number
            self._changed.notify_all()

    def close(self) -> None:
        """Sends away whoever waits."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


class Flow:
    """Reads, paints and writes at the same time, a bounded number of images.

    Images that follow each other, of one size, are painted together where the
    translator gains from it. One that cannot be read or painted stops no other.

    Args:
        translator: that paints.
        read: from paths of an image and its output to pixels, and to what `write` is
            to know of the image beside.
        write: of what is painted, to a path, with that.
    """

    def __init__(
        self,
        translator: Translator,
        read: Callable[[Path, Path], tuple[np.ndarray, Any]],
        write: Callable[[np.ndarray, Path, Any], None],
    ):
        self._translator = translator
        self._read = read
        self._write = write
        # One is faster than any network, and Python's filters of warnings, which
        # decoders change, are not made for several.
        self._reader = concurrent.futures.ThreadPoolExecutor(1)
        self._writers = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        self._room = _Room(_BYTES)
        self._coming: collections.deque[_Passage] = collections.deque()
        self._leaving: collections.deque[_Passage] = collections.deque()

    def outcomes(self, jobs: Iterable[tuple[Path, Path]]) -> Iterator[Outcome]:
        """Works through the jobs; once only.

        What is being written when the caller stops, or at an error, is written to its
        end, and nothing else.

        Args:
            jobs: inputs with their outputs; asked for a few ahead.

        Yields:
            What became of each, in their order.

        Raises:
            OSError: an output cannot be written.
            ValueError: an output cannot hold what is painted.
        """
        jobs = iter(jobs)
        try:
            while self._look_ahead(jobs):
                self._paint(self._next())
                yield from self._arrived(_AHEAD)
            yield from self._arrived(0)
        finally:
            self._room.close()
            self._reader.shutdown(cancel_futures=True)
            self._writers.shutdown(cancel_futures=True)

    def _look_ahead(self, jobs):
        """Starts to read what comes next; whether anything does."""
        for image, target in itertools.islice(jobs, _AHEAD - len(self._coming)):
            passage = _Passage(image, target)
            passage.pixels = self._reader.submit(self._enter, passage)
            self._coming.append(passage)
        return bool(self._coming)

    def _enter(self, passage):
        self._room.wait()
        pixels, passage.beside = self._read(passage.image, passage.target)
        painted = self._translator.output_pixels
        size = np.dtype(painted.dtype).itemsize * painted.channels
        passage.bytes = pixels.nbytes + size * pixels.shape[0] * pixels.shape[1]
        self._room.take(passage.bytes)
        return pixels

    def _next(self):
        """The image to paint, and those that can be painted with it."""
        first = self._coming.popleft()
        if not self._has_come(first):
            return [first]
        shape = first.pixels.result().shape
        number = 1
        if self._translator.together:
            number = min(_PIXELS // (shape[0] * shape[1]), _IMAGES)
        batch = [first]
        while len(batch) < number and self._coming:
            following = self._coming[0]
            # One that cannot be read is left for its turn.
            if following.pixels.exception() is not None:
                break
            if following.pixels.result().shape != shape:
                break
            batch.append(self._coming.popleft())
        return batch

    def _has_come(self, passage):
        try:
            passage.pixels.result()
        except _FAILURES as error:
            passage.failure = _said(passage.image, error)
        return passage.failure is None

    def _paint(self, batch):
        self._leaving.extend(batch)
        if batch[0].failure is not None:
            return
        painted = self._painted(batch)
        for index, passage in enumerate(batch):
            if painted is not None:
                self._leave(passage, painted[index])
                continue
            # Of several, which one it was is not known, or memory was too small.
            alone = self._painted([passage]) if len(batch) > 1 else None
            if alone is not None:
                passage.failure = None
                self._leave(passage, alone[0])
            else:
                passage.pixels = passage.beside = None
                self._room.take(-passage.bytes)

    def _painted(self, batch):
        """What becomes of images of one size; None where they fail, and say why."""
        try:
            if len(batch) == 1:
                return [self._translator(batch[0].pixels.result())]
            return self._translator(np.stack([one.pixels.result() for one in batch]))
        except _FAILURES as error:
            for passage in batch:
                passage.failure = _said(passage.image, error)
            return None

    def _leave(self, passage, painted):
        passage.pixels = None
        passage.written = self._writers.submit(
            self._write, painted, passage.target, passage.beside
        )
        passage.written.add_done_callback(lambda _: self._room.take(-passage.bytes))

    def _arrived(self, left):
        """Outcomes of what is done, and of more until so many are left."""
        while self._leaving:
            passage = self._leaving[0]
            if passage.failure is None:
                if len(self._leaving) <= left and not passage.written.done():
                    return
                passage.written.result()
            self._leaving.popleft()
            yield Outcome(passage.target, passage.failure)


def _said(image, error):
    if isinstance(error, _NO_MEMORY):
        return (
            f"{image}: not enough memory for it: paint it in tiles (--tile 512), or "
            "make it smaller"
        )
    return f"{image}: {reason(error)}"
