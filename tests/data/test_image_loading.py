import os
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from tests.data.conftest import levels, picture, save
from tfi2i.data import PairedData, derived_inputs, paired, reading


def resized(pixels: np.ndarray, size: int) -> np.ndarray:
    image = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image).astype(int)


def test_two_folders(tmp_path):
    pictures = [picture(20 + i, 30, seed=i) for i in range(6)]
    for i in range(3):
        save(tmp_path / f"train/A/{i}.png", pictures[i])
        save(tmp_path / f"train/B/{i}.webp", pictures[i + 3], lossless=True)
    data = PairedData.load(tmp_path, load_size=25)
    assert data.names == ("0", "1", "2")
    assert len(data) == 3 and data.images["a"].image_shape == (25, 25, 3)
    for stored, originals in (
        (data.images["a"], pictures),
        (data.images["b"], pictures[3:]),
    ):
        assert stored.shape == (3, 25, 25, 3) and stored.dtype == np.uint8
        for i in range(3):
            np.testing.assert_array_equal(stored[i], resized(originals[i], 25))


def test_side_by_side_halves_after_turning_upright(tmp_path):
    upright = picture(16, 40)
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "val/1.png", np.rot90(upright), exif=exif)
    data = PairedData.load(tmp_path, "val", load_size=16)
    for stored, half in (
        (data.images["a"], upright[:, :20]),
        (data.images["b"], upright[:, 20:]),
    ):
        np.testing.assert_array_equal(stored[0], resized(half, 16))


def test_domains_change_their_names(two_folders):
    there = PairedData.load(two_folders, load_size=8)
    back = there.swapped()
    assert there.images["a"][3][0, 0, 0] == 30 and there.images["b"][3][0, 0, 0] == 31
    np.testing.assert_array_equal(there.images["a"], back.images["b"])
    np.testing.assert_array_equal(there.images["b"], back.images["a"])
    assert (back.names, back.files) == (there.names, there.files)


def test_direction_swaps(two_folders):
    """At the door: a model that translates A into B then learns the other way."""
    options = {"load_size": 8, "crop_size": 6, "batch_size": 5, "training": False}
    (there,) = levels(paired(two_folders, **options))
    (back,) = levels(paired(two_folders, direction="b2a", **options))
    for domain, ones in enumerate((0, 1)):
        expected = [10 * i + ones for i in range(5)]
        assert there[domain][:, 0, 0, 0].tolist() == expected
        assert back[1 - domain][:, 0, 0, 0].tolist() == expected
    options = {"load_size": 8, "crop_size": 6, "batch_size": 5}
    ((there_a, there_b),) = levels(paired(two_folders, **options))
    back = paired(two_folders, direction="b2a", color_jitter=0.5, **options)
    ((back_a, back_b),) = levels(back)
    np.testing.assert_array_equal(back_b, there_a)
    # Inputs change their colours, here B.
    assert (back_a != there_b).any()


def test_edges_are_drawn_from_the_target(tmp_path):
    pixels = picture(40, 40)
    pixels[10:30, 10:30] = 0
    save(tmp_path / "train/1.png", pixels)
    made = {"layout": "targets", "input": "edges", "load_size": 40}
    data = PairedData.load(tmp_path, **made)
    np.testing.assert_array_equal(data.images["b"][0], pixels)
    np.testing.assert_array_equal(data.images["a"][0], derived_inputs.edges(pixels))
    assert 0 < (data.images["a"][0].numpy() == 0).mean() < 0.3
    for direction in ("a2b", "b2a"):
        batches = paired(
            tmp_path, direction=direction, crop_size=40, training=False, **made
        )
        ((real_a, real_b),) = levels(batches)
        np.testing.assert_array_equal(real_a[0], derived_inputs.edges(pixels))
        np.testing.assert_array_equal(real_b[0], pixels)


def test_background(tmp_path):
    clear = np.zeros((8, 16, 4), np.uint8)
    save(tmp_path / "train/1.png", clear)
    for background, colour in (("white", (255,) * 3), ("#0a10ff", (10, 16, 255))):
        data = PairedData.load(tmp_path, load_size=4, background=background)
        assert (data.images["a"].numpy() == colour).all()


def test_all_damaged_files_are_named_at_once(tmp_path):
    for i in range(4):
        for folder in "AB":
            save(tmp_path / f"train/{folder}/{i}.jpg", picture(40, 40, seed=i))
    for name in ("A/0", "B/0", "B/3"):
        path = tmp_path / f"train/{name}.jpg"
        path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ValueError) as error:
        PairedData.load(tmp_path, load_size=8)
    expected = ", ".join(f"'{tmp_path}/train/{n}.jpg'" for n in ("A/0", "B/0", "B/3"))
    assert str(error.value) == (
        f"truncated or damaged images (3): {expected}; replace or remove them"
    )


