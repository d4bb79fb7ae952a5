"""The public sets of pix2pix and CycleGAN, by name.

Names, hosts and folders are those of the PyTorch reference's
`datasets/download_pix2pix_dataset.sh` and `datasets/download_cyclegan_dataset.sh`.
Sizes and checksums of CycleGAN's are those that TensorFlow Datasets recorded
(`url_checksums/cycle_gan.txt`), sizes of pix2pix' those that the server told users.
Nobody has verified an address with this package yet.
"""

import difflib
from dataclasses import dataclass

HOST = "https://efrosgans.eecs.berkeley.edu"
"""Where the authors keep them."""

_OLD_HOSTS = {
    "pix2pix": "https://people.eecs.berkeley.edu/~tinghuiz/projects/pix2pix/datasets",
    "cyclegan": "https://people.eecs.berkeley.edu/~taesung_park/CycleGAN/datasets",
}
_RELEASES = "https://github.com/Lornatang/CycleGAN-PyTorch/releases/download/1.0"

# Copies on other hosts, which are used only where a checksum is known.
_COPIES = {
    "horse2zebra": (
        "https://huggingface.co/datasets/kerls/cyclegan-horse2zebra/resolve/main/"
        "horse2zebra.zip",
    ),
}

_PAPERS = {
    "pix2pix": "Isola et al., CVPR 2017 (pix2pix)",
    "cyclegan": "Zhu et al., ICCV 2017 (CycleGAN)",
}


@dataclass(frozen=True)
class Source:
    """A set that can be fetched.

    Attributes:
        name: what it is called here; `cyclegan/NAME` where pix2pix has one of that
            name, too.
        kind: `"pix2pix"` (pairs, side by side) or `"cyclegan"` (no pairs).
        about: what it shows, left (or A) and right (or B).
        terms: under which it may be used.
        recipe: what follows `tfi2i train` and `--data.dir DIR`; None where there is
            nothing to train on.
        made_by: what to cite beside the model's paper, or `""`.
        size: bytes of the archive where documented; to two digits where `rounded`.
        rounded: whether only the server's listing told the size.
        sha256: of the archive where documented, else None.
        verified: when these addresses were last seen to work, `"never"` or a date.
    """

    name: str
    kind: str
    about: str
    terms: str
    recipe: str | None = "cyclegan"
    made_by: str = ""
    size: int | None = None
    rounded: bool = False
    sha256: str | None = None
    verified: str = "never"

    @property
    def file(self) -> str:
        """Name of the archive, without its suffix."""
        return self.name.removeprefix("cyclegan/")

    @property
    def suffix(self) -> str:
        """Suffix of the archive."""
        return ".tar.gz" if self.kind == "pix2pix" else ".zip"

    @property
    def citation(self) -> str:
        """What to cite."""
        return "; ".join(filter(None, (self.made_by, _PAPERS[self.kind])))

    def addresses(self, mirror: str | None = None) -> tuple[str, ...]:
        """Where it is, in the order in which to try.

        Args:
            mirror: address before the folders of pix2pix and CycleGAN, the only one to
                try; None tries the authors' and those that are documented to have it.
        """
        file = f"{self.file}{self.suffix}"
        if mirror is not None:
            return (f"{mirror.rstrip('/')}/{self.kind}/datasets/{file}",)
        plain = HOST.replace("https:", "http:")
        found = [f"{host}/{self.kind}/datasets/{file}" for host in (HOST, plain)]
        found.append(f"{_OLD_HOSTS[self.kind]}/{file}")
        if self.sha256 is not None:
            found += [f"{_RELEASES}/{file}", *_COPIES.get(self.file, ())]
        return tuple(found)


_FACADES = "Research; credit the CMP facade database."
_CITYSCAPES = (
    "Cityscapes' own: non-commercial, after registering at cityscapes-dataset.com. The "
    "authors of pix2pix no longer hand it out and may refuse."
)
_MAPS = "Images of Google Maps, whose terms apply; for research."
_ZAPPOS = "Academic, non-commercial (UT Zappos50K)."
_HANDBAGS = "Images of Amazon's shop; for research."
_IMAGENET = "Images from ImageNet: non-commercial research."
_FLICKR = "Photographs from Flickr, each with its owner's terms; for research."
_WIKIART = (
    "Paintings from WikiArt and photographs from Flickr, each with its owner's terms; "
    "for research."
)
_TYLECEK = "Tylecek and Sara, GCPR 2013"
_CORDTS = "Cordts et al., CVPR 2016"

