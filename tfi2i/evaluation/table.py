"""Scores as a table for the terminal."""

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from tfi2i.evaluation.evaluate import Evaluation


def scores_table(results: Sequence[Evaluation]) -> Table:
    """Translators beside each other.

    Args:
        results: at least one.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("translator", overflow="fold")
    for title in ("way", "pixels", "images", "L1", "PSNR", "SSIM"):
        table.add_column(title, justify="right")
    for item in results:
        table.add_row(
            # As text: names may look like markup.
            Text(item.name),
            item.direction,
            _shown(item),
            str(item.scores.images),
            f"{item.scores.l1:.4f}",
            f"{item.scores.psnr:.2f}",
            f"{item.scores.ssim:.3f}",
        )
    table.caption = "L1: 0 is best; PSNR in decibels, the higher the better; SSIM: 1"
    return table


def _shown(item):
    """Sizes, and whether they are those of training or the images' own."""
    height, width = item.size
    shown = str(height) if height == width else f"{height}x{width}"
    if None in item.size:
        shown = "several"
    return f"{shown} (trained)" if item.is_resized else f"{shown} (native)"
