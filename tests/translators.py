"""Finished runs with small generators that paint something, without training."""

from dataclasses import replace

import keras
import numpy as np

from tfi2i.recipes import build, stored
from tfi2i.recipes.config import resolve
from tfi2i.recipes.named import get


def make_run(folder, network="unet", **generator):
    """Writes a run whose weights and statistics are random but not small."""
    config = get("edges2emoji").config
    options = {"network": network, "filters": 4, "dropout": 0.5, **generator}
    if network == "resnet":
        options = {"blocks": 1, "norm": "instance", **options}
    model = replace(
        config.model,
        generator=replace(config.model.generator, **options),
        discriminator=replace(config.model.discriminator, filters=4),
    )
    config = resolve(replace(config, model=model))
    trainer = build.build_model(config)
    build.compile_model(trainer, config, 2e-4)
    generator = np.random.default_rng(0)
    for weight in trainer.generator.weights:
        noise = generator.normal(size=weight.shape)
        if "variance" in weight.path:
            weight.assign(0.5 + noise**2)
        elif len(weight.shape) == 4:
            weight.assign(noise / np.sqrt(np.prod(weight.shape[:3])))
        else:
            weight.assign(weight + 0.1 * noise)
    stored.write(config, folder, {})
    trainer.save(folder / "model.keras")
    return trainer.generator


def photos(count, height, width, seed=0):
    """Random uint8 images with large shapes and small ones."""
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (count, 5, 4, 3), np.uint8)
    large = keras.ops.image.resize(small.astype("float32"), (height, width))
    noise = generator.normal(0, 10, (count, height, width, 3))
    return np.uint8(np.clip(np.asarray(large) + noise, 0, 255))
