"""The trained translators that come with the repository."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tfi2i
from tests.test_cli import tfi2i as command
from tfi2i.evaluation import evaluate
from tfi2i.inference import load
from tfi2i.recipes import stored

EXAMPLES = Path(tfi2i.__file__).parents[1] / "saved_models"
WAYS = {
    "edges2emoji": ("edges2emoji_a2b", "drawings", "a2b", 128),
    "cyclegan-emoji-a2b": ("cyclegan-emoji_a2b", "flat", "a2b", 64),
    "cyclegan-emoji-b2a": ("cyclegan-emoji_b2a", "fluent", "b2a", 64),
}


def _folder(export):
    return EXAMPLES / export.rpartition("_")[0]


@pytest.mark.parametrize("name", ["edges2emoji", "cyclegan-emoji"])
def test_is_small_and_describes_itself(name):
    example = EXAMPLES / name
    card = (example / "README.md").read_text("utf-8")
    files = [path for path in example.rglob("*") if path.is_file()]
    picture = EXAMPLES.parent / "docs" / "images" / f"{name}.png"
    total = sum(path.stat().st_size for path in [*files, picture])
    assert total < 7e6
    assert f"is {total / 1e6:.1f} MB" in card
    assert not (example / "model.keras").exists()
    assert stored.read(example).recipe == name
    report = json.loads((example / "export" / "report.json").read_text())
    for entry in report:
        assert (example / "export" / entry["path"]).exists()
        assert f"{round(entry['bytes'] / 1e6)} MB" in card


@pytest.mark.parametrize(("export", "inputs", "way", "size"), WAYS.values(), ids=WAYS)
def test_both_exports_paint_the_inputs_alike(export, inputs, way, size):
    folder = _folder(export)
    whole = load(folder, way)
    small = load(folder / "export" / f"{export}_float16.tflite")
    paths = sorted((folder / inputs).glob("*.png"))
    assert len(paths) == 6
    for path in paths:
        image = np.asarray(Image.open(path).convert("RGB"))
        painted = np.int32(whole(image))
        assert painted.shape == (size, size, 3)
        # Colours inside, white around, as emoji are.
        assert (painted.max(axis=-1) - painted.min(axis=-1)).max() > 50
        assert painted[:2].mean() > 235
        assert np.abs(np.int32(small(image)) - painted).max() <= 8


@pytest.mark.slow
@pytest.mark.parametrize("way", ["a2b", "b2a"])
def test_the_card_s_scores(way):
    copied, scored = evaluate([EXAMPLES / "cyclegan-emoji"], {}, direction=way)
    card = (EXAMPLES / "cyclegan-emoji" / "README.md").read_text()
    assert f"| {copied.scores.l1:.4f} |" in card
    # The last digit may round otherwise on another processor.
    near = [f"{scored.scores.l1 + shift:.4f}" for shift in (-1e-4, 0, 1e-4)]
    assert any(digits in card for digits in near)


@pytest.mark.slow
@pytest.mark.parametrize(("export", "inputs", "way", "size"), WAYS.values(), ids=WAYS)
def test_the_card_s_command_paints(tmp_path, export, inputs, way, size):
    folder = _folder(export)
    words = (folder, folder / inputs, tmp_path / "painted", "--direction", way)
    done = command("translate", *words)
    assert done.returncode == 0, done.stderr
    assert "6 translated" in done.stdout
    assert len(list((tmp_path / "painted").iterdir())) == 6
