"""No request ends a server: each is answered by a status, and the next one works."""

import dataclasses
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2

from tests.exports import session
from tests.translators import NETWORKS, exported, photos, write_run
from tfi2i.data.pixels import PixelType
from tfi2i.exports import export
from tfi2i.recipes.config import DomainConfig

ROOT = Path(__file__).parents[2]
COMMITTED = sorted(
    path.parent for path in ROOT.glob("saved_models/*/export/*/*/saved_model.pb")
)
INVALID_ARGUMENT = 3
SHAPE = (20, 12)
OTHERS = {"float32": "float64", "uint8": "int32", "uint16": "int16"}


class Signature(NamedTuple):
    """What a request names, and what its input has to be."""

    source: str
    target: str
    dtype: tf.DType
    channels: int | None


def _signatures(path):
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((path / "saved_model.pb").read_bytes())
    found = {}
    for name, signature in saved.meta_graphs[0].signature_def.items():
        if not name.startswith("__"):
            (source,) = signature.inputs.values()
            (target,) = signature.outputs.values()
            is_image = source.dtype != session.STRING
            channels = source.tensor_shape.dim[3].size if is_image else None
            dtype = tf.as_dtype(source.dtype)
            found[name] = Signature(source.name, target.name, dtype, channels)
    return found


def _request(signature, array):
    """A request of an array, or of a list of files' contents."""
    words = {"source": signature.source, "target": signature.target}
    if isinstance(array, list):
        contents = [text.hex() for text in array]
        return {**words, "dtype": 7, "shape": [len(array)], "contents": contents}
    dtype = tf.as_dtype(array.dtype).as_datatype_enum
    shape = list(array.shape)
    return {**words, "dtype": dtype, "shape": shape, "contents": array.tobytes().hex()}


def _answers(path, requests):
    """The statuses, of as many requests as the process lived for."""
    done = subprocess.run(
        [sys.executable, session.__file__],
        input=json.dumps({"path": str(path), "requests": requests}),
        capture_output=True,
        text=True,
        check=False,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return answers, done


def _ask(path, right, wrong):
    """Sends every wrong request, and a right one after each."""
    names = ["right"]
    requests = [right]
    for name, request in wrong.items():
        names += [name, f"right after {name}"]
        requests += [request, right]
    answers, done = _answers(path, requests)
    assert len(answers) == len(requests), (
        f"'{names[len(answers)]}' ended the process ({done.returncode}): "
        f"{done.stderr[-500:]}"
    )
    first = answers[0]
    assert first["code"] == 0, first
    for name, answer in zip(names, answers, strict=True):
        if name.startswith("right"):
            assert answer == first, name
        else:
            assert answer["code"] == INVALID_ARGUMENT, (name, answer)
            assert answer["message"], name
    return first


def _wrong_images(signature):
    dtype = signature.dtype.as_numpy_dtype
    height, width = SHAPE
    channels = signature.channels
    shapes = {
        "rank 0": (),
        "rank 1": (height,),
        "rank 2": (height, width),
        "rank 3": (height, width, channels),
        "rank 5": (1, 1, height, width, channels),
        "one channel too many": (1, height, width, channels + 1),
        "one channel too few": (1, height, width, channels - 1),
        "channels first": (1, channels, height, width),
        "no images": (0, height, width, channels),
        "no rows": (1, 0, width, channels),
        "no columns": (1, height, 0, channels),
        "nothing": (0, 0, 0, 0),
    }
    wrong = {
        name: _request(signature, np.zeros(s, dtype)) for name, s in shapes.items()
    }
    other = np.zeros((1, height, width, channels), OTHERS[signature.dtype.name])
    wrong["another dtype"] = _request(signature, other)
    text = {"dtype": session.STRING, "shape": [1], "contents": [b"image".hex()]}
    wrong["a string"] = {**_request(signature, other), **text}
    return wrong


def _wrong_files(signature, png):
    noise = np.random.default_rng(0).bytes(200)
    files = {
        "empty bytes": b"",
        "noise": noise,
        "a truncated PNG": png[: len(png) // 2],
        "a PNG's head": png[:20],
        "a damaged PNG": png[:60] + noise + png[60:],
        "a truncated JPEG": b"\xff\xd8\xff\xe0" + noise,
        "a GIF of no kind that is read": b"GIF87a" + noise,
    }
    wrong = {name: _request(signature, [file]) for name, file in files.items()}
    wrong["a right one and a wrong one"] = _request(signature, [png, noise])
    wrong["no files"] = _request(signature, [])
    text = {**_request(signature, [png]), "shape": []}
    wrong["rank 0"] = text
    wrong["rank 2"] = {**text, "shape": [1, 1]}
    wrong["an image"] = _request(signature, np.zeros((1, 4, 4, 3), np.uint8))
    return wrong


def _files(channels):
    """Right files of every kind of PNG, by kind; and a JPEG."""
    grey = Image.fromarray(photos(1, *SHAPE)[0]).convert("L")
    pictures = {"1": grey.convert("1"), "L": grey, "P": grey.convert("P")}
    pictures["16 bits"] = Image.fromarray(np.asarray(grey).astype(np.uint16) << 8)
    pictures |= {mode: grey.convert(mode) for mode in ("LA", "RGB", "RGBA")}
    if channels == 4:
        pictures = {"RGBA": pictures["RGBA"]}
    files = {}
    for name, picture in pictures.items():
        memory = io.BytesIO()
        picture.save(memory, "png")
        files[name] = memory.getvalue()
    if channels != 4:
        memory = io.BytesIO()
        pictures["RGB"].save(memory, "jpeg")
        files["JPEG"] = memory.getvalue()
    return files


def check_requests(path):
    """Asks every signature of a SavedModel for what it must refuse."""
    signatures = _signatures(path)
    for name in ("serving_default", "float"):
        signature = signatures[name]
        dtype = signature.dtype.as_numpy_dtype
        image = np.full((2, *SHAPE, signature.channels), 0.5, dtype)
        right = _ask(path, _request(signature, image), _wrong_images(signature))
        assert right["shape"][:3] == [2, *SHAPE]
    if "encoded" not in signatures:
        return
    encoded = signatures["encoded"]
    files = _files(signatures["float"].channels)
    right = _request(encoded, list(files.values()))
    wrong = _wrong_files(encoded, files.get("RGB", files["RGBA"]))
    answer = _ask(path, right, wrong)
    for text in answer["contents"]:
        assert tf.io.decode_png(bytes.fromhex(text)).shape[:2] == SHAPE


@pytest.mark.slow
@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.parent.name)
def test_requests_to_committed_exports(path):
    check_requests(path)


@pytest.mark.parametrize(
    "network",
    [
        "unet-image",
        pytest.param("unet", marks=pytest.mark.slow),
        pytest.param("resnet", marks=pytest.mark.slow),
    ],
)
def test_requests_to_an_export(network, tmp_path_factory):
    assert network in NETWORKS
    _, run, _ = exported(tmp_path_factory, network)
    check_requests(run / "export" / "emoji_a2b" / "1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channels", "dtype"),
    [(1, "uint8"), (4, "uint8"), (1, "uint16"), (2, "float32")],
)
def test_requests_for_other_pixels(channels, dtype, tmp_path):
    domain = DomainConfig(**dataclasses.asdict(PixelType.of(channels, dtype, 0, 100)))
    write_run(
        "edges2emoji",
        tmp_path / "run",
        {"network": "unet", "filters": 2},
        data__input="files",
        data__domain_a=domain,
        data__domain_b=domain,
    )
    (item,) = export(tmp_path / "run", formats=["savedmodel"])
    check_requests(item.path)
