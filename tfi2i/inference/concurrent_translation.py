"""Reading, translating and writing of many images at the same time."""

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

# Limits of a batch, which reads a network's weights once for all its images. More
# than four images of 256 pixels gain little, and need less memory than one of 1024.
_BATCH_PIXELS = 4 * 256**2
_BATCH_IMAGES = 16

# Inputs and outputs in memory, read ahead or not yet written.
_MEMORY_BYTES = 128 * 2**20
_READ_AHEAD = 2 * _BATCH_IMAGES

_NO_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)
_FAILURES = (*_NO_MEMORY, ValueError, OSError, tf.errors.OpError)


@dataclasses.dataclass
class Outcome:
    """The result of one image.

    Attributes:
        target: path of the output.
        failure: why it could not be read or translated, one line; None for success.
    """

    target: Path
    failure: str | None = None


@dataclasses.dataclass
class _Item:
    """One image, with `pixels` until it is translated, then `written` or `failure`.

    Attributes:
        image: path of the input.
        target: path of the output.
        pixels: of the input, as they are being read.
        extras: what `write` needs beside the output's pixels.
        bytes: of input and output in memory.
        written: done when the output is on disk.
        failure: of `Outcome`.
    """

    image: Path
    target: Path
    pixels: concurrent.futures.Future | None = None
    extras: Any = None
    bytes: int = 0
    written: concurrent.futures.Future | None = None
    failure: str | None = None


class _MemoryLimit:
    """Makes readers wait while images in memory have `limit` bytes or more.

    The last image may exceed the limit, so that one of any size can be read.
    """

    def __init__(self, limit: int):
        self._limit = limit
        self._taken = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def wait(self) -> None:
        """Waits until there is room.

        Raises:
            concurrent.futures.CancelledError: `close` was called.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._taken < self._limit or self._is_closed)
            if self._is_closed:
                raise concurrent.futures.CancelledError

    def take(self, number: int) -> None:
        """Takes bytes; gives them back where they are negative."""
        with self._changed:
            self._taken += number
            self._changed.notify_all()

    def close(self) -> None:
        """Cancels all waiting."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


class ConcurrentTranslation:
    """Reads, translates and writes a bounded number of images at the same time.

    Consecutive images of one size are translated as a batch where the translator is
    faster with batches. An image that fails does not stop the others.

    Args:
        translator: translates arrays.
        read: from the paths of an input and its output to the input's pixels and to
            extras, which `write` gets.
        write: writes an output's pixels to its path, with the extras.
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
        # One thread reads faster than any network translates, and decoders change
        # Python's warning filters, which are not thread-safe.
        self._reader = concurrent.futures.ThreadPoolExecutor(1)
        self._writers = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        self._memory = _MemoryLimit(_MEMORY_BYTES)
        self._input_queue: collections.deque[_Item] = collections.deque()
        self._output_queue: collections.deque[_Item] = collections.deque()

    def outcomes(self, jobs: Iterable[tuple[Path, Path]]) -> Iterator[Outcome]:
        """Translates every job; can be called once.

        When the caller stops, or an error is raised, outputs that are being written
        are finished, and no others begun.

        Args:
            jobs: paths of inputs and outputs; some are taken ahead.

        Yields:
            The outcome of each job, in order.

        Raises:
            OSError: an output cannot be written.
            ValueError: the format of an output cannot hold its pixels.
        """
        jobs = iter(jobs)
        try:
            while self._read_ahead(jobs):
                self._translate(self._next())
                yield from self._drain(_READ_AHEAD)
            yield from self._drain(0)
        finally:
            self._memory.close()
            self._reader.shutdown(cancel_futures=True)
            self._writers.shutdown(cancel_futures=True)

    def _read_ahead(self, jobs):
        """Starts to read the next images; returns whether any are left."""
        for image, target in itertools.islice(
            jobs, _READ_AHEAD - len(self._input_queue)
        ):
            item = _Item(image, target)
            item.pixels = self._reader.submit(self._read_item, item)
            self._input_queue.append(item)
        return bool(self._input_queue)

    def _read_item(self, item):
        self._memory.wait()
        pixels, item.extras = self._read(item.image, item.target)
        output = self._translator.output_pixels
        size = np.dtype(output.dtype).itemsize * output.channels
        item.bytes = pixels.nbytes + size * pixels.shape[0] * pixels.shape[1]
        self._memory.take(item.bytes)
        return pixels

    def _next(self):
        """Takes the next image, and those that go into a batch with it."""
        first = self._input_queue.popleft()
        if not self._is_read(first):
            return [first]
        shape = first.pixels.result().shape
        number = 1
        if self._translator.together:
            number = min(_BATCH_PIXELS // (shape[0] * shape[1]), _BATCH_IMAGES)
        batch = [first]
        while len(batch) < number and self._input_queue:
            following = self._input_queue[0]
            # One that cannot be read fails when its turn comes.
            if following.pixels.exception() is not None:
                break
            if following.pixels.result().shape != shape:
                break
            batch.append(self._input_queue.popleft())
        return batch

    def _is_read(self, item):
        try:
            item.pixels.result()
        except _FAILURES as error:
            item.failure = _failure_line(item.image, error)
        return item.failure is None

    def _translate(self, batch):
        self._output_queue.extend(batch)
        if batch[0].failure is not None:
            return
        painted = self._translate_batch(batch)
        for index, item in enumerate(batch):
            if painted is not None:
                self._start_writing(item, painted[index])
                continue
            # Any image of the batch may have failed, or all may need too much memory.
            alone = self._translate_batch([item]) if len(batch) > 1 else None
            if alone is not None:
                item.failure = None
                self._start_writing(item, alone[0])
            else:
                item.pixels = item.extras = None
                self._memory.take(-item.bytes)

    def _translate_batch(self, batch):
        """Translates a batch; None where that fails, with the failure in each item."""
        try:
            if len(batch) == 1:
                return [self._translator(batch[0].pixels.result())]
            return self._translator(np.stack([one.pixels.result() for one in batch]))
        except _FAILURES as error:
            for item in batch:
                item.failure = _failure_line(item.image, error)
            return None

    def _start_writing(self, item, painted):
        item.pixels = None
        item.written = self._writers.submit(
            self._write, painted, item.target, item.extras
        )
        item.written.add_done_callback(lambda _: self._memory.take(-item.bytes))

    def _drain(self, left):
        """Yields finished outcomes, and waits for more while over `left` are open."""
        while self._output_queue:
            item = self._output_queue[0]
            if item.failure is None:
                if len(self._output_queue) <= left and not item.written.done():
                    return
                item.written.result()
            self._output_queue.popleft()
            yield Outcome(item.target, item.failure)


def _failure_line(image, error):
    if isinstance(error, _NO_MEMORY):
        return (
            f"{image}: not enough memory for it: paint it in tiles (--tile 512), or "
            "make it smaller"
        )
    return f"{image}: {reason(error)}"
