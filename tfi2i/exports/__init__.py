"""Exports of trained generators: SavedModel, TFLite, ONNX, compared with the model."""

from tfi2i.exports.publish import export
from tfi2i.exports.report import Export

__all__ = ["Export", "export"]
