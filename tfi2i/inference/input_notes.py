"""Log lines about images that differ from the training images."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from tfi2i.data.derived_inputs import is_drawing
from tfi2i.inference.halves import Halves
from tfi2i.inference.network_inputs import Shown

log = logging.getLogger(__name__)

# An image may be this many times larger or smaller than in training without a line.
_FACTOR = 1.5

# Inputs that --input makes, in words.
_MADE_INPUTS = {
    "edges": "edges",
    "grayscale": "grey images",
    "downscale": "images made coarser",
}


class InputNotes:
    """Logs how images differ from the training images, once for each kind.

    Args:
        shown: how images are prepared for the network.
        halves: which part of an image is translated.
    """

    def __init__(self, shown: Shown, halves: Halves):
        self._shown = shown
        self._halves = halves
        self._logged: set[str] = set()
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

    def log_differences(self, path: Path, whole: np.ndarray, part: np.ndarray) -> None:
        """Compares one image.

        Args:
            path: of its file.
            whole: the image.
            part: the part of it that is translated.
        """
        self._compare_input()
        self._compare_shape(path, *whole.shape[:2])
        self._compare_size(path, *part.shape[:2])
        if self._wants_drawings and "drawing" not in self._logged:
            if not is_drawing(part):
                self._log_once(
                    "drawing",
                    f"'{path}' does not look like a drawing in black on white, which "
                    "this run was trained on: --input edges draws the edges of "
                    "photographs first.",
                )

    def _compare_input(self):
        if not self._made:
            return
        trained = self._shown.training.data.input
        advice = f"--input {trained} makes what it was trained on"
        if trained == "files":
            advice = "unless its files were such images, leave --input out"
        self._log_once(
            "input",
            f"this run was not trained on {_MADE_INPUTS[self._made]} that --input "
            f"{self._made} makes of images, but on --data.input {trained}: {advice}.",
        )

    def _compare_shape(self, path, height, width):
        half = self._halves.of(height, width)
        if not self._halves.looks_like_a_pair(height, width):
            return
        if half == "whole":
            self._log_once(
                "pair",
                f"'{path}' ({width}x{height}) has the shape of a pair side by side: if "
                "it is one, --half left (or right) translates that half.",
            )
        else:
            self._log_once(
                "pair",
                f"'{path}' ({width}x{height}) has the shape of the training images, "
                f"pairs side by side: its {half} half is translated; --half whole "
                "translates all of it.",
            )

    def _compare_size(self, path, height, width):
        if self._geometry is None:
            return
        rows, columns = self._geometry.loaded(height, width)
        ratios = height / rows, width / columns
        if max(*ratios, *(1 / ratio for ratio in ratios)) > _FACTOR:
            self._log_once(
                "size",
                f"'{path}' is translated at its own size, {width}x{height}, but this "
                f"run was trained on images resized to {columns}x{rows}: --size "
                "trained translates at that size, and often better.",
            )

    def _log_once(self, kind, line):
        if kind not in self._logged:
            self._logged.add(kind)
            log.info("%s", line)
