"""What an export shows of its steps."""

import contextlib
import logging
import os
import pty
import re
import sys

from absl import logging as absl_logging

from tfi2i.exports.progress import steps


def test_a_terminal_shows_how_far_it_is(monkeypatch, caplog):
    caplog.set_level(logging.INFO, "tfi2i")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with steps(3) as begin:
            begin("writing [red]a")
            begin("comparing")
    text = _read(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert "1/3" in text
    assert "comparing" in text
    assert caplog.text == ""


def _read(terminal):
    """All that was written to a terminal that is closed."""
    text = b""
    # Linux reports the end of a terminal as an error.
    with contextlib.suppress(OSError):
        while more := os.read(terminal, 65536):
            text += more
    os.close(terminal)
    return text.decode()


def test_elsewhere_the_log_has_a_line_a_step(caplog, capfd):
    caplog.set_level(logging.INFO, "tfi2i")
    with steps(2) as begin:
        begin("writing a")
        begin("comparing a")
    assert caplog.messages == ["writing a", "comparing a"]
    assert capfd.readouterr().err == ""


def test_other_loggers_of_the_program_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(logging.root, "handlers", [])
    with steps(1):
        absl_logging.info("TensorFlow tells of a file that it has written")
    assert logging.root.handlers == []
