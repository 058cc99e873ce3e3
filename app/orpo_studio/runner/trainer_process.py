"""The trainer as the supervisor sees it: what its process does, and the signals it is sent."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Literal

import psutil

Doing = Literal["computing", "waiting", "disk", "suspended"]

_BUSY = 0.02
"""Share of one core from which a process counts as computing: one that waits uses none, and on a machine that does much
else at once an endless loop gets little.
"""


class TrainerProcess:
    """The supervisor's child. What cannot be read of it, as on some systems, is taken as nothing.

    Args:
        child: as it was started.
    """

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._child = child
        self._process: psutil.Process | None = None
        with contextlib.suppress(psutil.Error):
            self._process = psutil.Process(child.pid)

    def moved_bytes(self) -> int:
        """Return how much it has read and written so far, in bytes."""
        if self._process is None or not hasattr(self._process, "io_counters"):  # macOS does not tell
            return 0
        try:
            counters = self._process.io_counters()
        except psutil.Error:
            return 0
        # A file on a network drive counts as characters alone, one that is mapped into memory as bytes alone.
        characters = getattr(counters, "read_chars", 0) + getattr(counters, "write_chars", 0)
        return int(counters.read_bytes + counters.write_bytes + characters)

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used so far, in seconds."""
        if self._process is None:
            return 0.0
        try:
            times = self._process.cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def doing(self, cpu_share: float) -> Doing:
        """Tell what it does, given the processor time that it used lately, as a share of one core."""
        status = ""
        if self._process is not None:
            with contextlib.suppress(psutil.Error):
                status = self._process.status()
        if status in {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP}:
            return "suspended"
        if cpu_share >= _BUSY:
            return "computing"
        return "disk" if status == psutil.STATUS_DISK_SLEEP else "waiting"

    def print_stack(self) -> None:
        """Have it print the stacks of its threads; it must have shown life before, or the signal would end it."""
        if sys.platform != "win32":
            self._child.send_signal(signal.SIGUSR1)

    def wake(self) -> None:
        """Let it go on where it is suspended: it could answer nothing."""
        if sys.platform != "win32":
            self._child.send_signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Tell it to leave."""
        self._child.terminate()
        self.wake()

    def kill(self) -> None:
        """End it and what it has started."""
        for process in self._descendants():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._child.kill()

    def _descendants(self) -> Iterator[psutil.Process]:
        if self._process is not None:
            with contextlib.suppress(psutil.Error):
                yield from self._process.children(recursive=True)
