import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.data.conftest import picture
from tfi2i.data import derived_inputs
from tfi2i.data.derived_inputs import Derivation
from tfi2i.data.pixels import RGB, PixelType


def test_edges_are_black_lines_on_white():
    image = np.full((40, 40, 3), 255, np.uint8)
    image[10:30, 10:30] = (200, 30, 30)
    lines = derived_inputs.edges(image)
    assert lines.shape == (40, 40, 3) and lines.dtype == np.uint8
    assert set(np.unique(lines)) == {0, 255}
    assert (lines[..., 0] == lines[..., 1]).all()
    assert (lines[13:27, 13:27] == 255).all() and (lines[:8] == 255).all()
    # a closed outline: every row and column of the square crosses it twice
    assert ((lines[11:29, :, 0] == 0).sum(axis=1) >= 2).all()
    assert ((lines[:, 11:29, 0] == 0).sum(axis=0) >= 2).all()


def test_edges_see_colours_of_equal_luminance():
    image = np.zeros((32, 32, 3), np.uint8)
    image[:, :16] = (200, 0, 0)
    image[:, 16:] = (0, 102, 0)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    assert np.ptp(grey.astype(int)) <= 1
    lines = derived_inputs.edges(image)[..., 0] == 0
    assert (lines.sum(axis=1)[2:-2] == 1).all()


def test_flat_images_have_no_edges():
    assert (derived_inputs.edges(np.full((16, 16, 3), 90, np.uint8)) == 255).all()


def test_edges_in_a_graph():
    image = picture(20, 30)
    drawn = tf.function(Derivation("edges"))(tf.constant(image))
    np.testing.assert_array_equal(drawn, derived_inputs.edges(image))


def test_grey_as_pillow():
    image = picture(20, 30)
    grey = Derivation("grayscale")(tf.constant(image)).numpy()
    assert grey.shape == (20, 30, 1) and grey.dtype == np.uint8
    expected = np.asarray(Image.fromarray(image).convert("L")).astype(int)
    assert np.abs(grey[..., 0] - expected).max() <= 1


def test_downscale_is_pillow_twice():
    image = picture(32, 48)
    small = Derivation("downscale", 4)(tf.constant(image)).numpy().astype(int)
    expected = Image.fromarray(image).resize((12, 8), Image.Resampling.BICUBIC)
    expected = expected.resize((48, 32), Image.Resampling.BICUBIC)
    assert small.shape == image.shape
    np.testing.assert_array_equal(small, expected)


def test_labels_made_small_are_labels():
    labels = np.random.default_rng(0).choice([0, 90, 200], (32, 48, 3))
    labels = labels.astype(np.uint8)
    small = Derivation("downscale", 4, "nearest")(tf.constant(labels)).numpy()
    assert set(np.unique(small)) == {0, 90, 200}
    # Blocks of one colour each.
    np.testing.assert_array_equal(small, small[::4, ::4].repeat(4, 0).repeat(4, 1))


def test_what_inputs_are_made_of():
    deep = PixelType.of(3, "uint16")
    assert Derivation("edges").pixels(RGB) == RGB
    assert Derivation("grayscale").pixels(deep) == PixelType.of(1, "uint16")
    one = PixelType.of(1, "float32", 0, 1)
    assert Derivation("downscale").pixels(one) == one
    for kind, target in (("edges", deep), ("grayscale", PixelType.of(5))):
        with pytest.raises(
            ValueError, match=f"--data.input {kind} is made from .*colo"
        ):
            Derivation(kind).pixels(target)


def drawn(side, width, paper, ink, noise):
    """Curves on a sheet that is scanned."""
    rng = np.random.default_rng(0)
    sheet = np.full((side, side * 3 // 4), paper, np.uint8)
    for _ in range(6):
        points = rng.integers(0, side * 3 // 4, (5, 1, 2), np.int32)
        cv2.polylines(sheet, [points], False, ink, width, cv2.LINE_AA)
    noisy = sheet + rng.normal(0, noise, sheet.shape)
    return np.repeat(np.uint8(np.clip(noisy, 0, 255))[..., None], 3, axis=2)


@pytest.mark.parametrize(
    "side, width, paper, ink, noise",
    [
        (64, 1, 255, 0, 0),
        (256, 6, 255, 40, 3),
        (256, 3, 190, 60, 4),
        (3000, 30, 240, 0, 5),
    ],
)
def test_drawings_are_told(side, width, paper, ink, noise):
    image = drawn(side, width, paper, ink, noise)
    assert derived_inputs.is_drawing(image)
    assert not derived_inputs.is_drawing(255 - image)
    blank = np.full_like(image, 250)
    assert derived_inputs.is_drawing(blank)


@pytest.mark.parametrize("side", [64, 256, 1200])
def test_edges_are_drawings_and_what_they_are_drawn_of_is_none(side):
    rows, columns = np.mgrid[:side, :side] / side
    waves = [np.sin(k * rows) * np.cos((k + 1) * columns) for k in (9, 14, 20)]
    photo = np.uint8(127 + 120 * np.stack(waves, axis=-1))
    assert not derived_inputs.is_drawing(photo)
    assert not derived_inputs.is_drawing(np.repeat(photo[..., :1], 3, axis=2))
    assert derived_inputs.is_drawing(derived_inputs.edges(photo))
    # A thing on white, as shops show it.
    shown = np.full_like(photo, 255)
    inner = slice(side // 4, 3 * side // 4)
    shown[inner, inner] = photo[inner, inner]
    assert not derived_inputs.is_drawing(shown)
    shown[inner, inner] = 20
    assert not derived_inputs.is_drawing(shown)
    # Edges of noise are as many as they can be.
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    assert derived_inputs.is_drawing(derived_inputs.edges(noise))