@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_a_file_that_is_lost_before_its_turn(tmp_path, suffix):
    """Where images are not kept: as an error that training explains."""
    for name in "AB":
        save(tmp_path / f"train/{name}/1.{suffix}", picture(40, 40))
    data = PairedData.load(tmp_path, load_size=8, cache="off")
    batches = data.training(batch_size=1, crop_size=8, epochs=1)
    path = tmp_path / f"train/A/1.{suffix}"
    for change in (lambda: path.write_bytes(path.read_bytes()[:-900]), path.unlink):
        change()
        with pytest.raises(tf.errors.InvalidArgumentError, match="damaged"):
            next(iter(batches))


def test_bad_arguments(two_folders):
    for arguments, message in (
        ({"input": "lines"}, "--data.input is 'lines', expected files or edges or gr"),
        ({"load_size": 0}, "--data.load-size is 0, expected at least 1"),
        ({"background": "whit"}, "'whit' is not a colour: --data.background takes"),
    ):
        with pytest.raises(ValueError, match=message):
            PairedData.load(two_folders, **arguments)
    with pytest.raises(
        ValueError, match="--data.direction is 'both', expected a2b or b2a"
    ):
        paired(two_folders, direction="both")


def test_more_than_there_is_memory(two_folders):
    with pytest.raises(ValueError, match=r"5 images need .* GB .* --data.load-"):
        PairedData.load(two_folders, load_size=10_000_000, cache="memory")


def test_a_bar_is_drawn_only_on_terminals(two_folders, capfd):
    PairedData.load(two_folders, load_size=8)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_one_image_as_pillow_shows_it(tmp_path, suffix):
    path = tmp_path / f"1.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = 6
    save(path, picture(16, 40), exif=exif)
    with Image.open(path) as opened:
        shown = np.asarray(ImageOps.exif_transpose(opened))
    image = reading.read_image(path)
    assert image.dtype == np.uint8 and image.shape == (40, 16, 3)
    np.testing.assert_array_equal(image, shown)
    np.testing.assert_array_equal(reading.read_image(str(path)), shown)


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
@pytest.mark.parametrize("suffix", ["png", "npy"])
def test_names_that_are_no_text(tmp_path, suffix):
    plain = tmp_path / f"1.{suffix}"
    if suffix == "npy":
        np.save(plain, picture(8, 6))
    else:
        save(plain, picture(8, 6))
    for name in "AB":
        path = tmp_path / "train" / name / os.fsdecode(b"caf\xe9." + suffix.encode())
        path.parent.mkdir(parents=True)
        path.write_bytes(plain.read_bytes())
    expected = reading.read_image(plain)
    np.testing.assert_array_equal(reading.read_image(path), expected)
    for cache in ("memory", "off"):
        data = PairedData.load(tmp_path, preprocess="none", multiple=2, cache=cache)
        np.testing.assert_array_equal(data.images["a"][0], expected)
        assert data.names == ("caf\\xe9",)
        ((real_a, _),) = levels(
            data.training(batch_size=1, crop_size=None, epochs=1, flip=False)
        )
        np.testing.assert_array_equal(real_a[0], expected)


def test_one_image_over_a_background(tmp_path):
    save(tmp_path / "1.png", np.zeros((8, 6, 4), np.uint8))
    assert (reading.read_image(tmp_path / "1.png") == 255).all()
    image = reading.read_image(tmp_path / "1.png", "#0a10ff")
    assert image.shape == (8, 6, 3) and (image == (10, 16, 255)).all()


def test_one_image_that_cannot_be_read(tmp_path):
    path = tmp_path / "1.jpg"
    with pytest.raises(FileNotFoundError, match="^No such file or directory$"):
        reading.read_image(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="^empty$"):
        reading.read_image(path)
    path.write_text("not an image")
    with pytest.raises(
        ValueError, match="^not an image: expected JPEG, PNG, WebP, BMP,"
    ):
        reading.read_image(path)
    save(path, picture(40, 40))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ValueError, match="^truncated or damaged$"):
        reading.read_image(path)
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    path = tmp_path / "1.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match="^animated$"):
        reading.read_image(path)
    with pytest.raises(ValueError, match="^'whit' is not a colour"):
        reading.read_image(path, "whit")
