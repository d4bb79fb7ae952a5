"""PyTorch's networks converted: the same outputs, and an account of every tensor."""

import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests import checks, reference
from tests.interop import written
from tests.interop.pytorch import state_dicts
from tfi2i.interop.pytorch.architecture import Architecture
from tfi2i.interop.pytorch.conversion import convert, from_torch
from tfi2i.layers import BatchNormalization

CHECKPOINTS = sorted((reference.GOLDEN / "networks").glob("*.pth"))
RESIZED = "It doubles sizes by resizing, and does not say how"
FOLDED = "Its spectral normalization is made part of the kernels"


def read(name):
    return state_dicts.read(state_dicts.NETWORKS / f"{name}.npz")


def reason(tensors, **options):
    with pytest.raises(ValueError) as caught:
        convert(tensors, **options)
    line = str(caught.value)
    assert "\n" not in line and len(line) < 500 and line.endswith(".")
    return line


@pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda path: path.stem)
def test_checkpoints_of_the_reference(path):
    arrays, _ = reference.read(path.with_suffix(".npz"))
    network = from_torch(path)
    start, step = arrays.get("output_slice", (0, 1))
    for training, expected in ((False, "output_eval"), (True, "output_train")):
        output = network(arrays["input"], training=training).numpy()
        output = output[:, start::step, start::step]
        np.testing.assert_allclose(output, arrays[expected], rtol=0, atol=2e-5)


def test_checkpoints_are_found():
    assert len(CHECKPOINTS) >= 3


@pytest.mark.parametrize("path", state_dicts.FILES, ids=lambda path: path.stem)
def test_networks_of_other_depths_norms_and_projects(path):
    tensors, arrays, options = state_dicts.read(path)
    converted = convert(tensors)
    network = converted.network
    for training, expected in ((False, "output_eval"), (True, "output_train")):
        output = network(arrays["input"], training=training)
        np.testing.assert_allclose(output, arrays[expected], rtol=0, atol=1e-5)
    # Every tensor is accounted for, and every weight comes from one.
    account = [item.tensor for item in (*converted.used, *converted.dropped)]
    assert sorted(account) == sorted(tensors)
    assert {item.weight for item in converted.used} == {w.path for w in network.weights}
    assert all(item.shape == tensors[item.tensor].shape for item in converted.used)
    notes = {"resnet_1_resize_conv": [RESIZED], "resnet_1_spectral": [FOLDED]}
    expected = notes.get(path.stem, [])
    assert len(converted.notes) == len(expected)
    for note, words in zip(converted.notes, expected, strict=True):
        assert note.startswith(words)


def test_account_of_a_pixel_discriminator():
    tensors, *_ = read("pixel_instance")
    converted = convert(tensors)
    assert converted.used == (
        ("0.weight", "conv1/kernel", (3, 3, 1, 1)),
        ("0.bias", "conv1/bias", (3,)),
        ("2.weight", "conv2/kernel", (6, 3, 1, 1)),
        ("2.bias", "conv2/bias", (6,)),
        ("5.weight", "scores_conv/kernel", (1, 6, 1, 1)),
        ("5.bias", "scores_conv/bias", (1,)),
    )
    assert converted.dropped == ()
    assert converted.architecture.kind == "discriminator"


def test_account_of_running_statistics():
    tensors, *_ = read("unet_5_no_skips")
    converted = convert(tensors)
    names = {item.tensor: item.weight for item in converted.used}
    assert names["model.1.model.2.running_mean"] == "down2_norm/moving_mean"
    assert names["model.1.model.2.running_var"] == "down2_norm/moving_variance"
    assert names["model.1.model.6.weight"] == "up2_norm/gamma"
    assert names["model.1.model.6.bias"] == "up2_norm/beta"
    assert {item.tensor.rpartition(".")[2] for item in converted.dropped} == {
        "num_batches_tracked"
    }
    assert "counts batches" in converted.dropped[0].reason
    old, *_ = read("resnet_2_tracking_parallel")
    dropped = convert(old).dropped
    assert [item.tensor for item in dropped] == [
        name for name in old if "running" in name or "tracked" in name
    ]
    assert all("mid-2018" in item.reason for item in dropped)


