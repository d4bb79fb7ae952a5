"""Published exports as a table for the terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from tfi2i.exports.export_report import Export


def exports_table(folder: Path, published: Sequence[Export]) -> Table:
    """Size, speed and differences from the trained model of each export.

    Args:
        folder: folder of the exports.
        published: at least one.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    # `Text`, because names may look like markup.
    table.add_column(Text(f"in {folder}"), overflow="fold")
    for title in ("MB", "sizes", "mean gap", "worst gap", "levels", "ms"):
        table.add_column(title, justify="right")
    for item in published:
        parity = item.parity
        table.add_row(
            Text(str(item.path.relative_to(folder))),
            f"{item.bytes / 1e6:.1f}",
            str(len(parity.sizes)),
            f"{parity.mean:.1e}",
            f"{parity.worst:.1e}",
            str(parity.worst_levels),
            f"{parity.milliseconds:.1f}",
        )
    table.caption = (
        f"against the trained model on {published[0].parity.images} real images of so "
        f"many sizes; gaps in [-1, 1] units, levels of {published[0].parity.levels}"
    )
    return table
