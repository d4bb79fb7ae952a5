"""Models, optimizers and data as the configuration says."""

import json
import random
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests import checks
from tests.preparation.conftest import pictures
from tests.recipes.changes import changed, config, cyclegan
from tfi2i import networks
from tfi2i.data import PairedData, UnpairedData
from tfi2i.models import CycleGAN, Pix2Pix
from tfi2i.recipes import build, splits
from tfi2i.recipes.config import DataConfig
from tfi2i.recipes.named import get
from tfi2i.recipes.resolve import resolve
from tfi2i.recipes.serialize import from_dict, to_dict

SMALL = {
    "data__crop_size": 32,
    "model__generator__filters": 2,
    "model__discriminator__filters": 2,
    "model__discriminator__num_layers": 2,
}
SMALL_CYCLEGAN = {**SMALL, "model__generator__blocks": 1}


def small_pix2pix(**changes):
    return resolve(config(**{**SMALL, **changes}))


def small_cyclegan(**changes):
    return resolve(cyclegan(**{**SMALL_CYCLEGAN, **changes}))


def seeds(seed, count):
    draw = random.Random(seed)
    return [draw.randrange(2**31) for _ in range(count)]


def test_a_pix2pix_starts_as_it_always_did():
    """Recorded seeds would mean other weights if the draws changed their order."""
    generator, discriminator, own = seeds(7, 3)
    model = build.build_model(small_pix2pix(seed=7))
    assert type(model) is Pix2Pix
    unet = networks.unet(5, filters=2, seed=generator)
    assert checks.same_weights(model.generator, unet)
    patchgan = networks.patchgan(6, filters=2, num_layers=2, seed=discriminator)
    assert checks.same_weights(model.discriminator, patchgan)
    assert model.seed == own


def test_a_pix2pix_without_discriminator_starts_like_one_with():
    alone = build.build_model(small_pix2pix(seed=7, model__gan_weight=0.0))
    both = build.build_model(small_pix2pix(seed=7))
    assert alone.discriminator is None
    assert checks.same_weights(alone.generator, both.generator)
    assert alone.seed == both.seed


def test_a_cyclegan_draws_a_seed_for_each_network_and_one_for_itself():
    *drawn, own = seeds(7, 5)
    model = build.build_model(small_cyclegan(seed=7))
    assert type(model) is CycleGAN
    for network, seed in zip(
        (model.generator_ab, model.generator_ba), drawn[:2], strict=True
    ):
        assert checks.same_weights(network, networks.resnet(1, filters=2, seed=seed))
    for network, seed in zip(
        (model.discriminator_a, model.discriminator_b), drawn[2:], strict=True
    ):
        options = dict(filters=2, num_layers=2, norm="instance", seed=seed)
        assert checks.same_weights(network, networks.patchgan(3, **options))
    assert model.seed == own
    assert not checks.same_weights(model.generator_ab, model.generator_ba)
    assert not checks.same_weights(model.discriminator_a, model.discriminator_b)


@pytest.mark.parametrize("make", [small_pix2pix, small_cyclegan])
def test_the_model_is_told_what_the_configuration_says(make):
    common = {
        "model__adversarial_loss": "wgan-gp",
        "model__gradient_penalty_weight": 3.0,
        "model__discriminator__norm": "none",
    }
    own = {
        small_pix2pix: {
            "model__gan_weight": 2.0,
            "model__l1_weight": 4.0,
            "model__l2_weight": 5.0,
            "model__conditional": False,
        },
        small_cyclegan: {
            "model__cycle_weight_a": 6.0,
            "model__cycle_weight_b": 7.0,
            "model__identity_weight": 0.25,
            "model__pool_size": 8,
        },
    }[make]
    model = build.build_model(make(**common, **own))
    told = {**common, **own}
    del told["model__discriminator__norm"]
    for path, value in told.items():
        assert getattr(model, path.removeprefix("model__")) == value
    assert all(
        network.input_shape[-1] == 3 for network in model.networks_of("discriminator")
    )


