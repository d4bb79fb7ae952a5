"""Side-by-side images, of which a run that was trained on such takes one half."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np

from tfi2i.data import headers, listing, places
from tfi2i.data.transforms import cut_half
from tfi2i.inference.shown import Training

HALVES = ("left", "right", "whole")

# Training images of which the shape is looked at.
_MOST = 20
_TOLERANCE = 0.05


class Halves:
    """Which half of an image is shown to the network.

    Without `asked`, images that have the shape of the training images are halved where
    these are known to hold input and output side by side.

    Args:
        training: None where it is not known.
        asked: of `HALVES`; None decides by the image's shape.
    """

    def __init__(self, training: Training | None, asked: str | None = None):
        if asked not in (None, *HALVES):
            raise ValueError(
                f"--half is {asked!r}; expected 'left', 'right' or 'whole'."
            )
        self._asked = asked
        self._ratio, self.is_known = None, False
        self._input = "left"
        if asked is None and training is not None and training.is_ours:
            self._ratio, self.is_known = _side_by_side(training)
            self._input = "left" if training.way.input == "a" else "right"

    def looks_like_a_pair(self, height: int, width: int) -> bool:
        """Whether an image has the shape of input and output side by side."""
        if self._ratio is None or width % 2:
            return False
        return abs(width / height / self._ratio - 1) <= _TOLERANCE

    def of(self, height: int, width: int) -> str:
        """Which of `HALVES` is shown of an image of a size."""
        if self._asked is not None:
            return self._asked
        is_pair = self.is_known and self.looks_like_a_pair(height, width)
        return self._input if is_pair else "whole"


def cut(image: np.ndarray, half: str) -> np.ndarray:
    """A half of an image, as training takes it.

    Args:
        image: `(height, width, ...)`.
        half: of `HALVES`.

    Raises:
        ValueError: the width is odd.
    """
    if half == "whole":
        return image
    if image.shape[1] % 2:
        raise ValueError(
            f"its width, {image.shape[1]}, is odd: expected two halves side by side"
        )
    return cut_half(image, half)


def _side_by_side(training) -> tuple[float | None, bool]:
    """Width over height of training images with two halves, and whether they are such.

    The first is None where they are not.
    """
    data = training.data
    # Inputs that were made are in no files, and those of the bundled are not users'.
    is_made = data.input != "files" or data.dir is None
    if is_made or data.layout in ("folders", "targets"):
        return None, False
    height, width = data.crop_shape
    assumed = 2 * width / height
    files = _training_files(training)
    if files is None:
        return assumed, data.layout == "side_by_side"
    return (_ratio(files, assumed), True) if files else (None, False)


def _training_files(training):
    """Some of the side-by-side training images; None where the folder has gone."""
    data = training.data
    root = Path(data.dir)
    if not root.is_dir():
        return None
    called = places.Names.of(data.a, data.b, training.usual)
    splits = places.available_splits(root, a=called.a, b=called.b)
    how = root, "train", data.layout, called, data.val_share > 0 and not splits
    # As training looks for them.
    try:
        if places.two_folders(*how) is not None:
            return []
        return listing.images(places.one_folder(*how))[:_MOST]
    except (OSError, ValueError):
        return []


def _ratio(files, assumed):
    """Of most files, since a few may be of other shapes."""
    ratios = []
    for path in files:
        try:
            file = headers.read(path)
        except (OSError, ValueError):
            continue
        ratios.append(file.width / file.height)
    return statistics.median(ratios) if ratios else assumed
