"""Models of runs that are finished, stopped, or kept at their best."""

import json
import logging
import shutil
import threading

import numpy as np
import pytest

from tests.checks import images
from tests.translators import TINY, photos, write_run
from tfi2i.inference import load
from tfi2i.inference.generators import trained_generators
from tfi2i.interop.initial_weights import initial_networks
from tfi2i.models import ConstantThenLinear
from tfi2i.recipes import build, stored, trained
from tfi2i.training.backup import Backup, Position

GENERATORS = {"edges2emoji": ("generator",)}
GENERATORS["cyclegan-emoji"] = ("generator_ab", "generator_ba")
# What networks are called where there are both ways.
BOTH_WAYS = {
    "edges2emoji": {"generator_ab": "generator", "discriminator_b": "discriminator"},
    "cyclegan-emoji": {
        name: name
        for domain, way in (("a", "ba"), ("b", "ab"))
        for name in (f"generator_{way}", f"discriminator_{domain}")
    },
}


def _stopped(run, recipe="edges2emoji", epoch=3, step=0, **changes):
    """A run of two steps, as training stores it; returns its trainer."""
    write_run(recipe, run, TINY, **changes)
    (run / stored.MODEL).unlink()
    config = stored.read(run)
    model = build.build_model(config)
    build.compile_model(model, config, ConstantThenLinear(0.05, 1, 1, 1))
    pictures = images(2, 64, 64, 3), images(2, 64, 64, 3, seed=1)
    model.fit(*pictures, batch_size=1, verbose=0)
    Backup(run / stored.BACKUP).save(model, Position(epoch, step), ["a"])
    return model


def _weights(model, names):
    return [w.numpy() for name in names for w in getattr(model, name).weights]


def _logged(caplog):
    return [r.getMessage() for r in caplog.records if r.name.startswith("tfi2i")]


def _equal(some, others):
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "momentum"), [("edges2emoji", None), ("cyclegan-emoji", 0.5)]
)
def test_a_stopped_run_paints_as_it_would_have_ended(
    recipe, momentum, tmp_path, caplog
):
    caplog.set_level(logging.INFO, "tfi2i")
    run = tmp_path / "run"
    model = _stopped(run, recipe, optimizer__ema_momentum=momentum)
    names = GENERATORS[recipe]
    trainer = trained.model_of(run, stored.read(run))
    _equal(_weights(trainer, names), _weights(model, names))
    begun_with = initial_networks(run)
    assert begun_with.keys() == BOTH_WAYS[recipe].keys()
    for role, name in BOTH_WAYS[recipe].items():
        weights = [w.numpy() for w in begun_with[role].weights]
        _equal(weights, _weights(model, [name]))
    last = load(run)(photos(1, 16, 24))
    (line,) = set(_logged(caplog))
    assert "its backup after epoch 3 of" in line
    before = _weights(model, names)
    with model.averaged():
        averaged = _weights(model, names)
        for one, other in zip(
            trained_generators(run).values(),
            model.networks_of("generator"),
            strict=True,
        ):
            _equal(one.get_weights(), other.get_weights())
    changes = [np.abs(a - b).max() > 0 for a, b in zip(before, averaged, strict=True)]
    assert any(changes) == (momentum is not None)
    # Finished.
    shutil.rmtree(run / "backup")
    model.save(run / stored.MODEL)
    assert np.abs(np.int32(load(run)(photos(1, 16, 24))) - last).max() <= 1


@pytest.mark.slow
def test_says_at_which_step_it_is(tmp_path, caplog):
    caplog.set_level(logging.INFO, "tfi2i")
    _stopped(tmp_path / "run", step=7, epochs=20)
    load(tmp_path / "run")
    assert _logged(caplog) == [
        f"{tmp_path / 'run'} is not trained to the end: its backup after step 7 of "
        "epoch 4 of 20 is used"
    ]


@pytest.mark.slow
def test_mixed_precision_stops_too(tmp_path):
    changes = {"precision": "mixed_float16", "optimizer__ema_momentum": 0.5}
    model = _stopped(tmp_path / "run", **changes)
    (generator,) = trained_generators(tmp_path / "run").values()
    with model.averaged():
        _equal(generator.get_weights(), model.generator.get_weights())


