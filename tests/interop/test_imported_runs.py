"""Runs made of checkpoints, and the command that makes them."""

import hashlib
import http.server
import json

import keras
import numpy as np
import pytest
from rich.console import Console

from tests.interop import saved
from tests.interop.test_published_generators import serving
from tests.test_cli import refused
from tests.test_cli import tfi2i as command
from tests.translators import photos
from tfi2i import cli, networks
from tfi2i.commands.import_model import import_options
from tfi2i.commands.parsing import parse
from tfi2i.data.pixels import to_float, to_uint8
from tfi2i.exports import export
from tfi2i.inference import load
from tfi2i.inference.load_translator import trained_generators
from tfi2i.interop import published_generators
from tfi2i.interop.import_command import import_source
from tfi2i.interop.imported_runs import import_torch
from tfi2i.training.run import resume


def _network(kind="resnet", **options):
    """One that paints something: weights that are not small."""
    if kind == "unet":
        network = networks.unet(6, filters=4, seed=0, **options)
    elif kind == "patchgan":
        network = networks.patchgan(filters=4, seed=0, **options)
    else:
        network = networks.resnet(1, filters=4, seed=0, **options)
    draw = np.random.default_rng(0)
    for weight in network.weights:
        values = draw.normal(size=weight.shape)
        if len(weight.shape) == 4:
            weight.assign(values / np.sqrt(np.prod(weight.shape[:3])))
        else:
            weight.assign(0.5 + values**2)
    return network


def _saved(path, network):
    return saved.save(path, saved.of_network(network))


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    """A network, its checkpoint and the run that it became."""
    folder = tmp_path_factory.mktemp("resnet")
    network = _network()
    path = _saved(folder / "latest_net_G_B.pth", network)
    import_torch(path, folder / "horses", direction="b2a")
    return network, path, folder / "horses"


def test_the_run_paints_as_the_network(resnet):
    network, _, run = resnet
    images = photos(2, 24, 20)
    expected = to_uint8(network(to_float(images), training=False)).numpy()
    translator = load(run)
    assert translator.direction == "b2a"
    assert np.abs(np.int32(translator(images)) - expected).max() <= 1
    assert expected.std() > 10


def test_the_run_says_where_it_came_from(resnet):
    _, path, run = resnet
    stored = json.loads((run / "config.json").read_text())
    assert stored["recipe"] == "imported"
    assert stored["model"] == {
        "type": "imported",
        "source": "latest_net_G_B.pth",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "outline": "ResNet generator of 1 block, 4 filters, 3 to 3 channels, "
        "instance norm",
    }
    assert sorted(entry.name for entry in run.parent.iterdir()) == [
        "horses",
        "latest_net_G_B.pth",
    ]


@pytest.mark.slow
def test_the_run_is_exported(tmp_path):
    network = _network(norm="batch")
    path, run = _saved(tmp_path / "net_G.pth", network), tmp_path / "horses"
    import_torch(path, run, direction="b2a", statistics="stored")
    published = export(run)
    names = ["horses_b2a", "horses_b2a.tflite"]
    assert [
        item.path.relative_to(run / "export").parts[0] for item in published
    ] == names


def test_the_run_is_not_resumed(resnet):
    with pytest.raises(ValueError, match="was imported, .* --init-from .*horses"):
        resume(resnet[2])


def test_batch_norm_paints_as_the_reference_s_test_script(tmp_path):
    """Each image's own statistics, and dropout that can be turned on."""
    network = _network("unet", statistics="image", dropout=0.5)
    path = _saved(tmp_path / "net_G.pth", network)
    import_torch(path, tmp_path / "image")
    images = to_float(photos(2, 64, 64))
    (painted,) = trained_generators(tmp_path / "image").values()
    expected = network(images, training=False)
    np.testing.assert_allclose(painted(images, training=False), expected, atol=1e-5)
    load(tmp_path / "image", noise_seed=0)
    import_torch(path, tmp_path / "stored", statistics="stored", dropout=0.0)
    (painted,) = trained_generators(tmp_path / "stored").values()
    other = _network("unet", statistics="stored", dropout=0.5)
    expected = other(images, training=False)
    np.testing.assert_allclose(painted(images, training=False), expected, atol=1e-5)
    with pytest.raises(ValueError, match="has no dropout"):
        load(tmp_path / "stored", noise_seed=0)


