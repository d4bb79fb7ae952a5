"""Validation losses and scores, by their names in `metrics.jsonl`.

Like `tfi2i.recipes.limits`, this needs the values of a configuration alone.
"""

import typing

if typing.TYPE_CHECKING:
    from tfi2i.recipes.config import CycleGANConfig, Pix2PixConfig

SCORES = {"val_l1": False, "val_psnr": True, "val_ssim": True}
"""Scores against true outputs (`tfi2i.metrics`), and whether more is better."""


def measures(model: "Pix2PixConfig | CycleGANConfig") -> tuple[str, ...]:
    """Names of the losses and scores that are measured after an epoch.

    Args:
        model: what is trained.

    Returns:
        The trainer's losses as Keras names them in validation, and, where there are
        pairs, scores.
    """
    losses = _paired_losses(model) if model.is_paired else _unpaired_losses(model)
    scores = tuple(SCORES) if model.is_paired else ()
    return (*(f"val_{name}" for name in losses), *scores)


def is_more_better(measure: str) -> bool:
    """Whether a larger value is better; of losses the smaller is."""
    return SCORES.get(measure, False)


def _paired_losses(model):
    weights = {
        "g_gan": model.gan_weight,
        "g_l1": model.l1_weight,
        "g_l2": model.l2_weight,
    }
    names = [name for name, weight in weights.items() if weight > 0]
    if model.is_adversarial:
        names += ["d_real", "d_fake"]
        names += ["d_gp"] if model.adversarial_loss == "wgan-gp" else []
    return names


def _unpaired_losses(model):
    names = ["g_ab", "g_ba", "cycle_a", "cycle_b"]
    names += ["idt_a", "idt_b"] if model.identity_weight > 0 else []
    names += ["d_a", "d_b"]
    return names + (["gp_a", "gp_b"] if model.adversarial_loss == "wgan-gp" else [])
