"""Ending a run or a job at once: by its supervisor, or without it where it does not answer.

A process is known by its command line, which names the run's folder, and not by a number that another may have by now.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from orpo_studio.events import EventLog, EventLogError, StopStage
from orpo_studio.runs.control import ask, pending, take
from orpo_studio.runs.folder import RunFolder
from orpo_studio.runs.launch import mark_lost
from orpo_studio.runs.lock import is_held

if TYPE_CHECKING:
    import psutil

PATIENCE_SECONDS = 5.0
"""A supervisor looks ten times a second."""
_LEAVE_SECONDS = 5.0
_POLL_SECONDS = 0.05
_SUPERVISOR, _TRAINER = "orpo_studio.runner", "orpo_studio.trainer"


def end_now(folder: RunFolder, patience: float = PATIENCE_SECONDS) -> Literal["asked", "ended", "not-running"]:
    """Have a run go on to the next stage of its stop, without waiting for the present one. Blocks for some seconds.

    Where the supervisor takes no request within ``patience`` seconds, since it hangs or was killed, the processes are
    ended from here, and the end is recorded.

    Returns:
        Whether the supervisor was asked, the processes were ended, or nothing was going on.
    """
    if not is_held(folder.lock_file):
        return "not-running"
    try:
        ask(folder, "end_now")
    except OSError:  # the disk is full, say: nobody can be asked
        _end_without_supervisor(folder)
        return "ended"
    deadline = time.monotonic() + patience
    while pending(folder, "end_now"):
        if not is_held(folder.lock_file):
            return "ended"
        if time.monotonic() > deadline:
            _end_without_supervisor(folder)
            return "ended"
        time.sleep(_POLL_SECONDS)
    return "asked"


def _end_without_supervisor(folder: RunFolder) -> None:
    # The supervisor first: it would take the trainer's end for one of its own, and what is said here for an answer.
    _kill(folder.path, _SUPERVISOR)
    with contextlib.suppress(EventLogError), EventLog(folder.events_file) as log:
        log.append_last(StopStage(stage="killed"))
    _kill(folder.path, _TRAINER)
    take(folder, "end_now")
    deadline = time.monotonic() + _LEAVE_SECONDS
    while is_held(folder.lock_file) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    with contextlib.suppress(OSError):  # it counts as lost all the same: nobody holds the lock
        mark_lost(folder)


def _kill(path: Path, module: str) -> None:
    import psutil

    for process in _processes(path, module):
        with contextlib.suppress(psutil.Error):
            process.kill()
            process.wait(_LEAVE_SECONDS)


def _processes(path: Path, module: str) -> Iterator["psutil.Process"]:
    """Yield the processes that were started as a module of ours with a run's folder as their first argument."""
    import psutil

    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:  # gone, or somebody else's
            continue
        if module in words:
            folder = words[words.index(module) + 1 :][:1]
            if folder and Path(folder[0]).resolve() == path.resolve():
                yield process
