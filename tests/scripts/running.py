"""Scripts, run as users run them."""

import os
import subprocess
import sys
from pathlib import Path

import tfi2i

SCRIPTS = Path(tfi2i.__file__).parents[1] / "scripts"


def run(name, *words, cwd):
    """Runs a script in a folder; an exit status above 0 is an error."""
    subprocess.run(
        [sys.executable, SCRIPTS / name, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS.parent)},
        check=True,
        capture_output=True,
    )
