"""Three optimisation steps against the PyTorch reference's, tests/golden/training."""

import pytest

from tests import reference
from tfi2i.layers import convolution
from tfi2i.models import Pix2Pix

FILES = sorted((reference.GOLDEN / "training").glob("pix2pix_*.npz"))


def _model(arrays, config):
    generator = reference.generator(config)
    discriminator = reference.discriminator(
        config, config["input_nc"] + config["output_nc"]
    )
    reference.load(generator, reference.under(arrays, "before/G"))
    reference.load(discriminator, reference.under(arrays, "before/D"))
    model = Pix2Pix(
        generator,
        discriminator,
        adversarial_loss=config["gan_mode"],
        l1_weight=config["lambda_L1"],
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


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_three_steps_are_the_reference_s(path, ways):
    arrays, config = reference.read(path)
    model = _model(arrays, config)
    for step in range(3):
        real_a, real_b = arrays[f"real_a/{step}"], arrays[f"real_b/{step}"]
        losses = model.train_on_batch(real_a, real_b, return_dict=True)
        for name, value in reference.under(arrays, f"loss/{step}").items():
            assert losses[name.lower()] == pytest.approx(float(value), rel=1e-4)
    assert reference.mean_gap(model.generator, arrays, "after/G") <= 1e-5
    assert reference.mean_gap(model.discriminator, arrays, "after/D") <= 1e-5


def test_golden_files_are_found():
    assert len(FILES) == 2
