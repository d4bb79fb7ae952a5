"""Validation losses and scores, by their names in `metrics.jsonl`."""

from tfi2i.recipes.config import TrainConfig

SCORES = {"val_l1": False, "val_psnr": True, "val_ssim": True}
"""Scores against true outputs (`tfi2i.metrics`), and whether more is better."""


def measures(config: TrainConfig) -> tuple[str, ...]:
    """Names of the losses and scores that are measured after an epoch.

    Args:
        config: of a run.

    Returns:
        The trainer's losses as Keras names them in validation, and, where there are
        true outputs, scores.
    """
    has_truth = any(way.has_truth for way in config.ways)
    losses = (f"val_{name}" for name in config.model.losses())
    return (*losses, *(SCORES if has_truth else ()))


def is_more_better(measure: str) -> bool:
    """Whether a larger value is better; of losses the smaller is."""
    return SCORES.get(measure, False)
