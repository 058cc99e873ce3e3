"""Starting a run's supervisor in a session of its own, so that it outlives whoever started it."""

import errno
import os
import subprocess
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Any

from orpo_studio.events import EventLog, JobEnded, RunEnded, RunState, fold_stream
from orpo_studio.plain_files import open_plain
from orpo_studio.runs.containment import require_contained
from orpo_studio.runs.control import REQUESTS, take
from orpo_studio.runs.folder import RunFolder, RunFolderError
from orpo_studio.runs.job_request import leave_request, remove_request
from orpo_studio.runs.lock import RunLock, is_held


class Job(StrEnum):
    """What a supervisor is started for."""

    TRAIN = "train"
    EVALUATE = "evaluate"
    EXPORT = "export"
    PROBE = "probe"
    MARGINS = "margins"


TRAINING_PYTHON_VARIABLE = "ORPO_STUDIO_TRAINING_PYTHON"
"""Environment variable that names the Python with the training packages, when it is not the program's own."""


if sys.platform == "win32":
    _OWN_CONSOLE = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
else:
    _OWN_CONSOLE = 0
"""On Windows: neither Ctrl+C nor the closing of the starter's console reaches the supervisor."""


EXIT_HELD = 3
"""Exit code of a supervisor that found the lock taken: somebody else was faster."""


def training_python() -> str:
    """Return the interpreter that has the training packages."""
    return os.environ.get(TRAINING_PYTHON_VARIABLE) or sys.executable


ONLY_IF_QUEUED = "--only-if-queued"
"""Argument of a supervisor that shall leave again unless its run still waits in the queue."""


def launch(
    folder: RunFolder, job: Job = Job.TRAIN, *, only_if_queued: bool = False, patience: float = 0.0, **request: Any
) -> subprocess.Popen[bytes]:
    """Start the supervisor of a run for a job.

    Args:
        folder: the run.
        job: training (a resume when there are checkpoints), evaluation, export, probe or margins.
        only_if_queued: let the supervisor leave again where the run waits no longer, once it has the run's lock.
        patience: seconds to wait for a lock that is held: whoever records a loss holds it for a moment. None on a
            window's thread.
        request: details of an evaluation (``prompts``), an export (``kind``, ``target``) or margins (``pairs``,
            ``sample``).

    Returns:
        The supervisor's process. Nobody needs to wait for it; its end shows in the events and the lock.

    Raises:
        RunFolderError: somebody works on this run already, the specification cannot be used, the folder cannot be
            written, or something in it leads out of it.
    """
    deadline = time.monotonic() + patience
    while is_held(folder.lock_file):
        if time.monotonic() >= deadline:
            raise already_running(folder)
        time.sleep(0.01)
    folder.read_spec()
    require_contained(folder)
    command = [training_python(), "-P", "-m", "orpo_studio.runner", str(folder.path), job.value]
    if only_if_queued:
        command.append(ONLY_IF_QUEUED)
    asked = ""
    try:
        for stale in REQUESTS:
            take(folder, stale)
        if request:
            asked = leave_request(folder, request)
            command.append(asked)
        return start_detached(command, folder.path, folder.console_log)
    except OSError as error:
        remove_request(folder, asked)
        raise _cannot_start(folder, job, error, command[0]) from None


_STARTED = {Job.EVALUATE: "evaluation", Job.EXPORT: "export"}


def _cannot_start(folder: RunFolder, job: Job, error: OSError, program: str) -> RunFolderError:
    title = f"The {_STARTED.get(job, 'run')} could not be started."
    reason = error.strerror or str(error)
    if error.filename == program:
        detail, hint = f"{program}: {reason}.", "Look whether it is there and may be run, then start it again."
    elif error.errno in {errno.ENOSPC, errno.EDQUOT}:
        detail, hint = f"{folder.path} cannot be written: {reason}.", "Make room on its disk, then start it again."
    elif error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        detail = f"{folder.path} cannot be written: {reason}."
        hint = "Allow writing there, then start it again."
        if job in _STARTED:
            hint += f" The run's folder keeps the record of its {_STARTED[job]}."
    else:
        detail, hint = f"{error.filename or folder.path}: {reason}.", "Allow using it, then start it again."
    return RunFolderError("cannot-start", title, detail, hint)


def start_detached(command: list[str], place: Path, log_file: Path) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one, in a session of its own, with what it prints added to a file.

    Raises:
        OSError: it could not be started, or the file cannot be written, or is a link to another.
    """
    with os.fdopen(open_plain(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=place,
            start_new_session=True,
            creationflags=_OWN_CONSOLE,
            env=_child_environment(),
        )


_left_going: list[subprocess.Popen[bytes]] = []


def leave_going(process: subprocess.Popen[bytes]) -> None:
    """Let a process go on that nobody here waits for; those that have ended since are collected."""
    _left_going[:] = [earlier for earlier in _left_going if earlier.poll() is None]
    _left_going.append(process)


def already_running(folder: RunFolder) -> RunFolderError:
    """Return why nothing can be started on a run: somebody else was first."""
    return RunFolderError(
        "already-running",
        f"The run “{folder.title()}” is already being worked on.",
        "It is in use from this window, another one or a terminal.",
        "Wait until it ends, or stop it first.",
    )


def _child_environment() -> dict[str, str]:
    """Return the environment of the supervisor: nothing of a frozen program's own libraries, text in UTF-8."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("_PYI_")}
    original = environment.pop("LD_LIBRARY_PATH_ORIG", None)
    if original is not None:
        environment["LD_LIBRARY_PATH"] = original
    environment["PYTHONUTF8"] = "1"
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def mark_lost(folder: RunFolder) -> bool:
    """Record the end of a run, or of a job on it, whose supervisor died without a word.

    Returns:
        Whether something was recorded.

    Raises:
        OSError: the folder cannot be written. The state is ``lost`` all the same: it follows from the lock.
    """
    if is_held(folder.lock_file):
        return False
    known = fold_stream(folder.events_file)
    if not _open_ends(known.state) or folder.is_newer():
        return False
    lock = RunLock(folder.lock_file)
    try:
        if not lock.take(patience=0):
            return False
        # Under the lock, so that neither a new supervisor nor a second finder comes in between.
        # Only what is new is read again: a start is refused meanwhile.
        ends = _open_ends(fold_stream(folder.events_file, known).state)
        with EventLog(folder.events_file) as log:
            for end in ends:
                log.append_last(end)
    finally:
        lock.release()
    return bool(ends)


def _open_ends(state: RunState) -> list[JobEnded | RunEnded]:
    """Return the ends that nobody has said yet of what was begun in a run."""
    ends: list[JobEnded | RunEnded] = []
    if state.unknown:  # a newer version may have said there what this one misses
        return ends
    forced = state.stop is not None and state.stop.stage != "asked"
    if state.job:
        ends.append(JobEnded(job=state.job, outcome="lost", forced=forced))
    if state.attempts > 0 and state.ended is None:
        ends.append(RunEnded(outcome="lost", step=state.latest.step, forced=forced and not state.job))
    return ends
