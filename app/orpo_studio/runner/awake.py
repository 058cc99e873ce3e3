"""Keeping the machine from going to sleep while a run is live. Where that fails, the run goes on all the same."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orpo_studio.runner.console import note

_LEAVE_SECONDS = 2.0


@contextmanager
def awake(why: str) -> Iterator[Callable[[], None]]:
    """Keep the machine awake for as long as this lasts, and no longer than this process lives.

    The screen may go dark, and a lid that is closed still counts.

    Args:
        why: what the person is told who asks the system what keeps it awake.

    Yields:
        A function that tells in the log, once, where the system refuses.
    """
    if sys.platform == "win32":
        if not _set_execution_state(awake=True):
            note("The machine may go to sleep during this run: Windows refused to stay awake.")
        yield lambda: None
        _set_execution_state(awake=False)
        return
    inhibitor = _Inhibitor(_command(why))
    try:
        yield inhibitor.look
    finally:
        inhibitor.end()


def _command(why: str) -> list[str]:
    if sys.platform == "darwin":
        return ["caffeinate", "-i", "-s", "-w", str(os.getpid())]
    # It holds its lock while its child lives: cat ends when the other end of its pipe is closed, so with this process.
    return ["systemd-inhibit", "--what=sleep:idle", "--who=ORPO Studio", f"--why={why}", "--mode=block", "cat"]


class _Inhibitor:
    """A program of the system that keeps it awake while it runs."""

    def __init__(self, command: list[str]) -> None:
        self._name = command[0]
        self._child: subprocess.Popen[bytes] | None = None
        pipe = subprocess.PIPE
        try:
            self._child = subprocess.Popen(command, stdin=pipe, stdout=subprocess.DEVNULL, stderr=pipe)
        except OSError as error:
            note(f"The machine may go to sleep during this run: {self._name}: {error.strerror}.")

    def look(self) -> None:
        if self._child is None or self._child.poll() is None:
            return
        _, said = self._child.communicate()
        why = said.decode(errors="replace").strip() or f"it ended with code {self._child.returncode}"
        note(f"The machine may go to sleep during this run: {self._name}: {why}.")
        self._child = None

    def end(self) -> None:
        if self._child is None:
            return
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._child.communicate(timeout=_LEAVE_SECONDS)
        if self._child.poll() is None:
            self._child.terminate()


def _set_execution_state(*, awake: bool) -> bool:
    """Ask Windows, for this thread. Returns whether it agreed."""
    if sys.platform == "win32":
        import ctypes

        continuous, system_required = 0x80000000, 0x00000001
        state = continuous | system_required if awake else continuous
        return bool(ctypes.windll.kernel32.SetThreadExecutionState(state))
    return False
