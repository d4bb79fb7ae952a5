"""Scores of trained translators on pairs of images that they have not seen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tfi2i.data.transforms import to_float, to_uint8
from tfi2i.evaluation.protocol import Scores, score
from tfi2i.inference import load
from tfi2i.recipes import build, stored
from tfi2i.recipes.config import DataConfig

# Whatever the batch, a translator paints the same; this many keep the cores busy.
BATCH_SIZE = 8

COPY = "copying the input"

LEAST_SIZE = 11
"""Side of the window of SSIM in pixels."""


class Evaluation(NamedTuple):
    """One line of results.

    Attributes:
        name: of the source, or `COPY`.
        direction: `"a2b"` or `"b2a"`.
        size: side of the images in pixels.
        scores: against the truth.
    """

    name: str
    direction: str
    size: int
    scores: Scores


def evaluate(
    sources: Sequence[Path],
    changes: Mapping[str, Any],
    split: str = "test",
    direction: str | None = None,
) -> Iterator[Evaluation]:
    """Scores translators, each on the images that its run would test on.

    Images are read as the run says: its folder, its layout, its input, resized to its
    crop size. An export that lies in a run's folder has that run's configuration. A
    CycleGAN learns without pairs, but is scored on pairs, too.

    Args:
        sources: of `tfi2i.load`.
        changes: fields of `DataConfig` that are not as the run says, by name.
        split: `"train"`, `"val"` or `"test"`.
        direction: of `tfi2i.load`.

    Yields:
        For each source its scores, and before them, where images or direction differ
        from those of the source before, what copying the input scores.

    Raises:
        ValueError, OSError: of `tfi2i.load` and `PairedData.load`; an export without a
            run of which `changes` does not tell the crop size.
    """
    compared, pairs = None, None
    for source in sources:
        translator = load(source, direction)
        if translator.in_channels != 3:
            raise ValueError(
                f"'{source}' takes images of {translator.in_channels} channels, and "
                "pictures are read with 3: it cannot be scored on them."
            )
        data = _data(source, changes)
        # Whole images, of the training split too.
        data = replace(
            data,
            load_size=data.crop_size,
            direction=translator.direction or data.direction,
        )
        if data.crop_size < LEAST_SIZE:
            raise ValueError(
                f"--data.crop-size is {data.crop_size}; expected at least "
                f"{LEAST_SIZE}, the window of SSIM."
            )
        if data != compared:
            compared, pairs = data, _pairs(data, split, "dir" in changes)
            scores = score(lambda real_a: real_a, pairs.evaluation(BATCH_SIZE))
            yield Evaluation(COPY, data.direction, data.crop_size, scores)

        def translate(real_a, translator=translator):
            return to_float(translator(to_uint8(real_a).numpy()))

        scores = score(translate, pairs.evaluation(BATCH_SIZE))
        yield Evaluation(str(source), data.direction, data.crop_size, scores)


def _data(source, changes):
    run = stored.run_of(source)
    if run is not None:
        return replace(stored.read(run).data, **changes)
    if "crop_size" not in changes or "dir" not in changes:
        raise ValueError(
            f"'{source}' lies in no run, which would say how images are read: give "
            "--data.dir and --data.crop-size."
        )
    return DataConfig(**changes)


def _pairs(data, split, is_dir_given):
    try:
        return build.load_pairs(data, split)
    except FileNotFoundError as error:
        if is_dir_given:
            raise
        raise FileNotFoundError(
            f"{error}; say with --data.dir where the images are now"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"Scores need the true output of each input, and {error}"
        ) from error
