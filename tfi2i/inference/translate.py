"""Files and folders through a translator."""

import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import Progress

from tfi2i.data.headers import shortened
from tfi2i.data.pixels import PixelType
from tfi2i.data.profiles import read_profile
from tfi2i.data.reading import read_alpha, read_image
from tfi2i.data.writing import can_hold, write
from tfi2i.files import whole
from tfi2i.inference.flow import Flow
from tfi2i.inference.halves import Halves, cut
from tfi2i.inference.jobs import plan
from tfi2i.inference.remarks import Remarks
from tfi2i.inference.shown import Shown
from tfi2i.inference.translator import Translator

ALPHAS = ("flatten", "keep")


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of the images.

    Attributes:
        translated: outputs written now.
        skipped: outputs that were there already.
        failed: one line per image that could not be translated.
        left_out: files that are no images by their names.
    """

    translated: tuple[Path, ...]
    skipped: tuple[Path, ...]
    failed: tuple[str, ...]
    left_out: tuple[Path, ...] = ()

    def summary(self) -> str:
        """How many images came to what, in one line."""
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

    Outputs have their inputs' sizes, and the pixels of the images that were trained
    on: a translator into 16 bits writes 16 bits. They keep the ICC profile of the
    input where their colours are of its kind. A folder's or glob's outputs keep
    their names, below `output`, with another suffix where a file of that kind cannot
    hold them; those that exist are left as they are, so that a half-done folder
    goes on where it stopped. Linked folders are folders; hidden ones are left out. What
    a glob matches below `output` is taken for outputs. One image goes to `output`
    itself, or into it where it is a folder or has no suffix. Images are read, painted
    and written at the same time, and several of one size painted together, which
    changes them by rounding at most. How images differ from those of training is
    logged, one line for each kind.

    Args:
        translator: from `load`.
        source: file, folder or glob.
        output: file or folder.
        overwrite: whether to replace outputs that exist.
        half: `"left"` or `"right"` translates that half of side-by-side images,
            `"whole"` all of it; None takes the input's half of images that have the
            shape of the training images, where these were side by side.
        alpha: `"keep"` gives outputs the alpha of their inputs; `"flatten"` gives them
            none. Networks are shown the background through transparent pixels.

    Raises:
        FileNotFoundError: `source` does not exist.
        FileExistsError: the one output exists.
        ValueError: no image is found, the output is inside the input, is one of the
            inputs, or has the suffix of images that are not written; another word for
            `half` or `alpha`.
        OSError: an output cannot be written.
    """
    if alpha not in ALPHAS:
        raise ValueError(f"--alpha is {alpha!r}; expected 'flatten' or 'keep'.")
    shown = translator.shown or Shown()
    halves = Halves(shown.training, half)
    reader = _Reader(translator, halves, Remarks(shown, halves), alpha == "keep")
    jobs = plan(str(source), Path(output), translator.output_pixels, alpha == "keep")
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

    outcomes = Flow(translator, reader, _write).outcomes(missing())
    with contextlib.closing(outcomes), _bar(len(jobs.images)) as advance:
        for outcome in outcomes:
            if outcome.failure is None:
                translated.append(outcome.target)
            else:
                failed.append(outcome.failure)
            advance(len(translated) + len(skipped) + len(failed))
    return Report(tuple(translated), tuple(skipped), tuple(failed), jobs.left_out)


class _Beside(NamedTuple):
    """What an output takes over from its input's file.

    Attributes:
        profile: ICC profile; None where there is none.
        alpha: `(height, width)`; None where it is not kept.
    """

    profile: bytes | None
    alpha: np.ndarray | None


class _Reader:
    """Reads an image for the network, and what its output takes over."""

    def __init__(self, translator, halves, remarks, keeps_alpha):
        self._pixels = translator.input_pixels
        self._background = translator.background
        self._halves = halves
        self._remarks = remarks
        painted = translator.output_pixels
        # Floats have none, and where it is a channel of the domain it is painted.
        has_room = painted.channels in (1, 3) and painted.dtype != "float32"
        self._alpha_dtype = painted.dtype if keeps_alpha and has_room else None

    def __call__(self, path: Path, target: Path) -> tuple[np.ndarray, _Beside]:
        image = read_image(path, self._background, self._pixels)
        half = self._halves.of(*image.shape[:2])
        part = cut(image, half)
        self._remarks.look(path, image, part)
        alpha = None
        if self._alpha_dtype is not None:
            alpha = read_alpha(path, self._alpha_dtype)
        if alpha is not None:
            alpha = cut(alpha, half)
            _check_alpha(target, self._alpha_dtype)
        return part, _Beside(read_profile(path), alpha)


def _check_alpha(target, dtype):
    if not can_hold(target.suffix, PixelType.of(4, dtype)):
        raise ValueError(
            f"it has alpha, which '{target.name}' cannot keep: expected .png, .webp or "
            ".tif, or --alpha flatten"
        )


def _write(image: np.ndarray, target: Path, beside: _Beside) -> None:
    with whole(target) as path:
        write(image, path, beside.profile, beside.alpha)


@contextlib.contextmanager
def _bar(total):
    """A progress bar, where anybody sees it, and what sets it."""
    is_off = total < 2 or not sys.stderr.isatty()
    bar = Progress(console=Console(stderr=True), transient=True, disable=is_off)
    with bar:
        task = bar.add_task("Translating", total=total)
        yield lambda completed: bar.update(task, completed=completed)
