"""Files and folders through a translator."""

import contextlib
import dataclasses
import glob
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from tfi2i.data.headers import EXTENSIONS
from tfi2i.data.pixels import PixelType
from tfi2i.data.reading import read_image
from tfi2i.data.writing import WRITABLE, can_hold, suffix_for, write
from tfi2i.files import whole
from tfi2i.inference.flow import Flow
from tfi2i.inference.translator import Translator


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of the images.

    Attributes:
        translated: outputs written now.
        skipped: outputs that were there already.
        failed: one line per image that could not be translated.
    """

    translated: tuple[Path, ...]
    skipped: tuple[Path, ...]
    failed: tuple[str, ...]


def translate_files(
    translator: Translator,
    source: str | Path,
    output: str | Path,
    *,
    overwrite: bool = False,
) -> Report:
    """Translates an image, the images below a folder, or those that a glob matches.

    Outputs have their inputs' sizes, and the pixels of the images that were trained
    on: a translator into 16 bits writes 16 bits. A folder's or glob's outputs keep
    their names, below `output`, with another suffix where a file of that kind cannot
    hold them; those that exist are left as they are, so that a half-done folder
    goes on where it stopped. What a glob matches below `output` is taken for outputs.
    One image goes to `output` itself, or into it where it is a folder or has no image's
    suffix. Images are read, painted and written at the same time, and several of one
    size painted together, which changes them by rounding at most.

    Args:
        translator: from `load`.
        source: file, folder or glob.
        output: file or folder.
        overwrite: whether to replace outputs that exist.

    Raises:
        FileNotFoundError: `source` does not exist.
        FileExistsError: the one output exists.
        ValueError: no image is found, the output is inside the input, is one of the
            inputs, or has the suffix of images that are not written.
        OSError: an output cannot be written.
    """
    jobs = _plan(str(source), Path(output), translator.output_pixels)
    if len(jobs) == 1 and Path(source).is_file() and not overwrite:
        target = jobs[0][1]
        if target.exists():
            raise FileExistsError(f"'{target}' exists: pass --overwrite to replace it.")
    translated, skipped, failed = [], [], []

    def missing():
        for job in jobs:
            if job[1].exists() and not overwrite:
                skipped.append(job[1])
            else:
                yield job

    def read(image):
        return read_image(image, translator.background, translator.input_pixels)

    outcomes = Flow(translator, read, _write).outcomes(missing())
    with contextlib.closing(outcomes), _bar(len(jobs)) as advance:
        for outcome in outcomes:
            if outcome.failure is None:
                translated.append(outcome.target)
            else:
                failed.append(outcome.failure)
            advance(len(translated) + len(skipped) + len(failed))
    return Report(tuple(translated), tuple(skipped), tuple(failed))


def _plan(source: str, output: Path, pixels: PixelType) -> list[tuple[Path, Path]]:
    """Every input with its output, whose suffix can hold what will be painted."""
    path = Path(source)

    def below(name: Path | str) -> Path:
        target = output / name
        return target.with_suffix(suffix_for(target.suffix, pixels))

    if path.is_file():
        is_folder = _is_folder(output, pixels)
        jobs = [(path, below(path.name) if is_folder else output)]
    elif path.is_dir():
        if output.resolve().is_relative_to(path.resolve()):
            raise ValueError(
                f"The output '{output}' is inside the input '{path}', where it would "
                "be translated next time: choose a folder elsewhere."
            )
        images = sorted(filter(_is_image, path.rglob("*")))
        jobs = [(image, below(image.relative_to(path))) for image in images]
    elif glob.has_magic(source):
        jobs = [(image, below(image.name)) for image in _matches(source, output)]
    else:
        raise FileNotFoundError(f"'{path}' does not exist.")
    if not jobs:
        raise ValueError(f"No images in '{source}': expected {' '.join(EXTENSIONS)}.")
    _check_targets(jobs)
    return jobs


def _check_targets(jobs):
    inputs = {image.resolve() for image, _ in jobs}
    targets = set()
    for image, target in jobs:
        if target.resolve() in inputs:
            raise ValueError(
                f"'{target}' is one of the inputs: choose another output folder."
            )
        if target in targets:
            raise ValueError(
                f"Two inputs would become '{target}', one of them '{image}': translate "
                "them one by one."
            )
        targets.add(target)


def _matches(pattern: str, output: Path) -> list[Path]:
    """The images that a glob matches, without those made by an earlier call."""
    images = sorted(filter(_is_image, map(Path, glob.glob(pattern, recursive=True))))
    folder = output.resolve()
    others = [path for path in images if not path.resolve().is_relative_to(folder)]
    if images and not others:
        raise ValueError(
            f"All that '{pattern}' matches is in the output '{output}': choose another "
            "output folder."
        )
    return others


def _is_image(path: Path) -> bool:
    """By the name alone: what cannot be read is to be reported, not left out."""
    is_named = path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")
    return is_named and not path.is_dir()


def _is_folder(output: Path, pixels: PixelType) -> bool:
    """Whether the output for one image is the folder to put it into."""
    suffix = output.suffix.lower()
    known = (*Image.registered_extensions(), *WRITABLE, *EXTENSIONS)
    if output.is_dir() or suffix not in known:
        return True
    if suffix not in WRITABLE:
        raise ValueError(
            f"'{output}' would be an image of a kind that is not written; expected "
            f"{' '.join(WRITABLE)}, or a folder."
        )
    if not can_hold(suffix, pixels):
        raise ValueError(
            f"'{output}' cannot hold what is painted, {pixels.channels} channels of "
            f"{pixels.dtype}; expected {suffix_for(suffix, pixels)}."
        )
    return False


def _write(image: np.ndarray, target: Path) -> None:
    with whole(target) as path:
        write(image, path)


@contextlib.contextmanager
def _bar(total):
    """A progress bar, where anybody sees it, and what sets it."""
    is_off = total < 2 or not sys.stderr.isatty()
    bar = Progress(console=Console(stderr=True), transient=True, disable=is_off)
    with bar:
        task = bar.add_task("Translating", total=total)
        yield lambda completed: bar.update(task, completed=completed)
