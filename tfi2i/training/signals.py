"""Ctrl-C and SIGTERM, noted rather than obeyed at once."""

import os
import signal
import threading


class Signals:
    """Notes the first Ctrl-C or SIGTERM; a second one ends the process at once.

    Attributes:
        received: number of the first signal, or None.
    """

    def __init__(self):
        self.received = None
        self._previous = {}

    def __enter__(self):
        # Python delivers signals to the main thread only.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error):
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number, frame):
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number
        # Not through a stream, which the signal may have interrupted.
        os.write(2, b"\nFinishing this step and saving; again to stop at once.\n")
