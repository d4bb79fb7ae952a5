import re
import subprocess
import sys

import pytest

from tests.data import fuzzing
from tests.test_package import ROOT


def test_mutated_files_give_an_image_or_a_line(tmp_path):
    files = fuzzing.seeds()
    read = sum(fuzzing.check(files, number, tmp_path) for number in range(200))
    # Neither all nor none: the mutations matter, and do not break everything.
    assert 40 < read < 160


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_5000_mutated_files():
    """No crash, no hang, and no more memory than a large image would take."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.data.fuzzing", "1000", "5000"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, (done.stdout[-20:], done.stderr[-2000:])
    images, megabytes = map(int, re.findall(r"(\d+) images, (\d+) MiB", done.stdout)[0])
    assert 1000 < images < 4000
    assert megabytes < 1500
