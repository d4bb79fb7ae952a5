"""Which half of a side-by-side image is translated."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np

from tfi2i.data import folder_listing, headers, split_folders
from tfi2i.data.transforms import cut_half
from tfi2i.inference.network_inputs import Training

HALVES = ("left", "right", "whole")

# Number of training images whose headers are read.
_SAMPLE = 20
# Relative difference up to which two shapes are taken for the same.
_TOLERANCE = 0.05


class Halves:
    """Chooses which half of an image the network gets.

    Without `asked`, images that have the shape of the training images are halved, if
    those hold input and output side by side.

    Args:
        training: how the images were trained on; None where that is not known.
        asked: one of `HALVES`; None decides by the image's shape.
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
        """Whether an image has the shape of a training image with two halves."""
        if self._ratio is None or width % 2:
            return False
        return abs(width / height / self._ratio - 1) <= _TOLERANCE

    def of(self, height: int, width: int) -> str:
        """The one of `HALVES` for an image of this size."""
        if self._asked is not None:
            return self._asked
        is_pair = self.is_known and self.looks_like_a_pair(height, width)
        return self._input if is_pair else "whole"


def cut(image: np.ndarray, half: str) -> np.ndarray:
    """Cuts a half out of an image, as training does.

    Args:
        image: `(height, width, ...)`.
        half: one of `HALVES`.

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
    """Width over height of side-by-side training images, and whether that is known.

    The first is None where training images are not side by side.
    """
    data = training.data
    # Made inputs are in no file, and users have no bundled images.
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
    """Some side-by-side training images; None where their folder is missing."""
    data = training.data
    root = Path(data.dir)
    if not root.is_dir():
        return None
    called = split_folders.FolderNames.of(data.a, data.b, training.usual)
    splits = split_folders.available_splits(root, a=called.a, b=called.b)
    how = root, "train", data.layout, called, data.val_share > 0 and not splits
    # The same search as for training.
    try:
        if split_folders.two_folders(*how) is not None:
            return []
        return folder_listing.images(split_folders.one_folder(*how))[:_SAMPLE]
    except (OSError, ValueError):
        return []


def _ratio(files, assumed):
    """Median width over height, because a few files may differ."""
    ratios = []
    for path in files:
        try:
            file = headers.read(path)
        except (OSError, ValueError):
            continue
        ratios.append(file.width / file.height)
    return statistics.median(ratios) if ratios else assumed
