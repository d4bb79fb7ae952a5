from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth colours with some noise: what photographs are like, for a decoder."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    smooth = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
    noisy = smooth + rng.normal(0, 6, smooth.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def save(path: Path, pixels: np.ndarray, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def touch(root: Path, *names: str, size=(12, 6)) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(path)


def in_pairs(dataset) -> list[tuple]:
    """Images of A and of B of each batch, which are all that it holds."""
    batches = list(dataset)
    assert all(list(batch) == ["a", "b"] for batch in batches)
    return [tuple(batch.values()) for batch in batches]


def levels(dataset) -> list[tuple[np.ndarray, np.ndarray]]:
    """Batches as levels again, of A and of B."""
    return [
        tuple(np.rint((image.numpy() + 1) * 127.5).astype(int) for image in pair)
        for pair in in_pairs(dataset)
    ]


def one_line(error) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.fixture
def two_folders(tmp_path):
    """Five training pairs in folders A and B; every value of pair i is 10 i."""
    for i in range(5):
        for name, value in (("A", 10 * i), ("B", 10 * i + 1)):
            pixels = np.full((12, 10, 3), value, np.uint8)
            save(tmp_path / "train" / name / f"{i}.png", pixels)
    return tmp_path
