"""`export/report.json`: the published exports, and their differences from the model."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import tensorflow as tf

from tfi2i.errors import reason
from tfi2i.exports.verify import Parity
from tfi2i.files import whole

REPORT = "report.json"


@dataclass(frozen=True)
class Export:
    """One published export.

    Attributes:
        path: version folder of the SavedModel, or file.
        format: `"savedmodel"`, `"tflite"` or `"onnx"`.
        quantize: `"none"` or `"float16"`.
        bytes: size on disk.
        parity: comparison with the trained model.
        weights: which of the run's weights were exported, `"last"` or `"best"`.
    """

    path: Path
    format: str
    quantize: str
    bytes: int
    parity: Parity
    weights: str = "last"


def read_report(folder: Path) -> dict[str, dict]:
    """Entries of the exports published so far, by path relative to `folder`.

    Raises:
        ValueError: the report is damaged.
        OSError: the report cannot be read.
    """
    path = folder / REPORT
    if not path.exists():
        return {}
    try:
        return {entry["path"]: entry for entry in json.loads(path.read_text("utf-8"))}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(
            f"'{path}' is no report of exports ({reason(error)}): move it away and "
            "export again."
        ) from error


def add_to_report(folder: Path, published: Export) -> None:
    """Adds an export to the report; replaces an older one of the same path."""
    relative = published.path.relative_to(folder).as_posix()
    entries = read_report(folder)
    entries[relative] = {
        **asdict(published),
        "path": relative,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }
    with whole(folder / REPORT) as path:
        path.write_text(json.dumps(list(entries.values()), indent=2) + "\n", "utf-8")