@pytest.mark.slow
def test_other_channels_are_exported_but_for_files(tmp_path):
    """As a network that colours: one channel to two."""
    network = _network("unet", in_channels=1, out_channels=2, statistics="stored")
    import_torch(_saved(tmp_path / "net_G.pth", network), tmp_path / "lab")
    published = export(tmp_path / "lab", formats=["savedmodel"])
    grey = photos(1, 33, 47)[..., :1]
    painted = load(published[0].path)(grey)
    assert painted.shape == (1, 33, 47, 2)
    assert np.abs(np.int32(load(tmp_path / "lab")(grey)) - painted).max() <= 1


def test_mistakes_are_one_line(capsys, resnet, tmp_path):
    _, path, run = resnet
    judge = _saved(tmp_path / "net_D.pth", _network("patchgan", norm="instance"))
    new = tmp_path / "new"
    for words, said in [
        (["missing.pth", new], "'missing.pth' does not exist, and is no published"),
        (["horse2zebr", new], "Did you mean 'horse2zebra'?"),
        (["sat2map", new], "write pix2pix/sat2map or cyclegan/sat2map"),
        ([path, run], "exists and is not empty: choose another folder"),
        ([judge, new], "it is a discriminator (PatchGAN"),
        ([path, new, "--statistics", "image"], "but applies only with batch norm"),
        ([path, new, "--mirror", "http://x"], "--mirror is 'http://x', but does not"),
        ([path, new, "--architecture", "x"], "--architecture is 'x', but does not"),
        ([path, new, "--dropout", "1.5"], "dropout must be in [0, 1)"),
        ([path, new, "--key", "netG"], "netG"),
        ([path, new, "--direction", "up"], "expected a2b or b2a"),
        ([path], "needs RUN"),
        ([__file__, new], "test_imported_runs.py"),
        ([path.parent, new], "is a folder, and none that Keras 2 wrote: name one of"),
        ([path, path / "run"], "is not a folder that you may write to. Choose"),
    ]:
        assert said in refused(capsys, "import", *words), words
        assert not new.exists()


def test_a_run_through_a_link_to_an_empty_folder(resnet, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    import_torch(resnet[1], tmp_path / "link")
    names = sorted(path.name for path in (tmp_path / "real").iterdir())
    assert names == ["config.json", "model.keras"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


class _Server(http.server.BaseHTTPRequestHandler):
    """Serves one file, or a page in its place."""

    def _head(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()

    do_HEAD = _head

    def do_GET(self):
        self._head()
        self.wfile.write(self.server.content)

    def log_message(self, *args):
        pass


def test_published_generators_by_name(resnet, tmp_path, capsys, monkeypatch):
    network, path, _ = resnet
    monkeypatch.setattr(published_generators, "cache", lambda: tmp_path / "cache")
    with serving(_Server) as (server, host):
        server.content = b"<html>Please log in</html>"
        words = ("import", "horse2zebra", tmp_path / "run", "--mirror", host)
        with pytest.raises(SystemExit):
            cli.main([str(word) for word in words])
        assert "eb page, as a failed download" in capsys.readouterr().err
        assert list((tmp_path / "cache").iterdir()) == []
        server.content = path.read_bytes()
        with pytest.raises(SystemExit) as stop:
            cli.main([str(word) for word in words])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    # Without the server now; a wrong option leaves the file alone.
    again = [*words[:2], tmp_path / "again", *words[3:]]
    assert "only with batch norm" in refused(capsys, *again, "--statistics", "image")
    import_source(parse(import_options(), list(map(str, again[1:])), "", ""), Console())
    size = f"{len(path.read_bytes()) / 1e6:.1f} MB"
    assert f"{host}/cyclegan/pretrained_models/horse2zebra.pth, {size}" in printed
    assert printed.index("terms of their own") < printed.index("stem/kernel")
    images = photos(1, 16, 16)
    expected = to_uint8(network(to_float(images), training=False)).numpy()
    assert np.abs(np.int32(load(tmp_path / "run")(images)) - expected).max() <= 1


def test_the_list_needs_no_tensorflow():
    code = (
        "import sys; from tfi2i.cli import main\n"
        "try: main(['import', '--list'])\n"
        "finally: assert 'tensorflow' not in sys.modules"
    )
    done = command(code=code)
    assert done.returncode == 0, done.stderr
    assert len([line for line in done.stdout.splitlines() if "2" in line]) >= 20
    assert "horse2zebra" in done.stdout


@pytest.mark.slow
def test_the_command(resnet, tmp_path):
    _, path, _ = resnet
    done = command("import", path, "horses", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["stem.weight", "4x3x7x7", "stem/kernel"]
    assert lines[-1].startswith("horses: ResNet generator of 1 block")
    assert keras.models.load_model(tmp_path / "horses" / "model.keras")
