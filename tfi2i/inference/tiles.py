"""Overlapping tiles, for images that are too large for memory.

A network whose reach is `r` pixels gives a pixel that is `r` pixels inside a tile the
same value as in the whole image. Tiles overlap by `2 r` and a strip in which one fades
into the next. They start at multiples of the sizes that the network takes, and at the
image's edge the network pads as for the whole image. The results then differ by
rounding alone. They differ more where the reach exceeds a quarter of the tile, as for
deep U-Nets, or where normalization takes statistics of the whole image.
"""

import contextlib
import dataclasses
import math
import threading
from collections.abc import Iterator
from typing import Literal, get_args

import keras
import numpy as np

from tfi2i.data.pixels import PixelType, from_float, to_float
from tfi2i.inference.engines import Engine, KerasEngine
from tfi2i.inference.fixed_statistics import FixedStatistics
from tfi2i.inference.receptive_field import reach, statistics_layers
from tfi2i.inference.size_padding import reflection_indices, size_rule
from tfi2i.network_sizes import SizeRule

Statistics = Literal["tile", "whole"]

_MIN_TILE = 32


@dataclasses.dataclass(frozen=True)
class Network:
    """Properties of a generator that decide about tiles; None where not known.

    Attributes:
        rule: the sizes that it takes.
        reach: in pixels, from `receptive_field.reach`.
        looks_everywhere: whether it normalizes by statistics of its input.
    """

    rule: SizeRule | None = None
    reach: int | None = None
    looks_everywhere: bool | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """How images are cut into tiles, in pixels.

    Attributes:
        tile: side of a tile, a multiple of `multiple`.
        stride: largest distance between the starts of two tiles, also a multiple.
        fade: width of the strip in which one tile fades into the next.
        multiple: divides the starts of tiles and the sides of padded images.
        minimum: smallest side of a padded image.
        is_exact: whether each pixel is at least the reach away from its tile's edges.
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
        tile: side in pixels; rounded down to a size that the network takes.
        network: its properties.

    Raises:
        ValueError: the tile is too small for the network, or for anything.
    """
    rule = network.rule or _guessed_rule(tile)
    multiple = rule.multiple
    least = max(2 * multiple, rule.minimum, _MIN_TILE)
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
    # Fades must not overlap, even where the last tiles are closer than `stride`.
    fade = max(min(spare if spare > 0 else overlap // 3, stride // 4), 1)
    is_exact = network.reach is not None and overlap >= 2 * network.reach + fade
    return Plan(side, stride, fade, multiple, rule.minimum, is_exact)


def _guessed_rule(tile):
    """A rule for exports, which do not say theirs: of the deepest U-Net that fits."""
    multiple = math.gcd(tile, 256)
    while multiple > max(tile // 4, 1):
        multiple //= 2
    return SizeRule(multiple, 1)


def enough(network: Network) -> int:
    """The smallest multiple of 64 at which tiles differ by rounding alone.

    Args:
        network: with a known reach.
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
    """One line on how tiles will differ from the whole image; None if they do not."""
    lines = []
    if network.looks_everywhere and statistics == "tile":
        lines.append(
            "Tiles will differ from each other in colour: this network normalizes by "
            "the statistics of what it paints, here of each tile; --tile-statistics "
            "whole takes them from a small copy of the whole image instead."
        )
    elif network.looks_everywhere:
        lines.append(
            "Normalization takes its statistics from a small copy of the whole image, "
            "which are near those of the image itself, not equal to them."
        )
    if network.reach is None:
        lines.append(
            "How far this network looks is not known: tiles overlap by half, and may "
            "differ from the whole image near their seams."
        )
    elif not plan(wanted, network).is_exact:
        lines.append(
            f"This network looks {network.reach} pixels far, too far for tiles of "
            f"{wanted}: they may differ from the whole image near their seams; from "
            f"--tile {enough(network)} on they do not."
        )
    return " ".join(lines) or None


def tiled_generator(
    generator: keras.Model,
    tile: int,
    statistics: Statistics = "tile",
    input_pixels: PixelType | None = None,
    output_pixels: PixelType | None = None,
) -> tuple["TiledEngine", str | None]:
    """Prepares a generator to translate in tiles.

    Args:
        generator: `keras.Model` on [-1, 1].
        tile: side of a tile, in pixels.
        statistics: for normalization by statistics of its input: those of each
            `"tile"`, or of a small copy of the `"whole"` image, so that tiles agree.
        input_pixels: of `KerasEngine`.
        output_pixels: of `KerasEngine`.

    Returns:
        The engine, and the line of `remark`.

    Raises:
        ValueError: the tile is too small, `statistics` is another word, or it is
            `"whole"` and the generator takes none.
    """
    if statistics not in get_args(Statistics):
        raise ValueError(
            f"--tile-statistics is {statistics!r}; expected 'tile' or 'whole'."
        )
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
    """Prepares an export, whose reach and sizes are not known, to translate in tiles.

    Args:
        engine: of a SavedModel, `.tflite` or `.onnx` file.
        tile: side of a tile, in pixels.

    Returns:
        As `tiled_generator`.

    Raises:
        ValueError: the tile is too small.
    """
    network = Network()
    return TiledEngine(engine, plan(tile, network)), remark(tile, network, "tile")


class TiledEngine(Engine):
    """Runs a generator on the tiles of images of any size.

    Beside input and output it needs memory for one tile and one row of tiles.

    Args:
        engine: translates each tile.
        plan: how images are cut.
        fixed: gets the statistics of each image before its tiles are translated;
            `engine` runs its generator. None leaves statistics to each tile.
        whole: translates images that fit into one tile; None is `engine`.
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
        # Converts one tile after the other, because floats need more memory.
        return self._translated(
            images,
            lambda part: to_float(part, self.input_pixels).numpy(),
            lambda rows: from_float(rows, self.output_pixels).numpy(),
        )

    def run(self, images: np.ndarray) -> np.ndarray:
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
        # Statistics are weights; another thread must not change them meanwhile.
        with self._lock:
            self._fixed.take(self._small(image, enter))
            yield

    def _small(self, image, enter):
        """The image reduced to the size of a tile, converted to floats in rows."""
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
        """Yields the first row and the pixels of translated bands, top to bottom."""
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
    """One tile along one axis of the padded image.

    Attributes:
        start: first pixel.
        end: pixel after the last.
        inner: pixels of the tile that are used.
        outer: the same pixels in the padded image.
        weights: of these pixels, float32.
        fading: number of last pixels that the next tile adds to.
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
    before, index = reflection_indices(length, SizeRule(plan.multiple, plan.minimum))
    return int(before), np.asarray(index)
