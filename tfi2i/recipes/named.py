"""The recipes that `tfi2i train` knows by name.

Each value says what it learns, what it costs and what to expect; a score that nobody
has measured with this package says so.
"""

from dataclasses import dataclass

from tfi2i.recipes.config import (
    CycleGANConfig,
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    OptimizerConfig,
    Pix2PixConfig,
    TrainConfig,
    suggest,
)


@dataclass(frozen=True)
class Recipe:
    """A configuration with what one should know before starting it."""

    config: TrainConfig
    """What is trained, not yet resolved."""
    summary: str
    """What it learns, and from which images."""
    cost: str
    """Images, epochs and the time that they take."""
    scores: str
    """Scores to expect, with their source, or "not measured"."""
    bundled: bool = False
    """Whether it trains on the package's own images when no folder is given."""


def _emoji(name: str, data: DataConfig) -> TrainConfig:
    """Return narrow networks on 64-pixel emoji, that learn fast enough for a CPU."""
    return TrainConfig(
        recipe=name,
        data=data,
        model=Pix2PixConfig(
            generator=GeneratorConfig(filters=32, dropout=0.0),
            discriminator=DiscriminatorConfig(filters=16),
        ),
        optimizer=OptimizerConfig(learning_rate=5e-4),
        epochs=22,
    )


def _cyclegan(name: str, data: DataConfig) -> TrainConfig:
    """Return the reference's defaults: ResNet-9, 286 to 256 pixels, 200 epochs."""
    return TrainConfig(recipe=name, model=CycleGANConfig(), data=data)


_YOURS = (
    "as many steps an epoch as you have images; tfi2i data check estimates the time"
)

