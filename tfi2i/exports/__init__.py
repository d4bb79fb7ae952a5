"""Exports of trained generators: SavedModel, TFLite, ONNX, compared with the model."""

from tfi2i.exports.export_report import Export
from tfi2i.exports.publish import export

__all__ = ["Export", "export"]
