"""What the package says, in a run's own file."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from tfi2i.training.health import Diverged


@contextlib.contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Sends what the package logs to a file too, and why a run diverged.

    Args:
        path: of the file; what is in it stays.
    """
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("tfi2i")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    except Diverged as error:
        # To the file alone: the caller tells the user.
        handler.handle(logging.makeLogRecord({"msg": str(error)}))
        raise
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()