_ALL = (
    Source(
        "facades",
        "pix2pix",
        "photographs of facades and their labels",
        _FACADES,
        recipe="pix2pix-facades",
        made_by=_TYLECEK,
        size=30_168_306,
    ),
    Source(
        "maps",
        "pix2pix",
        "aerial photographs and maps",
        _MAPS,
        recipe="pix2pix-maps",
        size=250_242_400,
    ),
    Source(
        "cityscapes",
        "pix2pix",
        "photographs of streets and their labels",
        _CITYSCAPES,
        recipe="pix2pix --data.direction b2a",
        made_by=_CORDTS,
        size=103_441_232,
    ),
    Source(
        "edges2shoes",
        "pix2pix",
        "edge drawings and photographs of shoes",
        _ZAPPOS,
        recipe="pix2pix-edges2photo",
        made_by="Yu and Grauman, CVPR 2014",
        size=2_000_000_000,
        rounded=True,
    ),
    Source(
        "edges2handbags",
        "pix2pix",
        "edge drawings and photographs of handbags",
        _HANDBAGS,
        recipe="pix2pix-edges2photo",
        made_by="Zhu et al., ECCV 2016",
        size=8_000_000_000,
        rounded=True,
    ),
    Source(
        "night2day",
        "pix2pix",
        "the same places at night and by day",
        "Webcam images of the Transient Attributes data set; for research.",
        recipe="pix2pix",
        made_by="Laffont et al., SIGGRAPH 2014",
        size=1_900_000_000,
        rounded=True,
    ),
    Source(
        "horse2zebra",
        "cyclegan",
        "horses and zebras",
        _IMAGENET,
        recipe="cyclegan-horse2zebra",
        size=116_867_962,
        sha256="a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1",
    ),
    Source(
        "apple2orange",
        "cyclegan",
        "apples and oranges",
        _IMAGENET,
        size=78_456_409,
        sha256="845a191e9af8926408ea597001cd03a452e3300a1f44a79fe329b3d59f6e3eb8",
    ),
    Source(
        "summer2winter_yosemite",
        "cyclegan",
        "Yosemite in summer and in winter",
        _FLICKR,
        recipe="cyclegan-summer2winter",
        size=132_640_856,
        sha256="167fe1726807a9d22bd106b4a6c0bd7953b688af924ac1bf967439c4961e49f9",
    ),
    Source(
        "monet2photo",
        "cyclegan",
        "Monet's paintings and photographs of landscapes",
        _WIKIART,
        recipe="cyclegan-monet2photo",
        size=305_231_073,
        sha256="88f91b00fc228f97c9411fbf1880ec1d119c98f1722e4cfcfaa2fb35fac05b04",
    ),
    Source(
        "cezanne2photo",
        "cyclegan",
        "Cezanne's paintings and photographs of landscapes",
        _WIKIART,
        size=279_885_071,
        sha256="3a6c10ca21f9485862f1cbd707744b9dc258954a04631271d23a3605eeb63cff",
    ),
    Source(
        "vangogh2photo",
        "cyclegan",
        "van Gogh's paintings and photographs of landscapes",
        _WIKIART,
        size=306_590_349,
        sha256="362c3473e70be0944bda08d49d660eafdc2854df55d697835b8186d1d79caaff",
    ),
    Source(
        "ukiyoe2photo",
        "cyclegan",
        "Ukiyo-e prints and photographs of landscapes",
        _WIKIART,
        size=292_946_532,
        sha256="02a2a2fb5ecf425ca1bf86aca7304377da64a2a1d3b86df54eb65e4068bf3b08",
    ),
    Source(
        "iphone2dslr_flower",
        "cyclegan",
        "flowers by telephone and by camera",
        _FLICKR,
        size=339_964_458,
        sha256="8fcb5e374d631b107e1d961b8c4cd0a186aa2a4ff3e279923f4c426128de7113",
    ),
    Source(
        "ae_photos",
        "cyclegan",
        "photographs to paint in a style (test images only)",
        "The authors' own photographs, without terms of their own; for research.",
        recipe=None,
        size=10_000_000,
        rounded=True,
    ),
    Source(
        "cyclegan/maps",
        "cyclegan",
        "aerial photographs and maps, unpaired",
        _MAPS,
        size=1_476_754_427,
        sha256="639534f69dbf9f36bef8d6292a7698006361221f83f0285d7c9ca78afe6e8a9e",
    ),
    # Its size is documented twice, differently: there are two archives of this name.
    Source(
        "cyclegan/cityscapes",
        "cyclegan",
        "photographs of streets and their labels, unpaired",
        _CITYSCAPES,
        made_by=_CORDTS,
    ),
    Source(
        "cyclegan/facades",
        "cyclegan",
        "photographs of facades and their labels, unpaired",
        _FACADES,
        made_by=_TYLECEK,
        size=35_135_868,
        sha256="9a31ebf3a31b9b5cd195dd5bf62e9308e00cb94604d1019e3889ac84248695c0",
    ),
)

SOURCES: dict[str, Source] = {source.name: source for source in _ALL}
"""All of them by name: 6 of pix2pix, 12 of CycleGAN."""


def find(name: str) -> Source:
    """Finds one by name, with or without its kind.

    Raises:
        ValueError: there is none; the message suggests the nearest and lists all.
    """
    for source in _ALL:
        if name in (source.name, f"{source.kind}/{source.file}"):
            return source
    near = difflib.get_close_matches(name, SOURCES, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"There is no public set {name!r}.{hint} Sets: {', '.join(SOURCES)}."
    )


def shown_size(source: Source) -> str:
    """The archive's size in words."""
    if source.size is None:
        return "size unknown until the server says"
    about = "about " if source.rounded else ""
    return f"{about}{megabytes(source.size)}"


def megabytes(size: int) -> str:
    """Bytes as MB or GB."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.1f} MB"
