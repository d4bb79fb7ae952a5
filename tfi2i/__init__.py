"""Image-to-image translation with TensorFlow and Keras.

The public names are loaded on first use, so importing this package is quick and does
not load TensorFlow. Our classes are registered with Keras where it is loaded already,
or else on first use: after `import keras, tfi2i` its `load_model` reads our files.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from tfi2i._version import __version__

if TYPE_CHECKING:
    from tfi2i import (
        data,
        interop,
        layers,
        losses,
        metrics,
        models,
        networks,
        recipes,
        training,
    )
    from tfi2i.api import train, translate
    from tfi2i.evaluation import evaluate
    from tfi2i.exports import export
    from tfi2i.inference import load
    from tfi2i.models import ConstantThenLinear, CycleGAN, Pix2Pix

# Where the names come from that are not modules.
_OBJECTS = {
    "ConstantThenLinear": "tfi2i.models",
    "CycleGAN": "tfi2i.models",
    "Pix2Pix": "tfi2i.models",
    "evaluate": "tfi2i.evaluation",
    "export": "tfi2i.exports",
    "load": "tfi2i.inference",
    "train": "tfi2i.api",
    "translate": "tfi2i.api",
}

# As literals, which type checkers and editors read.
__all__ = [
    "ConstantThenLinear",
    "CycleGAN",
    "Pix2Pix",
    "__version__",
    "data",
    "evaluate",
    "export",
    "interop",
    "layers",
    "load",
    "losses",
    "metrics",
    "models",
    "networks",
    "recipes",
    "train",
    "training",
    "translate",
]


if not TYPE_CHECKING:
    # A type checker would take every name, misspelt ones too, for one of these.
    def __getattr__(name: str) -> Any:
        if name in _OBJECTS:
            _require_tensorflow_backend(name)
            value = getattr(importlib.import_module(_OBJECTS[name]), name)
        elif name in __all__:
            if name != "recipes":
                _require_tensorflow_backend(name)
            value = importlib.import_module(f"tfi2i.{name}")
        else:
            raise AttributeError(f"module 'tfi2i' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _require_tensorflow_backend(name: str) -> None:
    """Refuse Keras on another backend, which would fail later and less clearly."""
    backend = os.environ.get("KERAS_BACKEND")
    try:
        import keras

        backend = keras.backend.backend()
    except ImportError:
        # Keras names only the missing package of a backend that is not installed.
        if backend in (None, "tensorflow"):
            raise
    if backend != "tensorflow":
        raise ImportError(
            f"tfi2i.{name} needs Keras on TensorFlow, but Keras runs on {backend!r}. "
            "Set the environment variable KERAS_BACKEND=tensorflow before Keras is "
            "first imported."
        )
    _register()


def _register() -> None:
    """Make our classes known to Keras, whose `load_model` looks them up by name."""
    importlib.import_module("tfi2i.registered")


if "keras" in sys.modules and sys.modules["keras"].config.backend() == "tensorflow":
    _register()
