"""Reads models that Keras 2 saved, without running anything in them.

The rest of the package imports the names below and none of the modules beside them.
"""

from tfi2i.interop.keras2.model_files import is_keras2
from tfi2i.interop.keras2.reader import from_addons

__all__ = ["from_addons", "is_keras2"]