def test_tensors_stay_unless_they_may_be_consumed():
    tensors, *_ = read("pixel_instance")
    before = {name: value.copy() for name, value in tensors.items()}
    convert(tensors)
    assert list(tensors) == list(before)
    for name, value in before.items():
        np.testing.assert_array_equal(tensors[name], value)
    convert(tensors, consume=True)
    assert tensors == {}


def test_counters_may_be_missing_and_biases_there():
    # PyTorch before 0.4.1 counted no batches.
    tensors, arrays, _ = read("unet_6_flat_biases")
    tensors = {n: v for n, v in tensors.items() if not n.endswith("tracked")}
    network = convert(tensors).network
    output = network(arrays["input"], training=False)
    np.testing.assert_allclose(output, arrays["output_eval"], rtol=0, atol=1e-5)


def test_statistics_of_each_image():
    tensors, arrays, _ = read("unet_5_no_skips")
    network = convert(tensors, statistics="image").network
    # Of a single image, as PyTorch in training mode.
    output = network(arrays["input"], training=False)
    np.testing.assert_allclose(output, arrays["output_train"], rtol=0, atol=1e-5)
    layers = [x for x in network.layers if isinstance(x, BatchNormalization)]
    assert {layer.statistics for layer in layers} == {"image"}


def test_dropout_is_an_option():
    tensors, arrays, _ = read("resnet_1_subpixel")
    network = convert(tensors, dropout=0.4).network
    rates = [x.rate for x in network.layers if isinstance(x, keras.layers.Dropout)]
    assert rates == [0.4]
    output = network(arrays["input"], training=False)
    np.testing.assert_allclose(output, arrays["output_eval"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        (
            "pixel_instance",
            dict(dropout=0.5),
            "for generators, and this is a pixel",
        ),
        ("pixel_instance", dict(statistics="image"), "'image' are for generators"),
        ("unet_2_none", dict(dropout=1.0), r"dropout must be in \[0, 1\)"),
        ("unet_2_none", dict(statistics="batch"), 'statistics must be one of "stored"'),
    ],
)
def test_bad_options(name, options, words):
    with pytest.raises(ValueError, match=words):
        convert(read(name)[0], **options)


@pytest.mark.parametrize(("dtype", "gap"), [(np.float64, 1e-5), (np.float16, 5e-3)])
def test_other_precisions(dtype, gap):
    tensors, arrays, _ = read("unet_5_affine_1to4")
    tensors = {name: value.astype(dtype) for name, value in tensors.items()}
    network = convert(tensors).network
    assert all(weight.dtype == "float32" for weight in network.weights)
    output = network(arrays["input"], training=False)
    np.testing.assert_allclose(output, arrays["output_eval"], rtol=0, atol=gap)


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.bool_, np.complex64, "U1"])
def test_wrong_types_are_named(dtype):
    tensors, *_ = read("unet_5_affine_1to4")
    for name in ("model.1.model.1.weight", "model.1.model.6.bias"):
        wrong = tensors | {name: np.zeros(tensors[name].shape, dtype)}
        line = reason(wrong)
        assert f"'{name}' holds {np.dtype(dtype)}; expected floating-point" in line


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_are_not_finite_are_named(value):
    tensors, *_ = read("unet_5_no_skips")
    for name in list(tensors)[:7]:
        if name.endswith("tracked"):
            continue
        wrong = tensors[name].astype(np.float64)
        wrong.flat[1] = wrong.flat[-1] = value
        line = reason(tensors | {name: wrong})
        assert f"2 of the {wrong.size} numbers of '{name}' are NaN or infinite" in line


def test_negative_variances_are_named():
    tensors, *_ = read("unet_5_no_skips")
    name = "model.1.model.2.running_var"
    assert f"'{name}' holds negative numbers" in reason(
        tensors | {name: -tensors[name]}
    )


def test_spectral_norm_of_nothing():
    tensors, *_ = read("patchgan_3_spectral")
    wrong = tensors | {"2.weight_u": tensors["2.weight_u"] * 0}
    assert "'2.weight_orig' has a spectral norm of 0.0" in reason(wrong)


