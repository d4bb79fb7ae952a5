"""The benchmark's other side does what ours does: the same losses, step by step."""

import sys

import numpy as np
import pytest

from tests.scripts.running import SCRIPTS
from tfi2i import networks
from tfi2i.models import CycleGAN, Pix2Pix

torch = pytest.importorskip("torch")
sys.path.insert(0, str(SCRIPTS))

from benchmarks import reference  # noqa: E402

FILTERS = 8
STEPS = 3


def _pairs(side):
    return np.random.default_rng(0).uniform(-1, 1, (STEPS, 2, 1, side, side, 3))


def _ours(trainer, pairs):
    """Losses of every step, by name."""
    trainer.compile()
    return [
        trainer.train_on_batch(*pair.astype(np.float32), return_dict=True)
        for pair in pairs
    ]


def _theirs(trainer, pairs, names):
    """Likewise; their losses come in an order."""
    found = []
    for pair in pairs:
        losses = trainer.step(*torch.from_numpy(pair).float().permute(0, 1, 4, 2, 3))
        found.append(dict(zip(names, losses, strict=True)))
    return found


def _assert_equal(ours, theirs):
    for step in range(STEPS):
        assert ours[step] == pytest.approx(theirs[step], rel=1e-4)


@pytest.mark.slow
def test_pix2pix_steps_have_our_losses():
    generator = networks.unet(5, filters=FILTERS, dropout=0.0, seed=1)
    judge = networks.patchgan(6, FILTERS, seed=2)
    restated = reference.Pix2Pix(filters=FILTERS, num_downs=5)
    for module in restated.generator.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    reference.take_weights(restated.generator, generator)
    reference.take_weights(restated.discriminator, judge)
    pairs = _pairs(64)
    names = ["d_fake", "d_real", "g_gan", "g_l1"]
    theirs = _theirs(restated, pairs, names)
    _assert_equal(_ours(Pix2Pix(generator, judge), pairs), theirs)


@pytest.mark.slow
def test_cyclegan_steps_have_our_losses():
    # Of seed 1, one value before a ReLU is so close to zero that rounding decides.
    generators = [networks.resnet(2, filters=FILTERS, seed=seed) for seed in (2, 5)]
    judges = [
        networks.patchgan(filters=FILTERS, norm="instance", seed=seed)
        for seed in (3, 4)
    ]
    restated = reference.CycleGAN(filters=FILTERS, num_blocks=2)
    ours = [*generators, *judges]
    # Theirs are named for generators: what A's generator paints, `d_b` judges.
    theirs = [restated.g_a, restated.g_b, restated.d_a, restated.d_b]
    for network, mine in zip(theirs, ours, strict=True):
        reference.take_weights(network, mine)
    names = ["idt_b", "idt_a", "g_ab", "g_ba", "cycle_a", "cycle_b", "d_b", "d_a"]
    pairs = _pairs(32)
    losses = _theirs(restated, pairs, names)
    _assert_equal(_ours(CycleGAN(*ours), pairs), losses)
