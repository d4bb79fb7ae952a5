"""Remarks on images that are unlike those of training, one line each."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from tfi2i.data.derived import is_drawing
from tfi2i.inference.halves import Halves
from tfi2i.inference.shown import Shown

log = logging.getLogger(__name__)

# How many times larger or smaller than in training an image may be, unremarked.
_FACTOR = 1.5

# What --input makes.
_MADE = {
    "edges": "edges",
    "grayscale": "grey images",
    "downscale": "images made coarser",
}


class Remarks:
    """Says, once for each kind, how images differ from those of training.

    Args:
        shown: how images are shown to the network.
        halves: which part of them.
    """

    def __init__(self, shown: Shown, halves: Halves):
        self._shown = shown
        self._halves = halves
        self._said: set[str] = set()
        training = shown.training
        self._geometry = None
        if training is not None and training.is_ours and shown.size == "native":
            self._geometry = training.geometry
        self._wants_drawings = (
            training is not None
            and training.data.input == "edges"
            and shown.input is None
        )
        self._made = ""
        if training is not None and training.is_ours and shown.input is not None:
            if training.data.input != shown.input:
                self._made = shown.input

    def look(self, path: Path, whole: np.ndarray, part: np.ndarray) -> None:
        """Look at one image.

        Args:
            path: of its file.
            whole: the image.
            part: what is shown of it.
        """
        self._look_at_input()
        self._look_at_halves(path, *whole.shape[:2])
        self._look_at_size(path, *part.shape[:2])
        if self._wants_drawings and "drawing" not in self._said:
            if not is_drawing(part):
                self._say(
                    "drawing",
                    f"'{path}' does not look like a drawing in black on white, which "
                    "this run was trained on: --input edges draws the edges of "
                    "photographs first.",
                )

    def _look_at_input(self):
        if not self._made:
            return
        trained = self._shown.training.data.input
        advice = f"--input {trained} makes what it was trained on"
        if trained == "files":
            advice = "unless its files were such images, leave --input out"
        self._say(
            "input",
            f"this run was not trained on {_MADE[self._made]} that --input "
            f"{self._made} makes of images, but on --data.input {trained}: {advice}.",
        )

    def _look_at_halves(self, path, height, width):
        half = self._halves.of(height, width)
        if not self._halves.looks_like_a_pair(height, width):
            return
        if half == "whole":
            self._say(
                "pair",
                f"'{path}' ({width}x{height}) has the shape of a pair side by side: if "
                "it is one, --half left (or right) translates that half.",
            )
        else:
            self._say(
                "pair",
                f"'{path}' ({width}x{height}) has the shape of the training images, "
                f"pairs side by side: its {half} half is translated; --half whole "
                "translates all of it.",
            )

    def _look_at_size(self, path, height, width):
        if self._geometry is None:
            return
        rows, columns = self._geometry.loaded(height, width)
        ratios = height / rows, width / columns
        if max(*ratios, *(1 / ratio for ratio in ratios)) > _FACTOR:
            self._say(
                "size",
                f"'{path}' is translated at its own size, {width}x{height}, but this "
                f"run was trained on images resized to {columns}x{rows}: --size "
                "trained translates at that size, and often better.",
            )

    def _say(self, kind, line):
        if kind not in self._said:
            self._said.add(kind)
            log.info("%s", line)
