"""Exports against the trained model, and where they have to run."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.translators import make_run, photos
from tfi2i.data.transforms import to_float
from tfi2i.export import export
from tfi2i.inference.engines import TFLiteEngine
from tfi2i.inference.sizes import at_own_size, size_rule

SHAPES = [(64, 64), (81, 47), (9, 13), (128, 64)]
NETWORKS = [("unet", "batch"), ("unet", "instance"), ("resnet", "instance")]


@pytest.fixture(scope="module", params=NETWORKS, ids="-".join)
def exported(request, tmp_path_factory):
    """A generator, its run, and what was published."""
    network, norm = request.param
    run = tmp_path_factory.mktemp("runs") / "emoji"
    generator = make_run(run, network, norm=norm)
    return generator, run, export(run, quantize=("none", "float16"))


def _by_hand(generator, images):
    """The trained model at the images' own sizes, in eager mode."""
    rule = size_rule(generator)
    return at_own_size(lambda x: generator(x, training=False), images, rule).numpy()


def test_float_signatures_agree_on_real_sizes(exported):
    generator, run, _ = exported
    folder = run / "export"
    saved = tf.saved_model.load(str(folder / "emoji_a2b" / "1"))
    lite = TFLiteEngine(folder / "emoji_a2b.tflite")
    small = TFLiteEngine(folder / "emoji_a2b_float16.tflite")
    for shape in SHAPES:
        images = to_float(photos(8, *shape)).numpy()
        expected = _by_hand(generator, images)
        painted = saved.signatures["float"](image=tf.constant(images))["translated"]
        for output in (painted.numpy(), lite.run(images)):
            assert output.shape == images.shape
            gap = np.abs(output - expected)
            assert gap.mean() <= 1e-5
            assert gap.max() <= 2e-4
        assert np.abs(small.run(images) - expected).max() < 0.05


def test_encoded_signature_keeps_each_image_s_size(exported):
    _, run, _ = exported
    model = tf.saved_model.load(str(run / "export" / "emoji_a2b" / "1"))
    images = [photos(1, *shape)[0] for shape in SHAPES]
    contents = [tf.io.encode_png(image) for image in images]
    contents.append(tf.io.encode_jpeg(images[0], quality=100))
    painted = model.signatures["encoded"](image_bytes=tf.stack(contents))
    for image, encoded in zip(images, painted["translated_bytes"][:-1], strict=True):
        expected = model.signatures["serving_default"](image=image[None])["translated"]
        np.testing.assert_array_equal(tf.io.decode_png(encoded), expected[0])
    assert tf.io.decode_png(painted["translated_bytes"][-1]).shape == (64, 64, 3)


def test_nothing_dead_travels(exported):
    generator, run, published = exported
    weights = 4 * sum(int(np.prod(w.shape)) for w in generator.weights)
    sizes = {(item.format, item.quantize): item.bytes for item in published}
    assert sizes["savedmodel", "none"] < weights + 1_000_000
    assert weights * 0.9 < sizes["tflite", "none"] < weights + 100_000
    assert sizes["tflite", "float16"] < 0.6 * weights + 100_000


def test_the_graph_holds_builtin_operators_only(exported):
    _, run, _ = exported
    model = tf.saved_model.load(str(run / "export" / "emoji_a2b" / "1"))
    for signature in model.signatures.values():
        graph = signature.graph.as_graph_def()
        nodes = list(graph.node)
        for function in graph.library.function:
            nodes += function.node_def
        operators = {node.op for node in nodes}
        assert not any("PyFunc" in name or "Xla" in name for name in operators)
    lite = (run / "export" / "emoji_a2b.tflite").read_bytes()
    assert b"Flex" not in lite


def test_report_says_what_was_published(exported):
    _, run, published = exported
    entries = json.loads((run / "export" / "report.json").read_text())
    assert [run / "export" / entry["path"] for entry in entries] == [
        item.path for item in published
    ]
    for entry in entries:
        assert entry["parity"]["images"] == 32
        assert len(entry["parity"]["sizes"]) == 4
        assert entry["parity"]["worst_levels"] <= 1 or entry["quantize"] == "float16"
        assert entry["bytes"] > 0
        assert entry["parity"]["milliseconds"] > 0


def test_versions_and_fixed_size(tmp_path):
    run = tmp_path / "emoji"
    make_run(run)
    export(run, formats=["savedmodel"])
    (second,) = export(run, formats=["savedmodel"])
    assert second.path == run / "export" / "emoji_a2b" / "2"
    (fixed,) = export(run, formats=["tflite"], size=64)
    engine = TFLiteEngine(fixed.path)
    assert engine.run(np.zeros((1, 64, 64, 3), np.float32)).shape == (1, 64, 64, 3)
    with pytest.raises(ValueError, match="takes images of shape .* Received"):
        engine.run(np.zeros((1, 128, 64, 3), np.float32))
    with pytest.raises(ValueError, match="--tflite-size is 65; expected a multiple"):
        export(run, formats=["tflite"], size=65)
    with pytest.raises(ValueError, match="--formats is 'onnx'; expected 'savedmodel'"):
        export(run, formats=["onnx"])
    names = sorted(path.name for path in (run / "export").iterdir())
    assert names == ["emoji_a2b", "emoji_a2b.tflite", "report.json"]


def test_an_export_that_differs_is_not_published(tmp_path, capfd):
    run = tmp_path / "emoji"
    generator = make_run(run)
    # Half precision cannot hold such weights.
    generator.get_layer("down1").kernel.assign(
        generator.get_layer("down1").kernel * 1e7
    )
    from tfi2i.recipes import build, stored

    trainer = build.build_model(stored.read(run))
    trainer.generator.set_weights(generator.get_weights())
    trainer.save(run / "model.keras")
    with pytest.raises(ValueError, match="would not paint what the model paints"):
        export(run, formats=["tflite"], quantize=["float16"])
    assert list((run / "export").iterdir()) == []


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


@pytest.mark.parametrize("exported", NETWORKS[:1], ids="-".join, indirect=True)
def test_a_process_without_tfi2i_serves(exported):
    generator, run, _ = exported
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
    expected = (_by_hand(generator, to_float(image)) + 1) * 127.5
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
    gap = np.abs(np.load(tmp_path / "out.npy") - _by_hand(generator, images))
    assert gap.max() <= 2e-4
