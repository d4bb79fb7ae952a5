"""Trained translators at work: loading one, translating arrays, files and folders."""

from tfi2i.inference.load import Translator, load
from tfi2i.inference.translate import Report, translate_files

__all__ = ["Report", "Translator", "load", "translate_files"]
