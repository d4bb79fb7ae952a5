"""Three optimisation steps against the PyTorch reference's, tests/golden/training."""

import pytest

from tests import reference
from tfi2i.layers import convolution
from tfi2i.models import CycleGAN

FILE = "training/cyclegan_resnet_6blocks_instance_lsgan.npz"

# The reference names identity losses and discriminators for generators, we for the
# domain that they look at.
LOSSES = {
    "G_A": "g_ab",
    "G_B": "g_ba",
    "cycle_A": "cycle_a",
    "cycle_B": "cycle_b",
    "idt_A": "idt_b",
    "idt_B": "idt_a",
    "D_A": "d_b",
    "D_B": "d_a",
}
NETWORKS = {
    "G_A": "generator_ab",
    "G_B": "generator_ba",
    "D_A": "discriminator_b",
    "D_B": "discriminator_a",
}


def _model(arrays, config):
    networks = {}
    for theirs, ours in NETWORKS.items():
        if ours.startswith("generator"):
            network = reference.generator(config)
        else:
            network = reference.discriminator(config, config["input_nc"])
        reference.load(network, reference.under(arrays, f"before/{theirs}"))
        networks[ours] = network
    model = CycleGAN(
        **networks,
        adversarial_loss=config["gan_mode"],
        cycle_weight_a=config["lambda_A"],
        cycle_weight_b=config["lambda_B"],
        identity_weight=config["lambda_identity"],
        pool_size=0,
    )
    model.compile()
    return model


@pytest.fixture(params=["chosen", pytest.param("all", marks=pytest.mark.slow)])
def ways(request, monkeypatch):
    """Convolutions as such small networks have them, and all the fast ones."""
    if request.param == "all":
        monkeypatch.setattr(convolution, "_MIN_WINOGRAD_CHANNELS", 1)
        monkeypatch.setattr(convolution, "_MIN_WINOGRAD_WORK", 1)
        monkeypatch.setattr(convolution, "_LARGE_KERNEL", 1)


def test_three_steps_are_the_reference_s(ways):
    arrays, config = reference.read(reference.GOLDEN / FILE)
    model = _model(arrays, config)
    for step in range(3):
        real_a, real_b = arrays[f"real_a/{step}"], arrays[f"real_b/{step}"]
        losses = model.train_on_batch(real_a, real_b, return_dict=True)
        stored = reference.under(arrays, f"loss/{step}")
        assert stored.keys() == LOSSES.keys()
        for theirs, value in stored.items():
            assert losses[LOSSES[theirs]] == pytest.approx(float(value), rel=1e-4)
    for theirs, ours in NETWORKS.items():
        network = getattr(model, ours)
        assert reference.mean_gap(network, arrays, f"after/{theirs}") <= 1e-5
