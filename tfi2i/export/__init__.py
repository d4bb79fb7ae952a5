"""Trained generators leave: SavedModel and TFLite, each proved equal to the model."""

from tfi2i.export.publish import FORMATS, export
from tfi2i.export.report import Export
from tfi2i.export.table import exports_table

__all__ = ["FORMATS", "Export", "export", "exports_table"]
