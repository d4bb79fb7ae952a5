"""Finished runs with small generators that paint something, without training."""

from dataclasses import replace

import keras
import numpy as np

from tests.recipes.changes import changed
from tfi2i.exports import export
from tfi2i.inference.size_padding import run_padded, size_rule
from tfi2i.recipes import build, stored
from tfi2i.recipes.named import get
from tfi2i.recipes.resolve import resolve

NETWORKS = {
    "unet": {"statistics": "stored"},
    "unet-image": {"statistics": "image", "num_downs": 5},
    "resnet": {"network": "resnet"},
}
TINY = {"network": "resnet", "blocks": 0, "filters": 2, "dropout": 0.0}

_exported = {}


def make_run(folder, network="unet", **generator):
    """Writes a paired run with a small network; returns its generator."""
    options = {"network": network, "filters": 4, "dropout": 0.5, **generator}
    if network == "resnet":
        options = {"blocks": 1, "norm": "instance", **options}
    return write_run("edges2emoji", folder, options)[0]


def make_cyclegan_run(folder, **generator):
    """Writes an unpaired run with tiny networks; returns both generators."""
    return write_run("cyclegan-emoji", folder, {**TINY, **generator})


def exported(factory, name):
    """A generator of `NETWORKS`, its run and exports, made once for all tests.

    Nobody may change the run.
    """
    if name not in _exported:
        run = factory.mktemp("runs") / "emoji"
        generator = make_run(run, **NETWORKS[name])
        published = export(run, quantize=("none", "float16"))
        _exported[name] = generator, run, published
    return _exported[name]


def by_hand(generator, images):
    """What a trained generator paints, in eager mode, at the images' own sizes."""
    rule = size_rule(generator)
    return run_padded(lambda x: generator(x, training=False), images, rule).numpy()


def photos(count, height, width, seed=0):
    """Random uint8 images with large shapes and small ones."""
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (count, 5, 4, 3), np.uint8)
    large = keras.ops.image.resize(small.astype("float32"), (height, width))
    noise = generator.normal(0, 10, (count, height, width, 3))
    return np.uint8(np.clip(np.asarray(large) + noise, 0, 255))


def write_run(recipe, folder, generator, **changes):
    """Writes a run whose weights and statistics are random but not small."""
    config = get(recipe).config
    model = replace(
        config.model,
        generator=replace(config.model.generator, **generator),
        discriminator=replace(config.model.discriminator, filters=4),
    )
    config = resolve(changed(replace(config, model=model), **changes))
    trainer = build.build_model(config)
    build.compile_model(trainer, config, 2e-4)
    randomize(*trainer.networks_of("generator"))
    stored.write(config, folder)
    trainer.save(folder / "model.keras")
    return trainer.networks_of("generator")


def randomize(*networks):
    """Makes weights and statistics random but not small."""
    draw = np.random.default_rng(0)
    for weight in [w for network in networks for w in network.weights]:
        noise = draw.normal(size=weight.shape)
        if "variance" in weight.path:
            weight.assign(0.5 + noise**2)
        elif len(weight.shape) == 4:
            weight.assign(noise / np.sqrt(np.prod(weight.shape[:3])))
        else:
            weight.assign(weight + 0.1 * noise)
