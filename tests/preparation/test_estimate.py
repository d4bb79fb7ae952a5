from dataclasses import replace

import pytest

from tests.recipes.changes import changed
from tfi2i import networks
from tfi2i.preparation import estimate
from tfi2i.recipes.named import get
from tfi2i.recipes.resolve import resolve


def test_a_network_s_work_by_hand():
    # Three convolutions of single pixels.
    network = networks.pixel_discriminator(in_channels=3, filters=4, norm="none")
    found = estimate.measure(network, (6, 10))
    products = 60 * (3 * 4 + 4 * 8 + 8 * 1)
    assert found.operations == 2 * products
    # As the reference has it, the first alone adds a bias.
    assert found.parameters == 3 * 4 + 4 + 4 * 8 + 8 * 1


def test_transposed_convolutions_work_at_the_size_that_they_take():
    network = networks.unet(num_downs=5, filters=2, norm="none")
    encoder = [(3, 2), (2, 4), (4, 8), (8, 16), (16, 16)]
    decoder = [(16, 16), (32, 8), (16, 4), (8, 2), (4, 3)]
    products = 0
    for depth, (taken, given) in enumerate(encoder, 1):
        products += 16 * taken * given * (32 >> depth) * (64 >> depth)
    for depth, (taken, given) in zip(range(5, 0, -1), decoder, strict=True):
        products += 16 * taken * given * (32 >> depth) * (64 >> depth)
    assert estimate.measure(network, (32, 64)).operations == 2 * products


def small(recipe, **data):
    config = get(recipe).config
    return resolve(replace(config, data=replace(config.data, dir="x", **data)))


@pytest.mark.parametrize("recipe", ["pix2pix-emoji", "cyclegan-emoji"])
def test_what_a_step_takes(recipe):
    found = estimate.cost(small(recipe))
    assert found.memory > 16 * found.parameters > 10_000_000
    assert found.device in ("CPU", "GPU")
    # `data check --json` writes it without a fraction.
    assert isinstance(found.step_operations, int)
    rate = found.step_operations / found.step_seconds
    assert 1e7 < rate < 1e16


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "operations", "gigabytes"),
    # Operations by the networks' published shapes; memory as a process of its own
    # took at its most in three steps.
    [("pix2pix", 87e9, 1.69), ("cyclegan", 1879e9, 3.76)],
)
def test_the_defaults_at_256_pixels(recipe, operations, gigabytes):
    found = estimate.cost(small(recipe))
    assert found.step_operations == pytest.approx(operations, rel=0.01)
    assert found.memory / 1e9 == pytest.approx(gigabytes, rel=0.25)


def test_the_rate_is_one_that_a_computer_can_have():
    assert 1e8 < estimate.operations_per_second("CPU") < 1e16


def test_penalties_and_identity_losses_cost():
    cyclegan, pix2pix = small("cyclegan-emoji"), small("pix2pix-emoji", batch_size=2)
    made, judge = estimate.Network(0, 100.0, 10), estimate.Network(0, 1.0, 1)
    both = {f"generator_{way}": made for way in ("ab", "ba")}
    both |= {f"discriminator_{domain}": judge for domain in "ab"}
    one = {"generator": made, "discriminator": judge}
    # Three passes of each generator, forward and twice backward; each discriminator
    # trains on two images and lets gradients through once.
    assert estimate.step(cyclegan, both) == (4 * (18 * 100 + 16), 4 * 62)
    penalized = changed(cyclegan, model__adversarial_loss="wgan-gp")
    assert estimate.step(penalized, both) == (4 * (18 * 100 + 28), 4 * 62)
    without = changed(cyclegan, model__identity_weight=0.0)
    assert estimate.step(without, both) == (4 * (12 * 100 + 16), 4 * 42)
    assert estimate.step(pix2pix, one) == (2 * 308, 2 * 12)
    penalized = changed(pix2pix, model__adversarial_loss="wgan-gp")
    assert estimate.step(penalized, one) == (2 * 314, 2 * 12)
    alone = changed(pix2pix, model__gan_weight=0.0)
    assert estimate.step(alone, {"generator": made}) == (2 * 300, 2 * 10)