@pytest.mark.parametrize(
    "make, network, num_layers, kernels",
    [(small_pix2pix, "pixel", 3, 3), (small_cyclegan, "patchgan", 1, 3)],
)
def test_spectral_norm_reaches_every_kernel(make, network, num_layers, kernels):
    model = build.build_model(
        make(
            model__discriminator__network=network,
            model__discriminator__num_layers=num_layers,
            model__discriminator__spectral_norm=True,
        )
    )
    for discriminator in model.networks_of("discriminator"):
        names = [weight.name for weight in discriminator.weights]
        assert names.count("vector_u") == names.count("kernel") == kernels


def compiled(configuration):
    model = build.build_model(configuration)
    build.compile_model(model, configuration, 0.01)
    return model


@pytest.mark.parametrize("make", [small_pix2pix, small_cyclegan])
def test_plain_optimizers(make):
    model = compiled(make(optimizer__beta_1=0.25, optimizer__beta_2=0.75))
    for optimizer in (model.generator_optimizer, model.discriminator_optimizer):
        assert float(optimizer.learning_rate) == pytest.approx(0.01)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.25, 0.75)
        assert optimizer.global_clipnorm is None
        assert not optimizer.use_ema


def norm(arrays):
    return np.sqrt(sum(np.sum(np.square(array)) for array in arrays))


def update(optimizer, networks):
    """Updates with gradients of 1; returns the new weights."""
    weights = [w for network in networks for w in network.trainable_weights]
    optimizer.apply([keras.ops.ones_like(weight) for weight in weights], weights)
    return [weight.numpy() for weight in weights]


def test_gradients_are_clipped_together_and_generators_averaged():
    clip = 1e-3
    chosen = small_pix2pix(optimizer__clip_norm=clip, optimizer__ema_momentum=0.75)
    model = compiled(chosen)
    first = update(model.generator_optimizer, model.networks_of("generator"))
    update(model.discriminator_optimizer, model.networks_of("discriminator"))
    for optimizer in (model.generator_optimizer, model.discriminator_optimizer):
        # Adam's first moment is now (1 - beta_1) times the clipped gradient.
        moments = [moment.numpy() for moment in optimizer._momentums]
        assert norm(moments) == pytest.approx(0.5 * clip, rel=1e-4)
    assert not model.discriminator_optimizer.use_ema
    second = update(model.generator_optimizer, model.networks_of("generator"))
    averages = model.generator_optimizer._model_variables_moving_average
    for before, after, average in zip(first, second, averages, strict=True):
        expected = 0.75 * before + 0.25 * after
        np.testing.assert_allclose(average, expected, rtol=1e-5, atol=1e-7)


def test_saved_models_keep_what_the_configuration_chose(tmp_path):
    model = compiled(
        small_cyclegan(
            model__discriminator__spectral_norm=True,
            optimizer__clip_norm=2.0,
            optimizer__ema_momentum=0.5,
        )
    )
    update(model.generator_optimizer, model.networks_of("generator"))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.generator_optimizer.global_clipnorm == 2.0
    assert loaded.discriminator_optimizer.global_clipnorm == 2.0
    assert loaded.generator_optimizer.ema_momentum == 0.5
    for value, expected in zip(checks.state(loaded), checks.state(model), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_bundled_images_without_pairs():
    data = build.load_data(resolve(get("cyclegan-emoji").config), "val")
    pairs = build.load_data(resolve(get("pix2pix-emoji").config), "val")
    assert type(data) is UnpairedData
    assert type(pairs) is PairedData
    # Only training images are larger than what the networks see.
    assert data.images["a"].shape[1:] == data.images["b"].shape[1:] == (64, 64, 3)
    # Names with and without their endings sort differently.
    stems = [image.path.stem for image in data.files.a]
    order = [stems.index(name) for name in pairs.names]
    np.testing.assert_array_equal(data.images["a"].numpy()[order], pairs.images["a"])
    np.testing.assert_array_equal(data.images["b"].numpy()[order], pairs.images["b"])


def test_unpaired_images_of_ones_own(tmp_path):
    for folder, count in (("trainX", 2), ("trainY", 3)):
        (tmp_path / folder).mkdir()
        for index in range(count):
            image = np.full((20, 20, 4), 40 * index, np.uint8)
            path = tmp_path / folder / f"{folder}{index}.png"
            keras.utils.save_img(path, image, scale=False, data_format="channels_last")
    chosen = changed(
        cyclegan(**SMALL_CYCLEGAN),
        data__dir=str(tmp_path),
        data__a="X",
        data__b="Y",
        data__load_size=36,
        data__background="#ff0000",
    )
    data = build.load_data(resolve(chosen), "train")
    assert data.images["a"].shape == (2, 36, 36, 3)
    assert data.images["b"].shape == (3, 36, 36, 3)
    # The first image is wholly transparent.
    np.testing.assert_array_equal(data.images["a"][0][0, 0], [255, 0, 0])


@pytest.mark.slow
@pytest.mark.parametrize(
    "make", [small_pix2pix, pytest.param(small_cyclegan, marks=pytest.mark.slow)]
)
def test_bfloat16_trains_much_as_float32(make):
    losses = {}
    for precision in ("float32", "mixed_bfloat16"):
        configured = make(precision=precision, seed=3)
        model = build.build_model(configured)
        build.compile_model(model, configured, 2e-4)
        batch = [checks.images(1, 32, 32, 3, seed=seed) for seed in (0, 1)]
        losses[precision] = model.train_on_batch(*batch, return_dict=True)
    assert keras.config.dtype_policy().name == "float32"
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert {
        layer.compute_dtype for layer in model.networks_of("generator")[0].layers
    } > {"bfloat16"}
    for name, exact in losses["float32"].items():
        assert losses["mixed_bfloat16"][name] == pytest.approx(exact, rel=0.05), name


def test_float16_scales_the_losses_of_both_optimizers():
    configured = small_pix2pix(precision="mixed_float16")
    model = build.build_model(configured)
    build.compile_model(model, configured, 2e-4)
    for optimizer in (model.generator_optimizer, model.discriminator_optimizer):
        assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)


