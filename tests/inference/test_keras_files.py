"""`.keras` files that Python saved, as sources like any other."""

import keras
import numpy as np
import pytest

from tests.checks import tiny_cyclegan, tiny_pix2pix
from tests.test_cli import refused
from tests.translators import photos
from tfi2i import networks
from tfi2i.data.pixels import to_float, to_uint8
from tfi2i.inference import load


def _painted(generator, images):
    """Without the engine, at a size that the network takes."""
    return np.int32(to_uint8(generator(to_float(images), training=False)))


def test_a_pix2pix(tmp_path):
    model = tiny_pix2pix()
    model.compile()
    model.save(tmp_path / "photos.keras")
    translator = load(tmp_path / "photos.keras")
    images = photos(2, 32, 64)
    expected = _painted(model.generator, images)
    assert np.abs(translator(images) - expected).max() <= 1
    assert translator(photos(1, 50, 45)[0]).shape == (50, 45, 3)
    # Its way is not known, so that it is what somebody says.
    assert translator.direction is None
    assert load(tmp_path / "photos.keras", "b2a").direction == "b2a"


@pytest.mark.slow
def test_running_means_paint(tmp_path):
    model = tiny_pix2pix()
    means = keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.5)
    model.compile(keras.optimizers.LossScaleOptimizer(means))
    pictures = to_float(photos(2, 32, 32)).numpy()
    model.fit(pictures, -pictures, batch_size=1, epochs=2, verbose=0)
    model.save(tmp_path / "photos.keras")
    raw = _painted(model.generator, photos(1, 32, 32))
    with model.averaged():
        expected = _painted(model.generator, photos(1, 32, 32))
    assert np.abs(raw - expected).max() > 1
    painted = load(tmp_path / "photos.keras")(photos(1, 32, 32))
    assert np.abs(painted - expected).max() <= 1


def test_a_cyclegan_knows_both_ways(tmp_path):
    model = tiny_cyclegan()
    model.save(tmp_path / "horses.keras")
    images = photos(1, 32, 32)
    for way, generator in (
        (None, model.generator_ab),
        ("a2b", model.generator_ab),
        ("b2a", model.generator_ba),
    ):
        translator = load(tmp_path / "horses.keras", way)
        assert np.abs(translator(images) - _painted(generator, images)).max() <= 1
        assert translator.direction == (way or "a2b")


def test_a_generator_alone(tmp_path):
    generator = networks.resnet(1, filters=4, dropout=0.5, out_channels=1, seed=0)
    generator.save(tmp_path / "grey_b2a.keras")
    translator = load(tmp_path / "grey_b2a.keras")
    assert translator.direction == "b2a"
    assert translator.output_pixels.channels == 1
    images = photos(1, 30, 27)
    noisy = load(tmp_path / "grey_b2a.keras", noise_seed=1)(images)
    assert noisy.shape == (1, 30, 27, 1)
    assert np.abs(np.int32(noisy) - translator(images)).max() > 0
    tiled = load(tmp_path / "grey_b2a.keras", tile=32, tile_statistics="whole")
    assert tiled(photos(1, 40, 50)).shape == (1, 40, 50, 1)
    with pytest.raises(ValueError, match="grey_b2a.keras' translates b2a, not a2b"):
        load(tmp_path / "grey_b2a.keras", "a2b")


def test_what_is_no_translator(tmp_path, capsys):
    pixels = keras.Input((None, None, 3))
    models = {
        "lambda": keras.Model(pixels, keras.layers.Lambda(lambda x: x)(pixels)),
        "dense": keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)]),
        "half": keras.Model(pixels, keras.layers.MaxPooling2D()(pixels)),
    }
    small = keras.Input((32, 32, 3))
    models["half"] = keras.Model(small, keras.layers.MaxPooling2D()(small))
    expected = {
        "lambda": "disallowed by default",
        "dense": r"a model from (None, 5) to (None, 3): expected a Pix2Pix",
        "half": "expected one that paints images of its inputs' size",
    }
    for name, model in models.items():
        path = tmp_path / f"{name}.keras"
        model.save(path)
        line = refused(capsys, "translate", path, tmp_path, "out")
        assert expected[name] in line and f"{name}.keras" in line


def test_a_network_of_others_says_which_size_it_does_not_take(tmp_path):
    pixels = keras.Input((None, None, 3))
    half = keras.layers.Conv2D(4, 3, strides=2, padding="same")(pixels)
    full = keras.layers.Conv2DTranspose(3, 2, strides=2)(half)
    joined = keras.layers.Concatenate()([pixels, full])
    keras.Model(pixels, keras.layers.Conv2D(3, 1)(joined)).save(tmp_path / "x.keras")
    translator = load(tmp_path / "x.keras")
    assert translator(photos(1, 20, 30)).shape == (1, 20, 30, 3)
    with pytest.raises(ValueError, match="does not paint images of 21x30 pixels"):
        translator(photos(1, 21, 30))
