"""Translators scored on a folder, against NumPy."""

import shutil

import numpy as np
import pytest
from PIL import Image

from tests.test_cli import refused, tfi2i
from tests.translators import exported, make_cyclegan_run, photos
from tfi2i.evaluation import evaluate
from tfi2i.evaluation.evaluate_sources import COPY
from tfi2i.evaluation.score_table import scores_table
from tfi2i.inference import load

SIZE = 64


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Five test pairs of the size of the runs below, in folders A and B."""
    folder = tmp_path_factory.mktemp("images")
    for seed, side in enumerate("AB"):
        (folder / "test" / side).mkdir(parents=True)
        for index, image in enumerate(photos(5, SIZE, SIZE, seed)):
            Image.fromarray(image).save(folder / "test" / side / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def paired_run(tmp_path_factory):
    return exported(tmp_path_factory, "unet")[1]


@pytest.fixture(scope="module")
def cyclegan_run(tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "cycle"
    make_cyclegan_run(run)
    return run


def _read(folder, side):
    paths = sorted((folder / "test" / side).iterdir())
    return np.stack([np.asarray(Image.open(path)) for path in paths])


def _l1_and_psnr(truth, painted):
    gap = truth.astype(float) - painted
    squares = (gap**2).mean(axis=(1, 2, 3))
    return np.abs(gap).mean() / 255, (10 * np.log10(255**2 / squares)).mean()


@pytest.mark.parametrize("direction", ["a2b", "b2a"])
def test_scores_are_those_of_the_painted_images(cyclegan_run, images, direction):
    changes = {"dir": str(images)}
    copied, scored = evaluate([cyclegan_run], changes, direction=direction)
    sides = _read(images, "A"), _read(images, "B")
    inputs, truth = sides if direction == "a2b" else sides[::-1]
    painted = load(cyclegan_run, direction)(inputs)
    for line, output in [(copied, inputs), (scored, painted)]:
        l1, psnr = _l1_and_psnr(truth, output)
        assert abs(line.scores.l1 - l1) < 1e-6
        assert abs(line.scores.psnr - psnr) < 1e-4
        assert line[1:3] == (direction, (SIZE, SIZE))
        assert line.scores.images == 5
    assert [copied.name, scored.name] == [COPY, str(cyclegan_run)]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Two test pairs, larger than what the runs were trained at."""
    folder = tmp_path_factory.mktemp("large")
    for seed, side in enumerate("AB"):
        (folder / "test" / side).mkdir(parents=True)
        for index, (height, width) in enumerate([(90, 131), (150, 100)]):
            image = Image.fromarray(photos(1, height, width, seed)[0])
            image.save(folder / "test" / side / f"{index}.png")
    return folder


def test_images_are_scored_at_the_size_of_training_or_at_their_own(
    cyclegan_run, large, capsys
):
    changes = {"dir": str(large)}
    (_, trained), (_, native) = (
        list(evaluate([cyclegan_run], changes, size=size))
        for size in ("trained", "native")
    )
    translator, found = load(cyclegan_run), {"trained": [], "native": []}
    for name in ("0.png", "1.png"):
        real_a, real_b = (Image.open(large / "test" / side / name) for side in "AB")
        small = [
            np.asarray(image.resize((SIZE, SIZE), 3)) for image in (real_a, real_b)
        ]
        for size, (a, b) in {
            "trained": small,
            "native": [np.asarray(real_a), np.asarray(real_b)],
        }.items():
            gap = np.abs(translator(a).astype(float) - b)
            found[size].append(gap.mean() / 255)
    for line, size in ((trained, "trained"), (native, "native")):
        assert line.scores.l1 == pytest.approx(np.mean(found[size]), abs=1e-6)
        expected = {"trained": "resized as for training (", "native": "own size."}
        assert expected[size] in scores_table([line]).caption
    assert "where it resized them" in scores_table([trained, native]).caption
    assert abs(trained.scores.l1 - native.scores.l1) > 1e-4
    given = ("evaluate", cyclegan_run, "--data.dir", large, "--size")
    assert refused(capsys, *given, "large") == (
        "--size is 'large'; expected trained or native."
    )
    line = refused(capsys, *given, "native", "--data.crop-size", "64")
    assert line.startswith("--size native keeps images as they are, but --data.crop-si")


