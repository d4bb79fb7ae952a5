"""Images that are larger than memory allows, in tiles that overlap.

A network that looks `r` pixels far paints the middle of a tile, `r` pixels from its
edges, as it would paint the whole image. Tiles overlap by twice that and a little,
in which one fades into the next; they start at multiples of what the network takes, and
where the image ends the network pads as it would there. What is left to differ is
rounding. It is more where the network looks farther than a quarter of the tile, as deep
U-Nets do, or normalizes by statistics of the whole image.
"""

import contextlib
import dataclasses
import math
import threading
from collections.abc import Iterator
from typing import Literal, Protocol

import keras
import numpy as np

from tfi2i.data.pixels import PixelType, from_float, to_float
from tfi2i.inference.engines import KerasEngine
from tfi2i.inference.fixed_statistics import FixedStatistics
from tfi2i.inference.receptive_field import reach, statistics_layers
from tfi2i.inference.sizes import SizeRule, reflected, size_rule

Statistics = Literal["tile", "whole"]

_LEAST = 32


class Engine(Protocol):
    """What runs a generator."""

    input_pixels: PixelType
    output_pixels: PixelType

    def run(self, images: np.ndarray) -> np.ndarray:
        """Translates float32 `(batch, height, width, channels)` in [-1, 1]."""
        ...


@dataclasses.dataclass(frozen=True)
class Network:
    """What is known of a generator that paints tiles.

    Attributes:
        rule: which sizes it takes; None where that is not known.
        reach: how far it looks, in pixels; None where that is not known.
        looks_everywhere: whether it normalizes by statistics of what it paints; None
            where that is not known.
    """

    rule: SizeRule | None = None
    reach: int | None = None
    looks_everywhere: bool | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """How images are cut.

    Attributes:
        tile: side of a tile, a multiple of `multiple`.
        stride: between the starts of two tiles, at most; a multiple, too.
        fade: pixels in which one tile fades into the next.
        multiple: of which tiles' starts and padded images' sides are.
        minimum: side below which images are padded.
        is_exact: whether every pixel is as far from its tile's edges as the network
            looks.
    """

    tile: int
    stride: int
    fade: int
    multiple: int
    minimum: int
    is_exact: bool


