"""One split of paired or unpaired images, from disk to what is trained on."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfi2i.data import (
    derived_inputs,
    image_loading,
    paired_files,
    transforms,
    unpaired_files,
)
from tfi2i.data.epochs import TwoDomains, as_text
from tfi2i.data.headers import shortened
from tfi2i.data.preprocessing import Preprocessing
from tfi2i.data.reading import Reading
from tfi2i.data.validation_share import Share


class PairedData(TwoDomains):
    """One split of paired images, decoded.

    Both images of a pair are rotated, cropped and mirrored in the same way.

    Attributes:
        images: `image_store.Images` of `"a"` and of `"b"`, as many.
        files: which files were read and how.
        names: file stems, in order.
    """

    _unit = "pairs"

    def __init__(self, real_a, real_b, files: paired_files.PairedFiles, methods=None):
        """Holds images that are already loaded; `load` reads them from disk."""
        names = tuple(sample.name for sample in files.samples)
        super().__init__(real_a, real_b, names, methods)
        self.files = files

    @classmethod
    def load(
        cls,
        directory: str | Path,
        split: str = "train",
        *,
        layout: paired_files.Layout = "auto",
        a: str = "A",
        b: str = "B",
        usual: tuple[str, str] = ("A", "B"),
        exclude: str | Path | None = None,
        share: Share | None = None,
        input: derived_inputs.Input = "files",
        downscale: int = 4,
        limit: int | None = None,
        progress: bool = True,
        **preprocessing: Any,
    ) -> PairedData:
        """Decodes and resizes a whole split, on all cores.

        Takes `6 * load_size**2` bytes per pair of 8-bit colour: 0.5 MB at 286 pixels.

        Args:
            directory: the data set's folder.
            split: `train`, `val` or `test`.
            layout: see `paired_files.find_pairs`.
            a: name of the folder that holds domain A.
            b: name of the folder that holds domain B.
            usual: see `paired_files.find_pairs`.
            exclude: file that lists images to leave out.
            share: see `paired_files.find_pairs`.
            input: `edges`, `grayscale` or `downscale` make A from B, see
                `derived_inputs.Derivation`. B is then the single image, the B folder or
                the right half.
            downscale: how much smaller images of that kind are.
            limit: how many pairs to decode, the first ones; None for all.
            progress: show a bar on stderr, if that is a terminal.
            **preprocessing: fields of `Preprocessing`, such as `load_size`.

        Returns:
            The split.

        Raises:
            OSError: the folder or the split does not exist.
            ValueError: see `paired_files.find_pairs`; files that cannot be decoded;
                an argument outside its range; too little memory.
        """
        _check_choice("input", input, derived_inputs.INPUTS)
        how = Preprocessing(**preprocessing)
        from_target = input != "files"
        where = {"layout": layout, "a": a, "b": b, "usual": usual}
        where |= {"exclude": exclude, "share": share}
        files = paired_files.find_pairs(
            directory, split, targets_only=from_target, **where
        )
        files = dataclasses.replace(files, samples=files.samples[:limit])
        methods = how.domain_a.method, how.domain_b.method
        if from_target:
            derivation = derived_inputs.Derivation(input, downscale, methods[1])
            real = _load_derived(files, how, derivation, progress)
            return cls(*real, files, (methods[1], methods[1]))
        return cls(*_load_pairs(files, how, progress), files, methods)

    def swapped(self) -> PairedData:
        """The same pairs, with the domains' names exchanged."""
        a, b = self.images.values()
        methods = self.methods["b"], self.methods["a"]
        return type(self)(b, a, self.files, methods)

    @property
    def counted(self) -> str:
        """How many there are, in words."""
        return f"{len(self)} training pairs"

    def image_files(self, limit: int | None = None) -> dict[str, Path]:
        """The files that were read, by domain and name: `A/1.png`.

        Args:
            limit: how many pairs, the first ones; None for all.

        Returns:
            One that holds both images of a pair occurs once.
        """
        found = {}
        for sample in self.files.samples[:limit]:
            name, path = f"B/{sample.name}", sample.b.path
            found[name + path.suffix] = path
            if sample.a is not None and sample.a.path != path:
                name, path = f"A/{sample.name}", sample.a.path
                found[name + path.suffix] = path
        return {as_text(key): path for key, path in found.items()}

    def _example(self, index, seed, jitter):
        images = [images.get(index) for images in self.images.values()]
        methods = tuple(self.methods.values())
        jittered = jitter(*images, seed=seed, methods=methods)
        return dict(zip(self.images, jittered, strict=True))


