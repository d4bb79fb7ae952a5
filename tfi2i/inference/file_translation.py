"""Translation of image files, folders and globs."""

import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import Progress

from tfi2i.data.headers import shortened
from tfi2i.data.icc_profiles import read_profile
from tfi2i.data.pixels import PixelType
from tfi2i.data.reading import read_alpha, read_image
from tfi2i.data.writing import can_hold, write
from tfi2i.files import whole
from tfi2i.inference.concurrent_translation import ConcurrentTranslation
from tfi2i.inference.halves import Halves, cut
from tfi2i.inference.input_notes import InputNotes
from tfi2i.inference.network_inputs import Shown
from tfi2i.inference.output_paths import find_jobs
from tfi2i.inference.translator import Translator

ALPHAS = ("flatten", "keep")


@dataclasses.dataclass(frozen=True)
class Report:
    """The result of translating files.

    Attributes:
        translated: outputs that were written.
        skipped: outputs that existed already.
        failed: one line for each image that could not be translated.
        left_out: files whose names are not those of images.
    """

    translated: tuple[Path, ...]
    skipped: tuple[Path, ...]
    failed: tuple[str, ...]
    left_out: tuple[Path, ...] = ()

    def summary(self) -> str:
        """Counts of all of these, in one line."""
        counts = (
            f"{len(self.translated)} translated, {len(self.skipped)} there already, "
            f"{len(self.failed)} failed"
        )
        if not self.left_out:
            return counts
        kinds = sorted({path.suffix.lower() or "no suffix" for path in self.left_out})
        noun = "file" if len(self.left_out) == 1 else "files"
        return (
            f"{counts}; {len(self.left_out)} other {noun} left out ({shortened(kinds)})"
        )


def translate_files(
    translator: Translator,
    source: str | Path,
    output: str | Path,
    *,
    overwrite: bool = False,
    half: str | None = None,
    alpha: str = "flatten",
) -> Report:
    """Translates an image, the images below a folder, or those that a glob matches.

    Outputs have the size of their inputs, and the pixel type of the training images: a
    translator into 16 bits writes 16 bits. They get the ICC profile of their input
    where it fits their channels.

    Outputs of a folder or glob keep the names of their inputs, below `output`; the
    suffix changes where its format cannot hold the pixels. Outputs that exist are
    skipped, so that a second call continues an interrupted one. Links to folders are
    followed, and hidden folders skipped. Files below `output` that a glob matches are
    taken for outputs. One image is written to `output` itself, or into it where it is
    a folder or has no suffix.

    Images are read, translated and written at the same time, and consecutive ones of
    one size as a batch, which changes them by rounding at most. The first image of
    each kind that differs from the training images is logged.

    Args:
        translator: from `load`.
        source: file, folder or glob.
        output: file or folder.
        overwrite: whether to replace outputs that exist.
        half: `"left"` or `"right"` translates that half of side-by-side images,
            `"whole"` the whole image; None takes the input's half of images that have
            the shape of the training images, where these were side by side.
        alpha: `"keep"` copies the alpha of inputs to outputs; `"flatten"` writes none.
            The network sees the background colour through transparent pixels.

    Raises:
        FileNotFoundError: `source` does not exist.
        FileExistsError: `source` is one image, and its output exists.
        ValueError: there are no images, the output is inside the input or is one of
            the inputs, its suffix is of a format that is not written, or `half` or
            `alpha` is unknown.
        OSError: an output cannot be written.
    """
    if alpha not in ALPHAS:
        raise ValueError(f"--alpha is {alpha!r}; expected 'flatten' or 'keep'.")
    shown = translator.shown or Shown()
    halves = Halves(shown.training, half)
    notes = InputNotes(shown, halves)
    reader = _Reader(translator, halves, notes, keeps_alpha=alpha == "keep")
    pixels = translator.output_pixels
    jobs = find_jobs(str(source), Path(output), pixels, keeps_alpha=alpha == "keep")
    if jobs.is_single and not overwrite:
        target = jobs.images[0][1]
        if target.exists():
            raise FileExistsError(f"'{target}' exists: pass --overwrite to replace it.")
    translated, skipped, failed = [], [], list(jobs.failed)

    def missing():
        for job in jobs.images:
            if job[1].exists() and not overwrite:
                skipped.append(job[1])
            else:
                yield job

    outcomes = ConcurrentTranslation(translator, reader, _write).outcomes(missing())
    with contextlib.closing(outcomes), _bar(len(jobs.images)) as advance:
        for outcome in outcomes:
            if outcome.failure is None:
                translated.append(outcome.target)
            else:
                failed.append(outcome.failure)
            advance(len(translated) + len(skipped) + len(failed))
    return Report(tuple(translated), tuple(skipped), tuple(failed), jobs.left_out)


class _Extras(NamedTuple):
    """What an output keeps of its input's file, beside the pixels.

    Attributes:
        profile: ICC profile; None where there is none.
        alpha: `(height, width)`; None where it is not kept.
    """

    profile: bytes | None
    alpha: np.ndarray | None


class _Reader:
    """Reads the part of an image that is translated, and what its output keeps."""

    def __init__(self, translator, halves, notes, keeps_alpha):
        self._pixels = translator.input_pixels
        self._background = translator.background
        self._halves = halves
        self._notes = notes
        painted = translator.output_pixels
        # Floats have no alpha; with 2 or 4 channels the network itself paints it.
        has_room = painted.channels in (1, 3) and painted.dtype != "float32"
        self._alpha_dtype = painted.dtype if keeps_alpha and has_room else None

    def __call__(self, path: Path, target: Path) -> tuple[np.ndarray, _Extras]:
        image = read_image(path, self._background, self._pixels)
        half = self._halves.of(*image.shape[:2])
        part = cut(image, half)
        self._notes.log_differences(path, image, part)
        alpha = None
        if self._alpha_dtype is not None:
            alpha = read_alpha(path, self._alpha_dtype)
        if alpha is not None:
            alpha = cut(alpha, half)
            _check_alpha(target, self._alpha_dtype)
        return part, _Extras(read_profile(path), alpha)


def _check_alpha(target, dtype):
    if not can_hold(target.suffix, PixelType.of(4, dtype)):
        raise ValueError(
            f"it has alpha, which '{target.name}' cannot keep: expected .png, .webp or "
            ".tif, or --alpha flatten"
        )


def _write(image: np.ndarray, target: Path, extras: _Extras) -> None:
    with whole(target) as path:
        write(image, path, extras.profile, extras.alpha)


@contextlib.contextmanager
def _bar(total):
    """Shows a progress bar on a terminal; yields a function that sets it."""
    is_off = total < 2 or not sys.stderr.isatty()
    bar = Progress(console=Console(stderr=True), transient=True, disable=is_off)
    with bar:
        task = bar.add_task("Translating", total=total)
        yield lambda completed: bar.update(task, completed=completed)
