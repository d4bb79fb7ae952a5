"""The table of exports."""

from pathlib import Path

from rich.console import Console

from tfi2i.exports import Export
from tfi2i.exports.export_table import exports_table
from tfi2i.exports.verify import Parity


def test_names_are_no_markup_and_sizes_are_those_of_each_export():
    folder = Path("[bold]emoji") / "export"
    published = [
        Export(folder / name, "", "none", 1_500_000, Parity(32, sizes, 0, 1e-7, 1, 2.5))
        for name, sizes in (
            ("[red]a_a2b/1", ((8, 8), (9, 7), (3, 5), (16, 8))),
            ("[red]a_a2b.tflite", ((8, 8),)),
        )
    ]
    console = Console(width=80)
    with console.capture() as capture:
        console.print(exports_table(folder, published))
    text = capture.get()
    assert "in [bold]emoji/export" in text
    rows = [line.split() for line in text.splitlines() if "[red]" in line]
    assert rows[0][:3] == ["[red]a_a2b/1", "1.5", "4"]
    assert rows[1][:3] == ["[red]a_a2b.tflite", "1.5", "1"]
    assert "32 real images" in text
