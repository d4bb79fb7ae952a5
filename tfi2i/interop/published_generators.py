"""The PyTorch reference's published generators, by name.

Names, host and folders are those of its `scripts/download_pix2pix_model.sh` and
`scripts/download_cyclegan_model.sh`.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from rich.console import Console

from tfi2i.downloads import DownloadError, Expected, check_mirror, download
from tfi2i.files import locked, make_folder

HOST = "http://efrosgans.eecs.berkeley.edu"
"""Where the authors keep them."""

TERMS = (
    "The authors publish these weights beside their code (BSD licence) without terms "
    "of their own; the images that they learnt from have theirs, mostly for research "
    "only."
)
"""What is known of their licence."""

_FOLDERS = {
    "pix2pix": "pix2pix/models-pytorch",
    "cyclegan": "cyclegan/pretrained_models",
}
_NAMES = {
    "pix2pix": "edges2shoes sat2map map2sat facades_label2photo day2night",
    "cyclegan": "apple2orange orange2apple summer2winter_yosemite "
    "winter2summer_yosemite horse2zebra zebra2horse monet2photo style_monet "
    "style_cezanne style_ukiyoe style_vangogh sat2map map2sat cityscapes_photo2label "
    "cityscapes_label2photo facades_photo2label facades_label2photo iphone2dslr_flower",
}


@dataclass(frozen=True)
class Published:
    """A generator that can be fetched.

    Attributes:
        kind: `"pix2pix"` or `"cyclegan"`.
        file: its name there, without `.pth`.
        name: what it is called here; with its kind where both kinds have it.
    """

    kind: str
    file: str
    name: str

    def address(self, host: str = HOST) -> str:
        """Where it is."""
        return f"{host.rstrip('/')}/{_FOLDERS[self.kind]}/{self.file}.pth"


def published() -> list[Published]:
    """All of them: 5 of pix2pix, 18 of CycleGAN."""
    both = set(_NAMES["pix2pix"].split()) & set(_NAMES["cyclegan"].split())
    return [
        Published(kind, file, f"{kind}/{file}" if file in both else file)
        for kind, names in _NAMES.items()
        for file in names.split()
    ]


def find(name: str) -> Published | None:
    """Finds one by name, None where the name is none of theirs.

    Raises:
        ValueError: the name is of a pix2pix and of a CycleGAN generator.
    """
    found = [
        item
        for item in published()
        if name in (item.name, item.file, f"{item.kind}/{item.file}")
    ]
    if len(found) > 1:
        names = " or ".join(item.name for item in found)
        raise ValueError(f"{name!r} is the name of two generators: write {names}.")
    return found[0] if found else None


def nearest(name: str) -> str:
    """`" Did you mean 'x'?"` for the published name nearest to `name`, or `""`."""
    names = [item.name for item in published()]
    near = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def fetch(
    item: Published,
    folder: Path,
    host: str = HOST,
    console: Console | None = None,
    started: Callable[[int | None, int], None] = lambda total, present: None,
) -> Path:
    """Downloads one, or the rest of it, unless it is there already.

    Args:
        item: which.
        folder: where it is kept, made where missing.
        host: address before the folders of pix2pix and CycleGAN.
        console: a terminal to show a progress bar on, or None.
        started: called before anything is written, with the size of the file in bytes,
            None where the server does not say, and the bytes already present.

    Returns:
        The file.

    Raises:
        ValueError: `host` is no address.
        OSError: it cannot be reached, breaks off, or cannot be written.
    """
    check_mirror(host)
    target, address = path(item, folder), item.address(host)
    if target.is_file():
        return target
    make_folder(folder)
    try:
        with locked(target):
            # Another process may have downloaded it meanwhile.
            if not target.is_file():
                download(address, target, Expected(), console=console, started=started)
    except DownloadError as error:
        raise OSError(
            f"Cannot fetch {address}: {error}. Try again later, or fetch it with a "
            "browser and import the file; --mirror names another host."
        ) from error
    return target


def path(item: Published, folder: Path) -> Path:
    """Where `fetch` keeps one."""
    return folder / f"{item.kind}_{item.file}.pth"


def cache() -> Path:
    """Where fetched files are kept."""
    return Path(platformdirs.user_cache_dir("tfi2i")) / "zoo"
