"""Published exports as a table for the terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from tfi2i.export.publish import Export


def exports_table(folder: Path, published: Sequence[Export]) -> Table:
    """What was exported, and how it compares with the trained model.

    Args:
        folder: below which the exports lie.
        published: at least one.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(f"in {folder}", overflow="fold")
    for title in ("MB", "mean gap", "worst gap", "8-bit levels", "ms"):
        table.add_column(title, justify="right")
    for item in published:
        parity = item.parity
        table.add_row(
            str(item.path.relative_to(folder)),
            f"{item.bytes / 1e6:.1f}",
            f"{parity.mean:.1e}",
            f"{parity.worst:.1e}",
            str(parity.worst_levels),
            f"{parity.milliseconds:.1f}",
        )
    parity = published[0].parity
    table.caption = (
        f"against the trained model on {parity.images} real images at "
        f"{len(parity.sizes)} sizes; gaps in [-1, 1] units"
    )
    return table