RECIPES: dict[str, Recipe] = {
    "pix2pix": Recipe(
        config=TrainConfig(recipe="pix2pix"),
        summary="your own pairs, resized to 286 and cropped to 256 pixels",
        cost=f"200 epochs, {_YOURS}",
        scores="depend on your images",
    ),
    "pix2pix-crops": Recipe(
        config=TrainConfig(recipe="pix2pix-crops", data=DataConfig(preprocess="crop")),
        summary="your own pairs, larger ones: on crops of 256 pixels, not resized; "
        "whole images are translated",
        cost=f"200 epochs, {_YOURS}",
        scores="depend on your images",
    ),
    "cyclegan": Recipe(
        config=_cyclegan("cyclegan", DataConfig()),
        summary="your own two sets of images, resized to 286 and cropped to 256 pixels",
        cost=f"200 epochs, {_YOURS}",
        scores="depend on your images",
    ),
    "cyclegan-crops": Recipe(
        config=_cyclegan("cyclegan-crops", DataConfig(preprocess="crop")),
        summary="your own two sets, larger images: on crops of 256 pixels, not "
        "resized; whole images are translated",
        cost=f"200 epochs, {_YOURS}",
        scores="depend on your images",
    ),
    "pix2pix-facades": Recipe(
        config=TrainConfig(
            recipe="pix2pix-facades",
            data=DataConfig(a="photo", b="label", direction="b2a"),
        ),
        summary="labels to photographs of facades (CMP facades)",
        cost="400 pairs, 200 epochs: 80,000 steps at 256 px; 9 ms each on an H100 with "
        "--xla",
        scores="PyTorch reference: FID 119.1 (mmagic's protocol, 106 test images); "
        "here not measured",
    ),
    "pix2pix-edges2photo": Recipe(
        config=TrainConfig(
            recipe="pix2pix-edges2photo", data=DataConfig(batch_size=4), epochs=15
        ),
        summary="edge drawings to photographs (edges2shoes, edges2handbags)",
        cost="50,000 pairs, 15 epochs: 187,500 steps of 4 at 256 px; time not measured",
        scores="PyTorch reference, edges2shoes: FID 75.8 (mmagic's protocol); here not "
        "measured",
    ),
    "pix2pix-maps": Recipe(
        config=TrainConfig(recipe="pix2pix-maps"),
        summary="aerial photographs to maps (b2a for the way back)",
        cost="1,096 pairs, 200 epochs: 219,200 steps at 256 px; time not measured",
        scores="paper: 6.1% of people fooled; PyTorch reference: FID 149.7 (mmagic's "
        "protocol); here not measured",
    ),
    "pix2pix-emoji": Recipe(
        config=_emoji(
            "pix2pix-emoji",
            DataConfig(a="flat", b="fluent", crop_size=64, load_size=72, batch_size=16),
        ),
        summary="flat emoji to shaded ones (bundled)",
        cost="1,348 pairs, 22 epochs: 1,848 steps of 16 at 64 px; time not measured",
        scores="not measured",
        bundled=True,
    ),
    "edges2emoji": Recipe(
        config=_emoji(
            "edges2emoji",
            DataConfig(
                a="flat",
                b="fluent",
                input="edges",
                crop_size=64,
                load_size=64,
                batch_size=16,
            ),
        ),
        summary="edge drawings to shaded emoji (bundled; edges drawn by Canny)",
        cost="1,348 pairs, 22 epochs: 1,848 steps of 16 at 64 px; 4 min on 2 cores",
        scores="test images: L1 0.113, SSIM 0.55 (mean image: 0.176)",
        bundled=True,
    ),
    "cyclegan-horse2zebra": Recipe(
        config=_cyclegan("cyclegan-horse2zebra", DataConfig(a="horse", b="zebra")),
        summary="horses to zebras and back (unpaired)",
        cost="1,067 and 1,334 images, 200 epochs: 266,800 steps at 256 px; 37 ms each "
        "on an H100 with --xla",
        scores="PyTorch reference: FID 62.1 to zebras, 138.6 back (mmagic's protocol); "
        "here not measured",
    ),
    "cyclegan-summer2winter": Recipe(
        config=_cyclegan("cyclegan-summer2winter", DataConfig(a="summer", b="winter")),
        summary="Yosemite in summer to winter and back (unpaired)",
        cost="1,231 and 962 images, 200 epochs: 246,200 steps at 256 px; time not "
        "measured",
        scores="PyTorch reference: FID 77.3 to winter, 72.6 back (mmagic's protocol); "
        "here not measured",
    ),
    "cyclegan-monet2photo": Recipe(
        config=_cyclegan("cyclegan-monet2photo", DataConfig(a="monet", b="photo")),
        summary="Monet's paintings to photographs and back (unpaired)",
        cost="1,072 and 6,287 images, 200 epochs: 1,257,400 steps at 256 px; time not "
        "measured",
        scores="not measured",
    ),
    "cyclegan-emoji": Recipe(
        config=TrainConfig(
            recipe="cyclegan-emoji",
            model=CycleGANConfig(
                generator=GeneratorConfig(
                    network="resnet",
                    filters=32,
                    blocks=4,
                    norm="instance",
                    dropout=0.0,
                ),
                discriminator=DiscriminatorConfig(
                    filters=32, num_layers=2, norm="instance"
                ),
            ),
            data=DataConfig(
                a="flat", b="fluent", crop_size=64, load_size=72, batch_size=4
            ),
            epochs=20,
        ),
        summary="two styles of emoji into each other, unpaired; without --data.dir "
        "flat ones and shaded ones (bundled)",
        cost="1,348 and 1,348 images, 20 epochs: 6,740 steps of 4 at 64 px; 49 min on "
        "2 cores",
        scores="test images: L1 0.052 to shaded, 0.055 back (copying: 0.058), SSIM "
        "0.70 (copying: 0.73)",
        bundled=True,
    ),
}
"""Every named recipe."""


def get(name: str) -> Recipe:
    """Return the recipe called `name`.

    Raises:
        ValueError: if there is none; the message suggests the nearest and lists all.
    """
    if name not in RECIPES:
        raise ValueError(
            f"There is no recipe {name!r}.{suggest(name, RECIPES)} "
            f"Recipes: {', '.join(RECIPES)}."
        )
    return RECIPES[name]


def usual_names(recipe: str) -> tuple[str, str]:
    """Names of the folders of A and B that a recipe gives; `A` and `B` without one."""
    data = RECIPES[recipe].config.data if recipe in RECIPES else DataConfig()
    return data.a, data.b
