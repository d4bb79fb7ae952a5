"""Trained translators at work: loading one, translating arrays, files and folders."""

from tfi2i.inference.file_translation import Report, translate_files
from tfi2i.inference.load_translator import load
from tfi2i.inference.translator import Translator

__all__ = ["Report", "Translator", "load", "translate_files"]