@pytest.mark.slow
def test_a_run_may_be_read_while_it_trains(tmp_path):
    """Whatever moment it is, one whole backup is read."""
    run = tmp_path / "run"
    model = _stopped(run)
    backup, is_over = Backup(run / stored.BACKUP), threading.Event()

    def train():
        while not is_over.is_set():
            model.generator.set_weights([w + 1 for w in model.generator.get_weights()])
            backup.save(model, Position(1, 0), ["a"])

    training = threading.Thread(target=train)
    start = [w.numpy() for w in model.generator.weights]
    training.start()
    try:
        for _ in range(5):
            found = trained.model_of(run, stored.read(run)).generator.weights
            steps = [np.mean(w - s) for w, s in zip(found, start, strict=True)]
            assert np.ptp(steps) < 1e-3
    finally:
        is_over.set()
        training.join()


@pytest.mark.slow
def test_a_backup_beside_a_model_is_the_newer_one(tmp_path):
    """A finished run goes on with more epochs."""
    run = tmp_path / "run"
    model = _stopped(run)
    model.save(run / stored.MODEL)
    model.generator.set_weights([w + 1 for w in model.generator.get_weights()])
    Backup(run / stored.BACKUP).save(model, Position(9, 0), ["a"])
    (generator,) = trained_generators(run).values()
    _equal(generator.get_weights(), model.generator.get_weights())


@pytest.mark.slow
def test_best_weights(tmp_path, caplog):
    caplog.set_level(logging.INFO, "tfi2i")
    run = tmp_path / "run"
    model = _stopped(run, optimizer__ema_momentum=0.5)
    with pytest.raises(ValueError, match="keeps no best .* --keep-best METRIC"):
        load(run, weights="best")
    kept = build.build_model(stored.read(run))
    kept.set_weights(model.get_weights())
    kept.save(run / stored.BEST)
    facts = {"metric": "val_l1", "value": 0.125, "epoch": 2, "step": 4}
    (run / stored.BEST_FACTS).write_text(json.dumps(facts))
    caplog.clear()
    (best,) = trained_generators(run, "best").values()
    assert _logged(caplog) == [f"{run}: weights of epoch 2, its best: val_l1 is 0.125"]
    # They are means already.
    _equal(best.get_weights(), model.generator.get_weights())
    picture = photos(1, 16, 16)
    painted = np.int32(load(run, weights="best")(picture))
    assert np.abs(painted - load(run / stored.BEST)(picture)).max() == 0
    assert np.abs(painted - load(run, weights="last")(picture)).max() > 0
    with pytest.raises(ValueError, match="is no run, so it has one set of weights"):
        load(run / stored.BEST, weights="best")
    with pytest.raises(ValueError, match="weights is 'first'; expected"):
        load(run, weights="first")
    (run / stored.BEST_FACTS).write_text("[]")
    with pytest.raises(ValueError, match="Cannot read .*best.json"):
        load(run, weights="best")


@pytest.mark.slow
def test_a_damaged_backup_is_named_or_paints_the_same(tmp_path):
    """Damage to what paints nothing, such as a discriminator's state, is not seen."""
    run = tmp_path / "run"
    model = _stopped(run)
    contents = (run / stored.BACKUP).read_bytes()
    refused = 0
    for share in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999):
        place = int(share * (len(contents) - 1))
        flipped = bytearray(contents)
        flipped[place] ^= 255
        for damaged in (contents[:place], bytes(flipped)):
            (run / stored.BACKUP).write_bytes(damaged)
            try:
                (generator,) = trained_generators(run).values()
            except ValueError as error:
                assert str(error).startswith(f"Cannot read '{run / stored.BACKUP}': ")
                assert len(str(error).splitlines()) == 1
                refused += 1
            else:
                assert damaged != contents[:place]
                _equal(generator.get_weights(), model.generator.get_weights())
    assert refused > 7