@pytest.mark.slow
def test_exports_are_read_as_their_run_says(paired_run, images):
    """The recipe draws edges from the targets, which an export does not know."""
    export = paired_run / "export"
    sources = [paired_run, export / "emoji_a2b" / "1", export / "emoji_a2b.tflite"]
    copied, *scored = evaluate(sources, {"dir": str(images)})
    assert len(scored) == 3
    for line in scored:
        assert abs(line.scores.l1 - scored[0].scores.l1) < 1e-4
        assert abs(line.scores.ssim - scored[0].scores.ssim) < 1e-3
    # Edges are mostly white, so they differ from photographs more than those do.
    changes = {"dir": str(images), "input": "files"}
    files = next(iter(evaluate([paired_run], changes)))
    assert copied.scores.l1 != files.scores.l1
    assert (
        abs(files.scores.l1 - _l1_and_psnr(*map(_read, [images] * 2, "BA"))[0]) < 1e-6
    )


def test_an_export_without_a_run_asks_how_to_read(paired_run, images, tmp_path):
    alone = tmp_path / "emoji_a2b.tflite"
    shutil.copy(paired_run / "export" / "emoji_a2b.tflite", alone)
    with pytest.raises(ValueError, match="give --data.dir and --data.crop-size"):
        list(evaluate([alone], {"dir": str(images)}))
    changes = {"dir": str(images), "crop_size": 32}
    copied, scored = evaluate([alone], changes)
    assert copied.size == scored.size == (32, 32)
    copied, scored = evaluate([alone], {"dir": str(images)}, size="native")
    assert copied.size == scored.size == (SIZE, SIZE)


@pytest.mark.slow
def test_copying_is_scored_again_where_the_images_differ(
    cyclegan_run, paired_run, images
):
    lines = evaluate([cyclegan_run, cyclegan_run, paired_run], {"dir": str(images)})
    names = [line.name for line in lines]
    assert names == [COPY, *[str(cyclegan_run)] * 2, COPY, str(paired_run)]


def test_the_table_shows_every_line(cyclegan_run, images):
    lines = list(evaluate([cyclegan_run], {"dir": str(images)}))
    table = scores_table(lines)
    assert table.row_count == 2
    shown = [list(column.cells) for column in table.columns]
    assert [str(cell) for cell in shown[0]] == [COPY, str(cyclegan_run)]
    assert shown[4] == [f"{line.scores.l1:.4f}" for line in lines]


def test_mistakes_are_one_line(capsys, cyclegan_run, images, tmp_path):
    assert "needs SOURCE" in refused(capsys, "evaluate")
    given = ("evaluate", cyclegan_run, "--data.dir", images)
    assert "has no 'val' split" in refused(capsys, *given, "--split", "val")
    for size in ("10", "0", "-5"):
        line = refused(capsys, *given, "--data.crop-size", size)
        assert line.startswith(f"--data.crop-size is {size}; expected at least 11")
    assert "expected one of a2b, b2a" in refused(
        capsys, "evaluate", cyclegan_run, cyclegan_run, "--direction", "left"
    )
    shutil.copytree(images, tmp_path / "images")
    (tmp_path / "images" / "test" / "A" / "3.png").unlink()
    line = refused(capsys, *given[:3], tmp_path / "images")
    assert line.startswith("Scores need the true output of each input, and unmatched")
    assert "1 in test/B without a partner in test/A (3.png)" in line


def test_says_where_a_run_s_images_were(cyclegan_run, tmp_path, capsys):
    run = tmp_path / "moved"
    shutil.copytree(cyclegan_run, run)
    config = run / "config.json"
    config.write_text(config.read_text().replace('"dir": null', '"dir": "gone"'))
    line = refused(capsys, "evaluate", run)
    assert line == (
        "data folder 'gone' does not exist; say with --data.dir where the images are "
        "now"
    )


@pytest.mark.slow
def test_the_command(paired_run, images):
    done = tfi2i("evaluate", paired_run, "--data.dir", images)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    _, line = evaluate([paired_run], {"dir": str(images)})
    expected = line.scores
    assert COPY in done.stdout
    assert f"{expected.l1:.4f}" in done.stdout
    assert f"{expected.ssim:.3f}" in done.stdout
