"""Exports to ONNX, run by ONNX Runtime."""

import builtins
import json

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.translators import TINY, make_cyclegan_run, make_run, photos
from tfi2i import networks
from tfi2i.data.pixels import to_float
from tfi2i.exports import export
from tfi2i.exports.onnx import write_onnx
from tfi2i.exports.saved_model import write_float_model
from tfi2i.exports.tflite import write_tflite
from tfi2i.exports.verify import compare, paint
from tfi2i.inference.engines import KerasEngine, TFLiteEngine
from tfi2i.inference.load_translator import trained_generators
from tfi2i.inference.onnx_engine import OnnxEngine


def _session(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def _slow(network):
    return pytest.param(network, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "network",
    [
        _slow({"network": "unet", "statistics": "image", "num_downs": 5}),
        _slow({"network": "unet", "statistics": "stored", "upsample": "subpixel"}),
        {"network": "resnet", "upsample": "resize_conv"},
    ],
    ids=lambda network: "-".join(map(str, network.values())),
)
def test_paints_as_the_model_at_any_size(tmp_path, network):
    generator = make_run(tmp_path / "emoji", **network)
    write_onnx(generator, tmp_path / "emoji.onnx")
    session = _session(tmp_path / "emoji.onnx")
    trained = KerasEngine(generator)
    for shape in [(3, 64, 64), (1, 37, 101), (2, 5, 9)]:
        images = to_float(photos(*shape)).numpy()
        (painted,) = session.run(["translated"], {"image": images})
        np.testing.assert_allclose(painted, trained.run(images), atol=5e-5)


@pytest.mark.slow
def test_others_can_tell_what_it_takes(tmp_path):
    write_onnx(make_run(tmp_path / "emoji", **TINY), tmp_path / "emoji.onnx")
    model = onnx.load(tmp_path / "emoji.onnx")
    for value, name in [
        (model.graph.input, "image"),
        (model.graph.output, "translated"),
    ]:
        assert [item.name for item in value] == [name]
        kind = value[0].type.tensor_type
        assert kind.elem_type == onnx.TensorProto.FLOAT
        names = [dim.dim_param or dim.dim_value for dim in kind.shape.dim]
        assert names == ["batch", "height", "width", 3]
    # Operators of the standard alone: any runtime has them.
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}


@pytest.mark.slow
def test_both_directions_are_published(tmp_path):
    run = tmp_path / "emoji"
    make_cyclegan_run(run, norm="batch", statistics="stored")
    published = export(run, formats=["onnx"])
    names = ["emoji_a2b.onnx", "emoji_b2a.onnx"]
    assert [item.path.name for item in published] == names
    report = json.loads((run / "export" / "report.json").read_text())
    assert [entry["path"] for entry in report] == names
    images = to_float(photos(1, 24, 24)).numpy()
    for item, generator in zip(
        published, trained_generators(run).values(), strict=True
    ):
        assert len(item.parity.sizes) == 4
        assert item.parity.worst_levels <= 1
        (painted,) = _session(item.path).run(None, {"image": images})
        expected = KerasEngine(generator).run(images)
        np.testing.assert_allclose(painted, expected, atol=1e-5)


def test_says_what_to_install(tmp_path, monkeypatch):
    make_run(tmp_path / "emoji", **TINY)
    load = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "tf2onnx":
            raise ImportError("No module named 'tf2onnx'", name=name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"pip install 'tfi2i\[onnx\]'"):
        export(tmp_path / "emoji", formats=["savedmodel", "onnx"])
    assert not (tmp_path / "emoji" / "export").exists()


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_large_images_through_deep_networks(tmp_path, norm):
    """Runtimes add up 65,536 pixels otherwise than TensorFlow, six blocks deep."""
    generator = networks.resnet(6, filters=16, norm=norm, seed=0)
    painted = paint(
        KerasEngine(generator), photos(4, 256, 256), [(256, 256), (321, 191)]
    )
    write_onnx(generator, tmp_path / "deep.onnx")
    write_float_model(generator, tmp_path / "deep", None)
    write_tflite(tmp_path / "deep", tmp_path / "deep.tflite", "none")
    for engine in (
        OnnxEngine(tmp_path / "deep.onnx"),
        TFLiteEngine(tmp_path / "deep.tflite"),
    ):
        parity = compare(painted, engine.run, engine)
        assert parity.mean < 1e-5
        assert parity.worst < 5e-5
