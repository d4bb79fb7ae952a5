"""Models of other programs: PyTorch checkpoints, Keras 2 and tensorflow-addons.

Submodules load on first use; listing published generators needs no TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfi2i.interop.keras2 import from_addons
    from tfi2i.interop.pytorch.conversion import from_torch

_OBJECTS = {
    "from_addons": "tfi2i.interop.keras2",
    "from_torch": "tfi2i.interop.pytorch.conversion",
}

__all__ = ["from_addons", "from_torch"]


if not TYPE_CHECKING:
    # A type checker would take every name for one of these.
    def __getattr__(name: str) -> Any:
        if name not in _OBJECTS:
            raise AttributeError(f"module 'tfi2i.interop' has no attribute {name!r}")
        return getattr(importlib.import_module(_OBJECTS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
