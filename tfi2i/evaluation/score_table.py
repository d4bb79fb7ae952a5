"""Scores as a table for the terminal."""

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from tfi2i.evaluation.evaluate_sources import Evaluation


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
            _shown(item.size),
            str(item.scores.images),
            f"{item.scores.l1:.4f}",
            f"{item.scores.psnr:.2f}",
            f"{item.scores.ssim:.3f}",
        )
    table.caption = (
        "L1: 0 is best; PSNR in decibels, the higher the better; SSIM: 1\n"
        f"Scored {_how(results)}."
    )
    return table


def _how(results):
    """At which size."""
    ways = {item.is_resized for item in results}
    if ways == {False}:
        return "at the images' own size"
    where = "" if ways == {True} else " where it resized them"
    return f"on images resized as for training{where} (--size trained)"


def _shown(size):
    height, width = size
    if None in size:
        return "several"
    return str(height) if height == width else f"{height}x{width}"
