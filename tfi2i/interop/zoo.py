"""The PyTorch reference's published generators, by name.

Names, host and folders are those of its `scripts/download_pix2pix_model.sh` and
`scripts/download_cyclegan_model.sh`.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests

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
_SECONDS = 30


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


def size(item: Published, host: str = HOST) -> int | None:
    """Asks how many bytes it has; None where the server does not say.

    Raises:
        OSError: it cannot be reached.
    """
    address = item.address(host)
    try:
        answer = requests.head(address, timeout=_SECONDS, allow_redirects=True)
        if answer.status_code in (405, 501):
            return None
        answer.raise_for_status()
    except requests.RequestException as error:
        raise _unreachable(address, error) from error
    length = answer.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


def fetch(item: Published, folder: Path, host: str = HOST) -> Path:
    """Fetches one, unless it is there already.

    Args:
        item: which.
        folder: where it is kept.
        host: address before the folders of pix2pix and CycleGAN.

    Returns:
        The file.

    Raises:
        OSError: it cannot be reached, or breaks off.
    """
    address = item.address(host)
    pooch.get_logger().setLevel("WARNING")
    try:
        fetched = pooch.retrieve(
            address,
            known_hash=None,
            fname=path(item, folder).name,
            path=folder,
            downloader=pooch.HTTPDownloader(timeout=_SECONDS),
        )
    except requests.RequestException as error:
        raise _unreachable(address, error) from error
    return Path(fetched)


def path(item: Published, folder: Path) -> Path:
    """Where `fetch` keeps one."""
    return folder / f"{item.kind}_{item.file}.pth"


def cache() -> Path:
    """Where fetched files are kept."""
    return Path(pooch.os_cache("tfi2i")) / "zoo"


def _unreachable(address, error):
    response = getattr(error, "response", None)
    if response is not None:
        why = f"the server answers {response.status_code}"
    else:
        why = type(error).__name__
    return OSError(
        f"Cannot fetch {address}: {why}. Try again later, or fetch it with a browser "
        "and import the file; --mirror names another host."
    )
