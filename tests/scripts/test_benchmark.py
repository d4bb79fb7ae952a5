"""The benchmark: its sums, and both sides on a few images."""

import json
import os
import sys
import time

import numpy as np
import pytest
from PIL import Image

from tests.scripts.running import SCRIPTS

sys.path.insert(0, str(SCRIPTS))

import benchmark  # noqa: E402
from benchmarks import data, infer, train, turns  # noqa: E402

OPTIONS = {"batch_size": 2, "load_size": 36, "crop_size": 32, "warm_epochs": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    draw = np.random.default_rng(0)
    for name, number in (("trainA", 5), ("trainB", 7)):
        (folder / name).mkdir()
        for index in range(number):
            pixels = draw.integers(0, 256, (40, 48, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


def test_the_best_of_the_others_counts():
    found = {
        "tfi2i": [([2.0, 1.0, 1.0], 100), ([4.0, 1.0, 3.0], 100), ([2.0, 1, 1], 100)],
        "PyTorch, 0 workers": [([4.0, 5.0, 5.0], 100)] * 3,
        "PyTorch, 2 workers": [([5.0, 2.0, 2.0], 100)] * 3,
    }
    result = data.compared(found)
    assert result["images_per_second"]["tfi2i"] == {"cold": 50, "warm": 100}
    assert result["ratio"] == {"cold": 2.0, "warm": 2.0}


@pytest.mark.slow
def test_our_side_sees_every_step(folder):
    seconds, images = data.epochs_of_ours(folder, OPTIONS)
    # Seven steps of an epoch, less the half batch, of two images of either domain.
    assert len(seconds) == 3 and min(seconds) > 0
    assert images == 3 * 4


@pytest.mark.slow
def test_the_other_side_sees_as_many(folder):
    pytest.importorskip("torch")
    seconds, images = data.epochs_of_torch(folder, OPTIONS, workers=0)
    assert len(seconds) == 3 and images == 3 * 4


def test_a_folder_without_its_halves_is_named(tmp_path):
    with pytest.raises(SystemExit, match="trainA' is no folder"):
        list(data._sides(tmp_path))


@pytest.mark.parametrize(
    "words",
    [
        ("data",),
        ("data", "--data.dir", "x", "--rounds=0"),
        ("train", "--models", "stargan"),
        ("train", "--size", "100"),
        ("train", "--json", "no/such/folder/found.json"),
        ("infer", "--images", "0"),
    ],
)
def test_mistakes_end_with_a_line(words, capsys):
    with pytest.raises(SystemExit) as caught:
        benchmark.main(words)
    assert caught.value.code == 2
    assert "error" in capsys.readouterr().err.splitlines()[-1]


def _side(*seconds, memory=2_000_000):
    return {"seconds": list(seconds), "memory": memory}


def test_medians_are_compared_with_pytorchs_best():
    found = {
        "tfi2i": _side(1.0, 9.0, 2.0),
        "tfi2i, XLA": _side(0.1),
        "PyTorch eager": _side(4.0, 5.0, 3.0, memory=8_000_000),
        "PyTorch compiled": {"failed": "does not work here: no compiler"},
        "ONNX Runtime": _side(0.1),
    }
    assert turns.compared(found, "tfi2i") == {
        "best": "PyTorch eager",
        "ratio": 0.5,
        "memory_ratio": 0.25,
    }
    found["tfi2i"]["memory"] = None
    assert turns.compared(found, "tfi2i")["memory_ratio"] is None
    alone = {"tfi2i": found["tfi2i"]}
    assert set(turns.compared(alone, "tfi2i").values()) == {None}


OPTIONS_OF_TRAIN = {
    "size": 256,
    "batch_size": 1,
    "precision": "float32",
    "xla": False,
    "devices": 2,
}


def test_the_table_shows_what_failed_and_what_was_not_measured():
    sides = {
        "tfi2i": _side(0.5, memory=None),
        "tfi2i, 2 devices": _side(0.625),
        "PyTorch compiled": {"failed": "does not work here: no compiler"},
    }
    measured = {
        "sides": sides,
        "operations": 10**11,
        **turns.compared(sides, "tfi2i"),
        "scaling": train.scaling(sides, OPTIONS_OF_TRAIN),
    }
    result = {
        **OPTIONS_OF_TRAIN,
        "rounds": 1,
        "steps": 1,
        "rate": 4e11,
        "machine": {"gpu": None},
        "models": {"pix2pix": measured},
    }
    text = train.table(result)
    one, two = (line for line in text.splitlines() if line.startswith("tfi2i"))
    assert one.split() == ["tfi2i", "0.5000", "not", "measured", "50%", "2.00"]
    assert two.split() == ["tfi2i,", "2", "devices", "0.6250", "2", "80%", "3.20"]
    assert "no compiler" in text and "100 GFLOP a step" in text
    assert "efficiency of 2 devices: 80%" in text


def test_a_folder_s_first_time_is_told_beside_the_others():
    image = {"tfi2i": _side(0.5) | {"gap": 0.0, "first": 9.0}}
    folder = {
        "tfi2i": _side(2.0) | {"first": 4.0},
        "PyTorch eager": _side(4.0) | {"first": 5.0},
        "PyTorch eager, channels last": {"failed": "does not work here: no memory"},
    }
    measured = {
        "image": {"sides": image, **turns.compared(image, "tfi2i")},
        "folder": {
            "sides": folder,
            **turns.compared(folder, "tfi2i"),
            "first_ratio": infer.first_ratio(folder),
        },
    }
    lines = infer.table({"size": 256, "images": 8, "networks": {"unet": measured}})
    rows = [line.split() for line in lines.splitlines()[-5:]]
    assert rows[1] == ["tfi2i", "4.00", "2.00"]
    assert rows[2] == ["PyTorch", "eager", "2.00", "1.60"]
    assert rows[3][-2:] == ["no", "memory"]
    assert rows[4] == ["ours", "/", "PyTorch", "eager", "2.00", "1.25"]
    assert infer.first_ratio({"tfi2i": folder["tfi2i"]}) is None


def _sleep(seconds):
    return turns.Side(
        lambda: time.sleep(seconds),
        images=2,
        imported=turns.resident(),
        facts={"gap": 0.25},
    )


def test_work_of_others_is_told():
    quiet = {"seconds": [1.0], "turns": [(1.0, 0.1), (9.0, 0.5)]}
    loud = {"seconds": [1.0], "turns": [(1.0, 0.1), (1.0, 0.9)]}
    failed = {"failed": "does not work here: no compiler"}
    assert turns.remark({"a": quiet}, {"b": failed}) is None
    assert "used 0.5 processors in the turns of b" in turns.remark(
        {"a": quiet}, {"b": loud}
    )


def _broken():
    raise RuntimeError("no compiler\nat all")


def _dying(calls):
    left = iter(range(calls))
    return turns.Side(lambda: os._exit(9) if next(left, None) is None else None)


def test_sides_take_turns_in_processes_of_their_own():
    sides = {"a": (_sleep, 0.02), "b": (_broken,), "c": (_dying, 3)}
    found = turns.measure(sides, rounds=3, steps=2)
    assert found["b"] == {"failed": "does not work here: no compiler"}
    assert "ended without a word" in found["c"]["failed"]
    assert len(found["a"]["seconds"]) == 6 and min(found["a"]["seconds"]) >= 0.01
    assert found["a"]["gap"] == 0.25


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "count", "judge"),
    [("Pix2Pix", 54_413_955, 2_768_705), ("CycleGAN", 11_378_179, 2_764_737)],
)
def test_the_restated_networks_are_the_reference_s(model, count, judge):
    pytest.importorskip("torch")
    from benchmarks import reference

    trainer = getattr(reference, model)()
    half = len(trainer.networks) // 2
    counts = [sum(p.numel() for p in n.parameters()) for n in trainer.networks]
    assert counts == [count] * half + [judge] * half


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("train", "--size=64", "--rounds=1", "--models=pix2pix", "--devices=2"),
        ("infer", "--size=64", "--rounds=1", "--images=2", "--networks=unet"),
    ],
)
def test_commands_measure_all_sides(words, tmp_path):
    pytest.importorskip("torch")
    file = tmp_path / "found.json"
    benchmark.main([*words, "--json", str(file)])
    found = json.loads(file.read_text())
    measured = found.get("models", found.get("networks"))
    measured = next(iter(measured.values()))
    ratio = measured["ratio"] if "ratio" in measured else measured["image"]["ratio"]
    assert ratio > 0
