"""Reads the splits of a configuration's images."""

from pathlib import Path

from tfi2i.data import PairedData, UnpairedData, bundled
from tfi2i.data.pixel_lookup import PixelRequest
from tfi2i.data.preprocessing import Preprocessing
from tfi2i.data.split_folders import available_splits
from tfi2i.data.validation_share import Share
from tfi2i.recipes.config import DataConfig, TrainConfig


def load_pairs(
    data: DataConfig,
    how: Preprocessing,
    split: str,
    limit: int | None = None,
    usual: tuple[str, str] = ("A", "B"),
) -> PairedData:
    """Reads one split as pairs.

    Args:
        data: resolved.
        how: what is done to the images.
        split: `"train"`, `"val"` or `"test"`.
        limit: how many pairs, the first ones; None for all.
        usual: names of the folders of A and B that nobody gave, but the recipe.

    Returns:
        Pairs.

    Raises:
        ValueError, OSError: of `PairedData.load`.
    """
    folder, where = _where(data, usual)
    return PairedData.load(
        folder,
        split,
        input=data.input,
        downscale=data.downscale,
        limit=limit,
        **where,
        **vars(how),
    )


def load_sets(
    data: DataConfig,
    how: Preprocessing,
    split: str,
    limit: int | None = None,
    usual: tuple[str, str] = ("A", "B"),
) -> UnpairedData:
    """Reads one split as a set of images of each domain.

    Args:
        data: resolved.
        how: what is done to the images.
        split: as for `load_pairs`.
        limit: how many of each domain, the first ones; None for all.
        usual: as for `load_pairs`.

    Raises:
        ValueError, OSError: of `UnpairedData.load`.
    """
    folder, where = _where(data, usual)
    return UnpairedData.load(folder, split, limit=limit, **where, **vars(how))


def preprocessing(config: TrainConfig, split: str) -> Preprocessing:
    """What is done to the images of a split.

    Only training cuts a random part out of images, so other splits are read as they
    are looked at whole (`Preprocessing.whole`).

    Args:
        config: resolved.
        split: as for `load_pairs`.
    """
    how = _preprocessing(config.data, config.model.multiple)
    return how if split == "train" else how.whole()


def _preprocessing(data, multiple=1):
    return Preprocessing(
        preprocess=data.preprocess,
        load_size=data.load_shape if data.is_resized else data.crop_shape,
        crop_size=data.crop_shape,
        multiple=multiple,
        domain_a=_wanted(data.domain_a),
        domain_b=_wanted(data.domain_b),
        background=data.background,
        cache=data.cache,
    )


def whole_images(data: DataConfig) -> Preprocessing:
    """What is done to images that a translator is shown, which takes any size.

    Args:
        data: resolved.
    """
    return _preprocessing(data).whole()


def available(data: DataConfig) -> tuple[str, ...]:
    """Which of train, val and test the configured folder has, or is made to have."""
    found = available_splits(data.dir or bundled(), a=data.a, b=data.b)
    if data.val_share and data.dir and Path(data.dir).is_dir():
        found = ("train", "val", *(("test",) if "test" in found else ()))
    return found


def held_out(data: DataConfig) -> str | None:
    """The split on which a run is looked at: val, else test; None for neither."""
    found = available(data)
    return next((split for split in ("val", "test") if split in found), None)


def _where(data, usual):
    """The folder of the images, and how they are found."""
    share = Share(data.val_share, data.val_seed, data.group)
    return data.dir or bundled(), {
        "layout": data.layout if data.dir else "side_by_side",
        "a": data.a,
        "b": data.b,
        "usual": usual,
        "exclude": data.exclude,
        "share": share if data.val_share else None,
    }


def _wanted(domain):
    return PixelRequest(
        domain.channels, domain.dtype, domain.low, domain.high, domain.resize
    )
