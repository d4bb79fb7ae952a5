"""Real images to compare an export and the trained model on."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tfi2i.data.pixels import RGB, PixelType, from_float, to_float
from tfi2i.data.transforms import luma
from tfi2i.inference.generators import way_of
from tfi2i.recipes import build, splits
from tfi2i.recipes.config import DataConfig, TrainConfig

log = logging.getLogger(__name__)

# Instance norm enlarges the rounding of an image of almost one colour, so it tells
# nothing of an export. In [-1, 1]: about half a level of 8 bits.
_LEAST_DEVIATION = 0.004


def real_images(
    config: TrainConfig, direction: str | None, count: int, pixels: PixelType = RGB
) -> np.ndarray:
    """Different inputs of a run, such as it has not trained on first.

    Where the run has too few, or they are elsewhere now, bundled ones make up for it.

    Args:
        config: of the run.
        direction: name of the way; None is the first.
        count: how many.
        pixels: what the generator's inputs are made of.

    Returns:
        Of `pixels`, `(count, *crop_shape, channels)`.
    """
    found = {}
    for source, split in _sources(config.data):
        if len(found) >= count:
            break
        try:
            images = _first(replace(config, data=source), split, direction, count)
        except (OSError, ValueError) as error:
            log.warning("not compared on the run's %s images: %s", split, error)
            continue
        for image in _converted(images, pixels):
            if to_float(image, pixels).numpy().std() > _LEAST_DEVIATION:
                found[image.tobytes()] = image
    return np.stack(list(found.values())[:count])


def _sources(data) -> Iterator:
    """Where to look, as configurations of data and splits of them."""
    found = splits.available(data)
    if not found:
        log.info("the run's images are not here: comparing on bundled ones")
    ours = DataConfig(crop_size=data.crop_size, crop_width=data.crop_width)
    order = [name for name in ("val", "test", "train") if name in found]
    return iter([*((data, name) for name in order), (ours, "test")])


def _first(config, split, direction, count):
    """The first inputs of a split, all of one size; no more of it is decoded."""
    data = replace(config.data, preprocess="resize_and_crop", load_width=None)
    data = replace(data, load_size=data.crop_size)
    images = build.load_data(replace(config, data=data), split, limit=count)
    return images.images[way_of(config, direction).input]


def _converted(images, pixels):
    """Converts images to a network's input pixels; missing channels are repeated."""
    if images.pixels == pixels:
        return images.numpy()
    floats = to_float(images.numpy(), images.pixels).numpy()
    if pixels.channels == 1 and floats.shape[-1] >= 3:
        floats = luma(floats[..., :3]).numpy()
    channels = [index % floats.shape[-1] for index in range(pixels.channels)]
    return from_float(floats[..., channels], pixels).numpy()