class UnpairedData(TwoDomains):
    """One split of two domains' images, decoded.

    An epoch has as many examples as the larger domain has images. It takes the images
    of A in turn, in a new order, so that their counts differ by one at most, and
    matches each with a random image of B. Both are rotated, cropped and mirrored
    independently. The code of CycleGAN's authors does the same.

    Attributes:
        images: `image_store.Images` of `"a"` and of `"b"`; their counts may differ.
        files: which files were read and how.
        names: file names of A, then of B, `A/` or `B/` before each.
    """

    _unit = "images in the larger domain"

    def __init__(
        self, real_a, real_b, files: unpaired_files.UnpairedFiles, methods=None
    ):
        """Holds images that are already loaded; `load` reads them from disk."""
        names_a = [f"A/{image.path.name}" for image in files.a]
        names_b = [f"B/{image.path.name}" for image in files.b]
        super().__init__(real_a, real_b, (*names_a, *names_b), methods)
        self.files = files

    @classmethod
    def load(
        cls,
        directory: str | Path,
        split: str = "train",
        *,
        layout: paired_files.Layout = "auto",
        a: str = "A",
        b: str = "B",
        usual: tuple[str, str] = ("A", "B"),
        exclude: str | Path | None = None,
        share: Share | None = None,
        limit: int | None = None,
        progress: bool = True,
        **preprocessing: Any,
    ) -> UnpairedData:
        """Decodes and resizes a whole split, on all cores.

        Takes `3 * load_size**2` bytes per image of 8-bit colour: 0.25 MB at 286 pixels.

        Args:
            directory: the data set's folder.
            split: `train`, `val` or `test`.
            layout: see `unpaired_files.find_unpaired`.
            a: name of the folder that holds domain A.
            b: name of the folder that holds domain B.
            usual: see `paired_files.find_pairs`.
            exclude: file that lists images to leave out.
            share: see `paired_files.find_pairs`.
            limit: how many images of each domain to decode, the first ones; None for
                all.
            progress: show a bar on stderr, if that is a terminal.
            **preprocessing: fields of `Preprocessing`, such as `load_size`.

        Returns:
            The split.

        Raises:
            OSError: the folder or the split does not exist.
            ValueError: see `unpaired_files.find_unpaired`; files that cannot be
                decoded; an argument outside its range; too little memory.
        """
        how = Preprocessing(**preprocessing)
        where = {"layout": layout, "a": a, "b": b, "usual": usual}
        where |= {"exclude": exclude, "share": share}
        files = unpaired_files.find_unpaired(directory, split, **where)
        files = dataclasses.replace(files, a=files.a[:limit], b=files.b[:limit])
        readings = _readings(how, (files.a, files.b), progress)
        real = image_loading.load((files.a, files.b), readings, how.cache, progress)
        return cls(*real, files, (how.domain_a.method, how.domain_b.method))

    @property
    def counted(self) -> str:
        """How many there are, in words."""
        return "{} and {} training images".format(*map(len, self.images.values()))

    def image_files(self, limit: int | None = None) -> dict[str, Path]:
        """The files that were read, by domain and name: `A/1.png`.

        Args:
            limit: how many of each domain, the first ones; None for all.
        """
        pairs = zip(self.names, (*self.files.a, *self.files.b), strict=True)
        found = {name: image.path for name, image in pairs}
        counts = (len(self.files.a), len(self.files.b))
        used = [*range(counts[0])[:limit], *range(sum(counts))[counts[0] :][:limit]]
        keys = list(found)
        return {keys[index]: found[keys[index]] for index in used}

    def _example(self, index, seed, jitter):
        seed_a, seed_b, seed_choice = tf.unstack(
            tf.random.split(seed, 3, alg=transforms.RANDOM_ALGORITHM)
        )
        chosen = tf.random.stateless_uniform(
            (),
            seed_choice,
            maxval=len(self.images["b"]),
            dtype=tf.int64,
            alg=transforms.RANDOM_ALGORITHM,
        )
        # The order of an epoch is a permutation of the larger domain's indices.
        in_turn = index % len(self.images["a"])
        example = {}
        for domain, at, own_seed in (("a", in_turn, seed_a), ("b", chosen, seed_b)):
            image, method = self.images[domain].get(at), self.methods[domain]
            (example[domain],) = jitter(image, seed=own_seed, methods=(method,))
        return example


def bundled() -> Path:
    """Finds the images that come with the package.

    Returns:
        Folder of 1,594 emoji, side by side, 64 pixels: flat (A), shaded (B).
    """
    return Path(__file__).parent / "emoji"


def _load_pairs(files, how, progress):
    sides = [pair.a for pair in files.samples], [pair.b for pair in files.samples]
    readings = _readings(how, sides, progress)
    _check_alike(files, *map(Reading.shapes, readings, sides))
    return image_loading.load(sides, readings, how.cache, progress)


def _load_derived(files, how, derivation, progress):
    targets = [pair.b for pair in files.samples]
    reading = how.reading(targets, "b", progress)
    return image_loading.load_derived(targets, reading, derivation, how.cache, progress)


def _readings(how, files, progress):
    return tuple(map(how.reading, files, "ab", (progress, progress)))


def _check_alike(files, shapes_a, shapes_b):
    """Refuses pairs of images that would be cropped at different places."""
    unlike = [
        f"'{sample.name}' ({a[0]}x{a[1]} and {b[0]}x{b[1]})"
        for sample, a, b in zip(
            files.samples, shapes_a.tolist(), shapes_b.tolist(), strict=True
        )
        if a != b
    ]
    if unlike:
        raise ValueError(
            f"pairs of images of different sizes ({len(unlike)}): "
            f"{shortened(unlike)}; make them equal, or choose --data.preprocess "
            "resize_and_crop, which resizes all"
        )


def _check_choice(field: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(
            f"--data.{field} is '{value}', expected {' or '.join(choices)}"
        )