def plan(tile: int, network: Network) -> Plan:
    """Plans tiles for a network.

    Args:
        tile: side wanted, in pixels; rounded down to what the network takes.
        network: what is known of it.

    Raises:
        ValueError: the tile is too small for the network, or for anything.
    """
    rule = network.rule or _guessed_rule(tile)
    multiple = rule.multiple
    least = max(2 * multiple, rule.minimum, _LEAST)
    if tile < least:
        raise ValueError(
            f"--tile is {tile}; this network needs {least} or more: tiles have to "
            f"overlap, and to start at multiples of {multiple} pixels."
        )
    side = tile // multiple * multiple
    margin = side // 4
    if network.reach is not None and side - 2 * network.reach >= side // 4:
        margin = network.reach
    room = side - 2 * margin
    stride = max((room - min(side // 8, room // 3)) // multiple, 1) * multiple
    overlap = side - stride
    spare = overlap - 2 * margin
    # Two fades may not meet, even where tiles stand closer than planned.
    fade = max(min(spare if spare > 0 else overlap // 3, stride // 4), 1)
    is_exact = network.reach is not None and overlap >= 2 * network.reach + fade
    return Plan(side, stride, fade, multiple, rule.minimum, is_exact)


def _guessed_rule(tile):
    """An export's, which does not tell: that of any U-Net, as far as tiles allow."""
    multiple = math.gcd(tile, 256)
    while multiple > max(tile // 4, 1):
        multiple //= 2
    return SizeRule(multiple, 1)


def enough(network: Network) -> int:
    """The smallest tile with which nothing but rounding differs, a multiple of 64.

    Args:
        network: whose reach is known.
    """
    side = 64
    while True:
        try:
            if plan(side, network).is_exact:
                return side
        except ValueError:
            pass
        side += 64


def remark(wanted: int, network: Network, statistics: Statistics) -> str | None:
    """What to expect of tiles, in one line; None where they equal the whole image."""
    said = []
    if network.looks_everywhere and statistics == "tile":
        said.append(
            "Tiles will differ from each other in colour: this network normalizes by "
            "the statistics of what it paints, here of each tile; --tile-statistics "
            "whole takes them from a small copy of the whole image instead."
        )
    elif network.looks_everywhere:
        said.append(
            "Normalization takes its statistics from a small copy of the whole image, "
            "which are near those of the image itself, not equal to them."
        )
    if network.reach is None:
        said.append(
            "How far this network looks is not known: tiles overlap by half, and may "
            "differ from the whole image near their seams."
        )
    elif not plan(wanted, network).is_exact:
        said.append(
            f"This network looks {network.reach} pixels far, too far for tiles of "
            f"{wanted}: they may differ from the whole image near their seams; from "
            f"--tile {enough(network)} on they do not."
        )
    return " ".join(said) or None


def tiled_generator(
    generator: keras.Model,
    tile: int,
    statistics: Statistics = "tile",
    input_pixels: PixelType | None = None,
    output_pixels: PixelType | None = None,
) -> tuple["TiledEngine", str | None]:
    """A generator that paints in tiles.

    Args:
        generator: `keras.Model` on [-1, 1].
        tile: side of a tile, in pixels.
        statistics: of what normalization takes its statistics, where it takes them
            from what is painted: of each tile, or of a small copy of the whole image,
            so that all tiles agree.
        input_pixels: of `KerasEngine`.
        output_pixels: likewise.

    Returns:
        The engine, and what to expect of its seams; None where they cannot be seen.

    Raises:
        ValueError: the tile is too small, or no statistics are taken.
    """
    layers = statistics_layers(generator)
    network = Network(size_rule(generator), reach(generator), bool(layers))
    if statistics == "whole" and not layers:
        raise ValueError(
            "--tile-statistics is 'whole', but this network takes no statistics from "
            "what it paints, so tiles agree without: leave it out."
        )
    cut = plan(tile, network)
    pixels = input_pixels, output_pixels
    engine, fixed = KerasEngine(generator, *pixels), None
    whole = engine
    if statistics == "whole":
        fixed = FixedStatistics(generator)
        engine = KerasEngine(fixed.generator, *pixels)
    return TiledEngine(engine, cut, fixed, whole), remark(tile, network, statistics)


def tiled_export(engine: Engine, tile: int) -> tuple["TiledEngine", str | None]:
    """An export that paints in tiles, of which it does not tell how it looks.

    Args:
        engine: of a SavedModel or `.tflite` file.
        tile: side of a tile, in pixels.

    Returns:
        As `tiled_generator`.

    Raises:
        ValueError: the tile is too small.
    """
    network = Network()
    return TiledEngine(engine, plan(tile, network)), remark(tile, network, "tile")


class TiledEngine:
    """Runs a generator on tiles of images of any size.

    Memory grows with the tile and with the image's width, but for the image itself
    and what is painted.

    Args:
        engine: that paints each tile.
        plan: how images are cut.
        fixed: whose statistics are taken from each whole image before its tiles are
            painted; `engine` runs its generator. None leaves that to the tiles.
        whole: paints images that fit a tile.
    """

    def __init__(
        self,
        engine: Engine,
        plan: Plan,
        fixed: FixedStatistics | None = None,
        whole: Engine | None = None,
    ):
        self.input_pixels = engine.input_pixels
        self.output_pixels = engine.output_pixels
        self._engine = engine
        self._plan = plan
        self._fixed = fixed
        self._whole = whole or engine
        self._lock = threading.Lock()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Translates a batch as it is stored, `(batch, height, width, channels)`."""
        return self._translated(
            images,
            lambda part: to_float(part, self.input_pixels).numpy(),
            lambda rows: from_float(rows, self.output_pixels).numpy(),
        )

    def run(self, images: np.ndarray) -> np.ndarray:
        """Translates float32 images in [-1, 1]."""
        return self._translated(images, lambda part: part, lambda rows: rows)

    def _translated(self, images, enter, leave):
        if max(images.shape[1:3]) <= self._plan.tile:
            return leave(self._whole.run(enter(images)))
        outputs = None
        for index, image in enumerate(images):
            with self._statistics_of(image, enter):
                for top, rows in self._bands(image, enter):
                    rows = leave(rows)
                    if outputs is None:
                        shape = (*images.shape[:3], rows.shape[-1])
                        outputs = np.empty(shape, rows.dtype)
                    outputs[index, top : top + len(rows)] = rows
        return outputs

    @contextlib.contextmanager
    def _statistics_of(self, image, enter):
        if self._fixed is None:
            yield
            return
        # They are weights, which another thread's image may not change meanwhile.
        with self._lock:
            self._fixed.take(self._small(image, enter))
            yield

    def _small(self, image, enter):
        """The whole image on the area of a tile, without being all floats at once."""
        height, width, channels = image.shape
        factor = math.ceil(max(height, width) / self._plan.tile)
        down, along = min(factor, height), min(factor, width)
        columns = width // along
        rows = [
            enter(image[top : top + down, : columns * along])
            .reshape(down, columns, along, channels)
            .mean(axis=(0, 2))
            for top in range(0, height - down + 1, down)
        ]
        return np.stack(rows)[None]

    def _bands(self, image, enter) -> Iterator[tuple[int, np.ndarray]]:
        """Painted rows of the image, from top to bottom."""
        height, width, _ = image.shape
        top, rows = _source_indices(height, self._plan)
        left, columns = _source_indices(width, self._plan)
        across = list(_tiles(len(columns), self._plan))
        faded = None
        for down in _tiles(len(rows), self._plan):
            band = None
            for along in across:
                part = image[rows[down.start : down.end]]
                part = part[:, columns[along.start : along.end]]
                painted = self._engine.run(enter(part)[None])[0]
                painted = painted[down.inner, along.inner]
                painted = painted * down.weights[:, None, None]
                painted *= along.weights[:, None]
                if band is None:
                    shape = (len(painted), len(columns), painted.shape[-1])
                    band = np.zeros(shape, np.float32)
                band[:, along.outer] += painted
            if faded is not None:
                band[: len(faded)] += faded
            done = len(band) - down.fading
            faded = band[done:]
            first = max(down.outer.start - top, 0)
            last = min(down.outer.start + done - top, height)
            start = first + top - down.outer.start
            if last > first:
                yield first, band[start : start + last - first, left : left + width]


@dataclasses.dataclass(frozen=True)
class _Tile:
    """One tile along one axis.

    Attributes:
        start: of what is painted.
        end: of that.
        inner: which pixels of it are used.
        outer: where these are in the padded image.
        weights: of them, float32.
        fading: how many of the last ones the next tile adds to.
    """

    start: int
    end: int
    inner: slice
    outer: slice
    weights: np.ndarray
    fading: int


def _tiles(length: int, plan: Plan) -> Iterator[_Tile]:
    """Tiles over a padded side; the weights of every pixel add up to 1."""
    if length <= plan.tile:
        every = slice(0, length)
        yield _Tile(0, length, every, every, np.ones(length, np.float32), 0)
        return
    room = (length - plan.tile) // plan.multiple
    number = math.ceil(room * plan.multiple / plan.stride) + 1
    starts = [index * room // (number - 1) * plan.multiple for index in range(number)]
    angle = (np.arange(plan.fade, dtype=np.float32) + 0.5) / plan.fade * np.pi
    rising = (0.5 - 0.5 * np.cos(angle)).astype(np.float32)
    for index, start in enumerate(starts):
        first, last = 0, length
        if index:
            first = (start + starts[index - 1] + plan.tile - plan.fade) // 2
        if index < number - 1:
            middle = (starts[index + 1] + start + plan.tile - plan.fade) // 2
            last = middle + plan.fade
        weights = np.ones(last - first, np.float32)
        if index:
            weights[: plan.fade] = rising
        if index < number - 1:
            weights[-plan.fade :] = 1 - rising
        yield _Tile(
            start,
            start + plan.tile,
            slice(first - start, last - start),
            slice(first, last),
            weights,
            plan.fade if index < number - 1 else 0,
        )


def _source_indices(length: int, plan: Plan) -> tuple[int, np.ndarray]:
    """Offset of the image inside its padding, and the source index of each pixel."""
    before, index = reflected(length, SizeRule(plan.multiple, plan.minimum))
    return int(before), np.asarray(index)
