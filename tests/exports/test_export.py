"""Exports against the trained model, and where they have to run."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.translators import NETWORKS, by_hand, exported, make_run, photos
from tfi2i.data.pixels import to_float
from tfi2i.data.reading import read_image
from tfi2i.exports import export
from tfi2i.inference.engines import KerasEngine, SavedModelEngine, TFLiteEngine

SHAPES = [(64, 64), (81, 47), (9, 13), (128, 64)]


@pytest.fixture(scope="module", params=NETWORKS)
def published(request, tmp_path_factory):
    """A generator, its run, and what was published."""
    return exported(tmp_path_factory, request.param)


@pytest.fixture(scope="module")
def saved(published):
    """The SavedModel as other programs load it."""
    _, run, _ = published
    return tf.saved_model.load(str(run / "export" / "emoji_a2b" / "1"))


def test_float_signatures_agree_on_real_sizes(published, saved):
    generator, run, _ = published
    folder = run / "export"
    lite = TFLiteEngine(folder / "emoji_a2b.tflite")
    small = TFLiteEngine(folder / "emoji_a2b_float16.tflite")
    worst = 2e-5 if "unet" in generator.name else 2e-4
    for shape in SHAPES:
        images = to_float(photos(8, *shape)).numpy()
        expected = by_hand(generator, images)
        painted = saved.signatures["float"](image=tf.constant(images))["translated"]
        for output in (painted.numpy(), lite.run(images)):
            assert output.shape == images.shape
            gap = np.abs(output - expected)
            assert gap.mean() <= 1e-5
            assert gap.max() <= worst
        assert np.abs(small.run(images) - expected).max() < 0.05


def test_a_batch_equals_its_images(published):
    generator, run, _ = published
    images = to_float(photos(8, 37, 64)).numpy()
    for engine in (
        KerasEngine(generator),
        SavedModelEngine(run / "export" / "emoji_a2b" / "1"),
        TFLiteEngine(run / "export" / "emoji_a2b.tflite"),
    ):
        together = engine.run(images)
        alone = np.concatenate([engine.run(image[None]) for image in images])
        np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(engine.run(images), together)


def test_encoded_signature_keeps_each_image_s_size(published, saved):
    images = [photos(1, *shape)[0] for shape in SHAPES]
    contents = [tf.io.encode_png(image) for image in images]
    painted = saved.signatures["encoded"](image_bytes=tf.stack(contents))
    for image, encoded in zip(images, painted["translated_bytes"], strict=True):
        expected = saved.signatures["serving_default"](image=image[None])["translated"]
        np.testing.assert_array_equal(tf.io.decode_png(encoded), expected[0])


@pytest.mark.parametrize("published", ["unet"], indirect=True)
def test_encoded_signature_sees_files_as_translate_does(published, saved, tmp_path):
    image = Image.fromarray(photos(1, 40, 30)[0])
    image.save(tmp_path / "a.jpg", quality=75)
    image.quantize(4).save(tmp_path / "b.png", bits=2)
    image.putalpha(Image.fromarray(photos(1, 40, 30, seed=1)[0, ..., 0]))
    image.save(tmp_path / "c.png")
    for path in sorted(tmp_path.iterdir()):
        contents = tf.constant([path.read_bytes()])
        (painted,) = saved.signatures["encoded"](image_bytes=contents).values()
        pixels = read_image(path)[None]
        expected = saved.signatures["serving_default"](image=pixels)["translated"]
        np.testing.assert_array_equal(tf.io.decode_png(painted[0]), expected[0])


def test_nothing_dead_travels(published):
    generator, run, items = published
    weights = 4 * sum(int(np.prod(w.shape)) for w in generator.weights)
    sizes = {(item.format, item.quantize): item.bytes for item in items}
    assert sizes["savedmodel", "none"] < weights + 1_000_000
    assert weights * 0.9 < sizes["tflite", "none"] < weights + 100_000
    assert sizes["tflite", "float16"] < 0.6 * weights + 100_000


def test_the_graph_holds_builtin_operators_only(published, saved):
    _, run, _ = published
    for signature in saved.signatures.values():
        graph = signature.graph.as_graph_def()
        nodes = list(graph.node)
        for function in graph.library.function:
            nodes += function.node_def
            # Such a function is compiled by XLA or not at all.
            assert not function.attr["_XlaMustCompile"].b
        operators = {node.op for node in nodes}
        assert not any("PyFunc" in name or "Xla" in name for name in operators)
    lite = (run / "export" / "emoji_a2b.tflite").read_bytes()
    assert b"Flex" not in lite


def test_report_says_what_was_published(published):
    _, run, items = published
    entries = json.loads((run / "export" / "report.json").read_text())
    paths = [run / "export" / entry["path"] for entry in entries]
    assert paths == [item.path for item in items]
    for entry in entries:
        assert entry["parity"]["images"] == 32
        assert len(entry["parity"]["sizes"]) == 4
        assert entry["parity"]["worst_levels"] <= 1 or entry["quantize"] == "float16"
        assert entry["bytes"] > 0
        assert entry["parity"]["milliseconds"] > 0


SERVING = """
import json, sys
import tensorflow as tf
assert "tfi2i" not in sys.modules
model = tf.saved_model.load(sys.argv[1])
image = tf.cast(tf.reshape(tf.range(2 * 30 * 40 * 3) % 251, (2, 30, 40, 3)), tf.uint8)
painted = model.signatures["serving_default"](image=image)["translated"]
floats = model.signatures["float"](image=tf.cast(image, tf.float32) / 127.5 - 1)
png = tf.io.encode_png(image[0])
encoded = model.signatures["encoded"](image_bytes=tf.stack([png]))["translated_bytes"]
print(json.dumps([painted.shape.as_list(), floats["translated"].shape.as_list(),
                  tf.io.decode_png(encoded[0]).shape.as_list(),
                  int(tf.reduce_sum(tf.cast(painted, tf.int32)))]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("published", ["unet"], indirect=True)
def test_a_process_without_tfi2i_serves(published):
    generator, run, _ = published
    folder = run / "export" / "emoji_a2b" / "1"
    done = subprocess.run(
        [sys.executable, "-c", SERVING, folder],
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        cwd=run,
        capture_output=True,
        text=True,
        check=True,
    )
    *shapes, total = json.loads(done.stdout.splitlines()[-1])
    assert shapes == [[2, 30, 40, 3], [2, 30, 40, 3], [30, 40, 3]]
    image = (np.arange(2 * 30 * 40 * 3) % 251).reshape(2, 30, 40, 3).astype(np.uint8)
    expected = (by_hand(generator, to_float(image)) + 1) * 127.5
    assert total == pytest.approx(np.round(expected).sum(), rel=1e-4)


PHONE = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
lite = Interpreter(model_path=sys.argv[1])
(source,), (target,) = lite.get_input_details(), lite.get_output_details()
image = np.load(sys.argv[2])
lite.resize_tensor_input(source["index"], image.shape)
lite.allocate_tensors()
lite.set_tensor(source["index"], image)
lite.invoke()
np.save(sys.argv[3], lite.get_tensor(target["index"]))
assert not {"tensorflow", "keras", "tfi2i"} & set(sys.modules)
"""


@pytest.mark.slow
def test_an_environment_of_litert_and_numpy_runs_the_tflite(tmp_path):
    run = tmp_path / "emoji"
    generator = make_run(run)
    export(run, formats=["tflite"])
    python = tmp_path / "phone" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "phone"], check=True)
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "ai-edge-litert", "numpy"], check=True
    )
    images = to_float(photos(2, 30, 41)).numpy()
    np.save(tmp_path / "in.npy", images)
    lite = run / "export" / "emoji_a2b.tflite"
    words = [lite, tmp_path / "in.npy", tmp_path / "out.npy"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run([python, "-c", PHONE, *words], check=True, env=environment)
    gap = np.abs(np.load(tmp_path / "out.npy") - by_hand(generator, images))
    assert gap.max() <= 2e-5