def test_spectral_norm_goes_on():
    tensors, arrays, _ = read("patchgan_3_spectral")
    network = convert(tensors).network
    kernel = network.get_layer("conv2").layer.kernel
    kernel.assign(kernel * 3)
    output = network(arrays["input"], training=True)
    np.testing.assert_allclose(output, arrays["output_train"], rtol=0, atol=1e-5)


def test_spectral_norm_of_some_kernels_is_made_part_of_them():
    tensors, arrays, _ = read("patchgan_3_spectral")
    plain = {}
    for name, value in tensors.items():
        if name == "11.weight_orig":
            matrix = value.reshape(1, -1)
            norm = tensors["11.weight_u"] @ matrix @ tensors["11.weight_v"]
            plain["11.weight"] = value / norm
        elif name not in ("11.weight_u", "11.weight_v"):
            plain[name] = value
    converted = convert(plain)
    assert not converted.architecture.spectral_norm
    assert len(converted.notes) == 1
    output = converted.network(arrays["input"], training=False)
    np.testing.assert_allclose(output, arrays["output_eval"], rtol=0, atol=1e-5)


def test_networks_take_any_size_learn_and_survive_saving(tmp_path):
    tensors, *_ = read("unet_5_affine_1to4")
    network = convert(tensors).network
    assert network(checks.images(2, 64, 96, 1)).shape == (2, 64, 96, 4)
    checks.check_gradients(network, checks.images(2, 64, 96, 1))
    network.save(tmp_path / "generator.keras")
    loaded = keras.models.load_model(tmp_path / "generator.keras")
    image = checks.images(1, 32, 32, 1)
    np.testing.assert_array_equal(loaded(image), network(image))


def write(path, tensors):
    """Writes a checkpoint as PyTorch would, with the standard library alone."""
    items, storages = {}, {}
    for key, (name, value) in enumerate(tensors.items()):
        stride = tuple(step // value.itemsize for step in value.strides)
        storage = written.storage(value.size, str(key))
        items[name] = written.tensor(value.shape, stride, 0, storage)
        storages[str(key)] = value.tobytes()
    return written.write_zip(path, written.mapping(**items), storages)


def test_assumptions_are_warned_of(tmp_path):
    tensors, arrays, _ = read("resnet_1_resize_conv")
    path = write(tmp_path / "latest_net_G.pth", tensors)
    with pytest.warns(UserWarning, match=f"latest_net_G.pth': {RESIZED}"):
        network = from_torch(path)
    output = network(arrays["input"])
    np.testing.assert_allclose(output, arrays["output_eval"], rtol=0, atol=1e-5)


def test_errors_name_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="latest_net_G"):
        from_torch(tmp_path / "latest_net_G.pth")
    path = tmp_path / "page.pth"
    path.write_text("<!DOCTYPE html>")
    with pytest.raises(ValueError, match=re.escape(f"Cannot read '{path}'")):
        from_torch(path)
    tensors, *_ = read("pixel_instance")
    del tensors["2.bias"]
    path = write(tmp_path / "latest_net_D.pth", tensors)
    words = f"Cannot import '{path}': '2.bias' is missing"
    with pytest.raises(ValueError, match=re.escape(words)):
        from_torch(str(path))


IMPORT = """
import re, sys, time
from pathlib import Path
start = time.monotonic()
from tfi2i.interop import from_torch
network = from_torch(sys.argv[1])
print(network.count_params(), time.monotonic() - start)
# Of this program alone: getrusage counts what it was started from, too.
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_full_size_resnet_is_quick_and_small(tmp_path):
    architecture = Architecture(
        "resnet",
        filters=64,
        in_channels=3,
        out_channels=3,
        blocks=9,
        norm="instance",
        use_bias=True,
        upsample="transpose",
    )
    zeros = state_dicts.of(architecture)
    tensors = {n: np.ascontiguousarray(value) for n, value in zeros.items()}
    path = write(tmp_path / "latest_net_G.pth", tensors)
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, path], capture_output=True, text=True, check=True
    )
    parameters, seconds, peak = map(float, done.stdout.split())
    assert parameters == 11_378_179
    assert seconds < 10
    assert peak < 1e9 / 1024
