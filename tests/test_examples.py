"""The trained translators that come with the repository."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tfi2i
from tests.test_cli import tfi2i as command
from tfi2i.inference import load
from tfi2i.recipes import stored

EXAMPLE = Path(tfi2i.__file__).parents[1] / "saved_models" / "edges2emoji"


def test_is_small_and_describes_itself():
    files = [path for path in EXAMPLE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 45e6
    assert not (EXAMPLE / "model.keras").exists()
    assert stored.read(EXAMPLE).data.dir == "emoji_flat2fluent_128"
    report = json.loads((EXAMPLE / "export" / "report.json").read_text())
    for entry in report:
        assert (EXAMPLE / "export" / entry["path"]).exists()
        assert str(round(entry["bytes"] / 1e6)) in (EXAMPLE / "README.md").read_text()


def test_both_exports_paint_the_drawings_alike():
    whole = load(EXAMPLE)
    small = load(EXAMPLE / "export" / "edges2emoji_a2b_float16.tflite")
    drawings = sorted((EXAMPLE / "drawings").glob("*.png"))
    assert len(drawings) == 6
    for path in drawings:
        drawing = np.asarray(Image.open(path).convert("RGB"))
        painted = np.int32(whole(drawing))
        assert painted.shape == (128, 128, 3)
        # Colours inside, white around, as emoji are.
        assert (painted.max(axis=-1) - painted.min(axis=-1)).max() > 50
        assert painted[:4].mean() > 245
        assert np.abs(np.int32(small(drawing)) - painted).max() <= 8


@pytest.mark.slow
def test_the_card_s_command_paints(tmp_path):
    done = command("translate", EXAMPLE, EXAMPLE / "drawings", tmp_path / "painted")
    assert done.returncode == 0, done.stderr
    assert "6 translated" in done.stdout
    assert len(list((tmp_path / "painted").iterdir())) == 6
