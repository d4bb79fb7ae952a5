"""What exports say of themselves."""

import zipfile

import pytest

from tests.translators import exported
from tfi2i import networks
from tfi2i.data.pixels import RGB, PixelType
from tfi2i.exports.saved_model import write_saved_model
from tfi2i.inference import export_metadata, load


@pytest.fixture
def tflite(tmp_path):
    path = tmp_path / "x.tflite"
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(100))
    return path


@pytest.fixture(params=["file", "folder"])
def export(request, tflite, tmp_path):
    return tflite if request.param == "file" else tmp_path


def test_what_is_written_is_read(export):
    deep = PixelType.of(2, "float32", -1000.5, 3000)
    assert export_metadata.described(export) == (None, None)
    export_metadata.describe(export, deep, RGB)
    assert export_metadata.described(export) == (deep, RGB)


def test_the_model_comes_first_and_equal_ones_stay_equal(tflite):
    before = tflite.read_bytes()
    export_metadata.describe(tflite, RGB, RGB)
    after = tflite.read_bytes()
    assert after.startswith(before)
    tflite.write_bytes(before)
    export_metadata.describe(tflite, RGB, RGB)
    assert tflite.read_bytes() == after


@pytest.mark.parametrize("contents", ["{", "[]", '{"input": {}}', '{"input": 3}'])
def test_a_damaged_description(tflite, contents):
    with zipfile.ZipFile(tflite, "a") as archive:
        archive.writestr(export_metadata.NAME, contents)
    with pytest.raises(ValueError, match=r"says of its images .* export it again"):
        export_metadata.described(tflite)


@pytest.mark.slow
def test_exports_say_what_they_are(tmp_path_factory):
    _, run, published = exported(tmp_path_factory, "resnet")
    assert {export_metadata.described(item.path) for item in published} == {(RGB, RGB)}


def test_tiles_need_to_know_black_and_white(tmp_path):
    """As an export of an older version, away from its run."""
    generator = networks.resnet(num_blocks=0, filters=2, in_channels=1)
    deep = PixelType.of(1, "uint16", 100, 4095)
    write_saved_model(generator, tmp_path / "old", input_pixels=deep)
    with pytest.raises(ValueError, match="which of its uint16 values are black and"):
        load(tmp_path / "old", tile=64)
    export_metadata.describe(tmp_path / "old", deep, RGB)
    assert load(tmp_path / "old", tile=64).input_pixels == deep
