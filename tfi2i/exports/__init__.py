"""Trained generators leave: SavedModel and TFLite, each proved equal to the model."""

from tfi2i.exports.publish import FORMATS, export
from tfi2i.exports.report import Export
from tfi2i.exports.table import exports_table

__all__ = ["FORMATS", "Export", "export", "exports_table"]
