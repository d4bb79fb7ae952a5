from pathlib import Path

import numpy as np

from tests.data.conftest import picture, save


def pictures(root: Path, *names: str, size=(16, 16), first: int = 0) -> None:
    """Images that all differ, of one size, width first."""
    for seed, name in enumerate(names, first):
        save(root / name, picture(size[1], size[0], seed))


def plain(path: Path, level: int = 9, size=(16, 16)) -> Path:
    """An image of a single colour."""
    return save(path, np.full((size[1], size[0], 3), level, np.uint8))


def cut(path: Path) -> Path:
    """Keep the header and little more."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path
