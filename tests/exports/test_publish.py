"""What is published, what is not, and what is left behind."""

import _thread
import json
import signal
import threading
import time

import numpy as np
import pytest

from tests.translators import TINY, make_cyclegan_run, make_run, photos
from tfi2i.data.pixels import to_float
from tfi2i.exports import export
from tfi2i.exports.saved_model import write_saved_model
from tfi2i.inference import load
from tfi2i.inference.engines import KerasEngine, TFLiteEngine
from tfi2i.inference.load_translator import trained_generators
from tfi2i.recipes import build, stored


@pytest.fixture
def run(tmp_path):
    """A run whose exports take a moment."""
    run = tmp_path / "emoji"
    make_run(run, **TINY)
    return run


def _names(run):
    return sorted(path.name for path in (run / "export").iterdir())


def _reported(run):
    entries = json.loads((run / "export" / "report.json").read_text())
    return [entry["path"] for entry in entries]


@pytest.mark.slow
def test_versions_and_fixed_size(run):
    (run / "export" / "emoji_a2b" / "1").mkdir(parents=True)
    (second,) = export(run, formats=["savedmodel"])
    assert second.path == run / "export" / "emoji_a2b" / "2"
    (fixed,) = export(run, formats="tflite", tflite_size=64)
    assert fixed.parity.images == 32
    assert fixed.parity.sizes == ((64, 64),)
    engine = TFLiteEngine(fixed.path)
    images = to_float(photos(2, 64, 64)).numpy()
    assert engine.run(images).shape == (2, 64, 64, 3)
    with pytest.raises(ValueError, match="takes images of shape .* Received"):
        engine.run(np.zeros((1, 128, 64, 3), np.float32))
    with pytest.raises(ValueError, match="--tflite-size is 65; expected a multiple"):
        export(run, formats="tflite", tflite_size=65)
    with pytest.raises(ValueError, match="--formats is 'onnxx'; expected 'savedmodel'"):
        export(run, formats=["onnxx"])
    assert _names(run) == ["emoji_a2b", "emoji_a2b.tflite", "report.json"]
    assert _reported(run) == ["emoji_a2b/2", "emoji_a2b.tflite"]


@pytest.mark.slow
def test_both_directions_of_a_cyclegan(tmp_path):
    run = tmp_path / "emoji"
    generators = make_cyclegan_run(run)
    (one,) = export(run, formats=["tflite"], direction="b2a")
    assert one.path == run / "export" / "emoji_b2a.tflite"
    assert _names(run) == ["emoji_b2a.tflite", "report.json"]
    export(run, formats=["savedmodel"])
    expected = ["emoji_a2b", "emoji_b2a", "emoji_b2a.tflite"]
    assert _names(run) == [*expected, "report.json"]
    images = photos(2, 30, 41)
    for way, generator in zip(("a2b", "b2a"), generators, strict=True):
        trained = np.int32(KerasEngine(generator)(images))
        for path in (run / "export").glob(f"*_{way}*"):
            assert np.abs(load(path)(images) - trained).max() <= 1


def test_a_direction_that_the_run_has_not(run):
    with pytest.raises(ValueError, match="translates a2b, not b2a"):
        export(run, direction="b2a")


def test_an_export_that_differs_is_not_published(run):
    _scale_first_weights(run, 1e7)
    with pytest.raises(ValueError, match="float16.tflite' would not paint what the"):
        export(run, formats=["tflite"], quantize=["none", "float16"])
    # What was published before it is in the report.
    assert _names(run) == ["emoji_a2b.tflite", "report.json"]
    assert _reported(run) == ["emoji_a2b.tflite"]


def _scale_first_weights(run, factor):
    """Makes weights that instance norm evens out, but that float16 cannot hold."""
    trainer = build.build_model(stored.read(run))
    (generator,) = trained_generators(run).values()
    first, *others = generator.get_weights()
    trainer.generator.set_weights([first * factor, *others])
    trainer.save(run / "model.keras")


@pytest.mark.parametrize("content", ["no json", "[1]", '[{"paths": 1}]'])
def test_a_damaged_report_is_told_before_anything_is_published(run, content):
    (run / "export").mkdir()
    (run / "export" / "report.json").write_text(content)
    with pytest.raises(ValueError, match="export/report.json' is no report of exports"):
        export(run, formats=["savedmodel"])
    assert _names(run) == ["report.json"]


def test_a_disk_that_cannot_be_written_is_one_error(run):
    (run / "export").write_text("a file is in the way")
    with pytest.raises(OSError, match="This is a file; expected a folder: .*export"):
        export(run)
    (generator,) = trained_generators(run).values()
    with pytest.raises(OSError, match="Cannot write '.*export/a': .*") as error:
        write_saved_model(generator, run / "export" / "a")
    assert "\n" not in str(error.value)


def test_an_interrupted_export_leaves_nothing(run):
    done = threading.Event()

    def press_ctrl_c():
        while not done.is_set():
            if any(run.glob("export/.partial*/variables")):
                return _thread.interrupt_main()
            time.sleep(0.001)

    # A shell's background jobs inherit an ignored SIGINT.
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    watch = threading.Thread(target=press_ctrl_c)
    watch.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            export(run, formats=["savedmodel"])
    finally:
        done.set()
        watch.join()
        signal.signal(signal.SIGINT, previous)
    assert _names(run) == []
