"""The trainer's sign of life. Its progress makes it, not a clock of its own: when the work hangs, it stops."""

import contextlib
import faulthandler
import math
import signal
import sys
import time
from pathlib import Path

from orpo_studio.runs.heartbeat import SILENT_SECONDS

BEAT_SECONDS = 0.5
"""Shown at most this often: steps may take milliseconds, and the folder may lie on a network."""


class Heartbeat:
    """Touches the run's heartbeat file, at which the supervisor looks.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = -math.inf

    def beat(self) -> None:
        """Show that the work goes on. Never fails: on a disk that refuses, what is read and written tells of life."""
        now = time.monotonic()
        if now - self._last < BEAT_SECONDS:
            return
        self._last = now
        with contextlib.suppress(OSError):
            self._path.touch()
        if sys.platform == "win32":  # no signal asks for the stack there, so it is printed unless this is called again
            faulthandler.dump_traceback_later(SILENT_SECONDS)


def print_stack_on_request() -> None:
    """Have the stacks of all threads printed at the signal of the supervisor, even while one is stuck in C code."""
    if sys.platform != "win32":
        faulthandler.register(signal.SIGUSR1, all_threads=True)
