"""Small runs on real images."""

import shutil
from dataclasses import replace

import pytest

from tfi2i.data import bundled
from tfi2i.recipes.named import get


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """24 training and 4 validation pairs, side by side."""
    folder = tmp_path_factory.mktemp("images")
    for split, count in (("train", 24), ("val", 4)):
        (folder / split).mkdir()
        for path in sorted((bundled() / split).glob("*.webp"))[:count]:
            shutil.copy(path, folder / split)
    return folder


@pytest.fixture
def config(images):
    """Two epochs of six steps in a few seconds."""
    config = get("pix2pix-emoji").config
    data = replace(
        config.data,
        dir=str(images),
        layout="side_by_side",
        crop_size=32,
        load_size=36,
        batch_size=4,
    )
    networks = replace(
        config.model,
        generator=replace(config.model.generator, filters=4),
        discriminator=replace(config.model.discriminator, filters=4, num_layers=2),
    )
    return replace(config, data=data, model=networks, epochs=2, sample_images=3)