def test_xla_is_passed_on():
    configured = small_pix2pix(xla=True)
    model = build.build_model(configured)
    build.compile_model(model, configured, 2e-4)
    assert model.get_compile_config()["jit_compile"] is True


def _step_of(model, strategy):
    """Weights after one step on four images, each device's part of them aside."""
    with strategy.scope():
        model = model()
        model.compile(*[keras.optimizers.SGD(0.1) for _ in range(2)])
    pairs = checks.images(4, 32, 32, 3), checks.images(4, 32, 32, 3, seed=1)
    data = tf.data.Dataset.from_tensor_slices(pairs).batch(4, drop_remainder=True)
    losses = model.fit(data, verbose=0).history
    return losses, [weight.numpy() for weight in model.weights]


@pytest.mark.slow
def test_synchronized_batch_norm_sees_the_whole_batch():
    configured = small_pix2pix(
        synchronized_batch_norm=True,
        seed=3,
        data__batch_size=4,
        model__generator__dropout=0.0,
    )
    apart = replace(configured, synchronized_batch_norm=False)
    one = _step_of(lambda: build.build_model(apart), tf.distribute.get_strategy())
    two = _step_of(lambda: build.build_model(configured), checks.two_devices())
    for name, values in one[0].items():
        assert two[0][name] == pytest.approx(values, rel=1e-5)
    for expected, found in zip(one[1], two[1], strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    other = _step_of(lambda: build.build_model(apart), checks.two_devices())
    assert other[0]["g_l1"] != pytest.approx(one[0]["g_l1"], rel=1e-5)


def test_what_is_made_is_not_what_was_said():
    configured = small_pix2pix(data__input="edges", data__domain_a__channels=1)
    images = build.load_data(configured, "test", limit=1)
    with pytest.raises(
        ValueError, match="domain-a.channels is 1, .* edges makes has 3"
    ):
        build.with_pixels(configured, images)
    plain = small_pix2pix(data__input="edges")
    found = build.with_pixels(plain, images)
    assert found.data.domain_a.channels == 3
    assert build.with_pixels(found, images) == found


def test_a_share_and_a_limit_are_the_same_every_time(tmp_path):
    names = [f"{side}/{n}.png" for side in ("p", "q") for n in range(20)]
    pictures(tmp_path, *names, size=(32, 32))
    where = {"data__dir": str(tmp_path), "data__val_share": 0.25}
    whole, few = (small_pix2pix(**where, limit=limit) for limit in (None, 3))
    assert splits.available(whole.data) == ("train", "val")
    for split, count in (("train", 15), ("val", 5)):
        every = build.load_data(whole, split).names
        assert len(every) == count
        again = from_dict(json.loads(json.dumps(to_dict(few))))
        assert build.load_data(again, split).names == every[:3]
    # Another seed of the weights leaves the images as they are.
    other = build.load_data(replace(whole, seed=5), "val")
    assert other.names == build.load_data(whole, "val").names
    with pytest.raises(ValueError, match="--data.group .* only with a --data.val-shar"):
        small_pix2pix(data__dir=str(tmp_path), data__group="x")


def test_names_of_a_recipe_are_not_the_users(tmp_path):
    pictures(tmp_path, "trainA/1.png", "trainB/1.png", size=(32, 32))
    given = resolve(
        replace(get("pix2pix-facades").config, data=DataConfig(dir=str(tmp_path)))
    )
    data = replace(given.data, a="photo", b="label", crop_size=256)
    assert len(build.load_data(replace(given, data=data), "train")) == 1
    own = replace(given, data=replace(data, a="photos"))
    with pytest.raises(FileNotFoundError, match="--data.a is 'photos'"):
        build.load_data(own, "train")


@pytest.fixture
def grey_and_colour(tmp_path):
    """Pairs of a grey A and a B of three colours, larger than what is cut out."""
    rng = np.random.default_rng(0)
    for index in range(3):
        for side, shape in (("A", (40, 44)), ("B", (40, 44, 3))):
            path = tmp_path / "train" / side / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(path)
    return {"data__dir": str(tmp_path), "data__domain_a__channels": 1}


@pytest.mark.parametrize(("direction", "taken", "made"), [("a2b", 1, 3), ("b2a", 3, 1)])
@pytest.mark.parametrize("conditional", [True, False])
def test_domains_keep_their_names_whatever_the_direction(
    grey_and_colour, direction, taken, made, conditional
):
    where = {**grey_and_colour, "data__direction": direction}
    configured = small_pix2pix(**where, model__conditional=conditional)
    data = build.load_data(configured, "train")
    channels = {name: images.pixels.channels for name, images in data.images.items()}
    assert channels == {"a": 1, "b": 3}
    configured = build.with_pixels(configured, data)
    assert configured.data.domain_a.channels == 1
    assert configured.data.domain_b.channels == 3
    model = build.build_model(configured)
    assert model.direction == direction
    (way,) = model.ways
    assert (way.name, f"{way.input}2{way.target}") == (direction, direction)
    assert model.generator.input_shape[-1] == taken
    assert model.generator.output_shape[-1] == made
    judged = made + taken * conditional
    assert model.discriminator.input_shape[-1] == judged


@pytest.mark.slow
def test_back_is_there_with_the_names_exchanged(grey_and_colour):
    """A run of b2a learns, to the bit, what one of a2b does from swapped images."""
    back = small_pix2pix(**grey_and_colour, data__direction="b2a", seed=3)
    data = build.load_data(back, "train")
    back = build.with_pixels(back, data)
    there = replace(
        back,
        data=replace(
            back.data,
            direction="a2b",
            domain_a=back.data.domain_b,
            domain_b=back.data.domain_a,
        ),
    )
    how = {"batch_size": 2, "crop_size": 32, "epochs": 1, "rotate": 20.0, "seed": 3}
    found = []
    for configured, images in ((back, data), (there, data.swapped())):
        model = build.build_model(configured)
        build.compile_model(model, configured, 2e-4)
        taken = configured.ways[0].input
        batches = images.training(**how, color_jitter=0.5, jittered=taken)
        losses = model.fit(batches, verbose=0).history
        assert all(np.isfinite(losses[name]).all() for name in losses)
        found.append((losses, checks.state(model)))
    assert found[0][0] == found[1][0]
    for one, other in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("direction", ["a2b", "b2a"])
def test_inputs_alone_change_their_colours(grey_and_colour, direction):
    configured = small_pix2pix(**grey_and_colour, data__direction=direction)
    data = build.load_data(configured, "train")
    how = {"batch_size": 3, "crop_size": 32, "epochs": 1}
    (way,) = configured.ways
    (plain,) = data.training(**how)
    (batch,) = data.training(**how, color_jitter=0.5, jittered=way.input)
    np.testing.assert_array_equal(batch[way.target], plain[way.target])
    assert np.abs(batch[way.input] - plain[way.input]).mean() > 0.01
