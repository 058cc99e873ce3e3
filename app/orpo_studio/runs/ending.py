"""How a run or a job ended, in words: the trainer's own problem where it said one, else what its end tells."""

import os
import re
from dataclasses import dataclass

from orpo_studio.events import JobEnded, Problem, RunEnded
from orpo_studio.plain_files import open_plain
from orpo_studio.runs.again import REPEATED
from orpo_studio.runs.crash import SAVE_MEMORY, SIGKILL, explain_signal, signal_of
from orpo_studio.runs.device_faults import find_device_fault
from orpo_studio.runs.folder import RunFolder
from orpo_studio.runs.room import FULL_BYTES, free_bytes
from orpo_studio.words import count

_IMPORT_FAILED = re.compile(r"^(?:ModuleNotFoundError|ImportError|OSError: .*\.so\b).*", re.MULTILINE)
_DISK_FULL = re.compile(r"^.*(?:No space left on device|Disk quota exceeded|os error 28\)).*$", re.MULTILINE)
_MEMORY_RAN_OUT = re.compile(r"^.*(?:memory allocation of \d+ bytes failed|std::bad_alloc).*$", re.MULTILINE)
"""How libraries in Rust and C++ end a process that can get no more memory."""
_TAIL_BYTES = 4000
_UNANSWERED = "It did not answer the request to stop in time, or it was told to end at once."


@dataclass(frozen=True, slots=True)
class Ending:
    """Why something did not come to its end.

    Attributes:
        code: a stable name for programs.
        title: what happened.
        detail: why.
        hint: what to do.
        more: what a library said and the end of the console log, for those who want the detail.
        rows: rows of the data that it comes from, as ``data.skip_rows`` names them.
    """

    code: str
    title: str
    detail: str
    hint: str
    more: str = ""
    rows: tuple[str, ...] = ()


def explain_end(
    folder: RunFolder, end: RunEnded | JobEnded, error: Problem | None, saved_step: int | None = None
) -> Ending | None:
    """Explain an end that was not asked for.

    Args:
        folder: the run.
        end: the event that ended it.
        error: the last error that was said since its start, if any.
        saved_step: that of the run's last checkpoint, 0 where there is none; None where it is not known.

    Returns:
        The explanation; None for what was completed or stopped on request.
    """
    if end.outcome in {"completed", "stopped"}:
        return None
    if end.forced:
        return _forced(end, saved_step)
    if end.outcome == "failed" and error is not None:
        more = "\n\n".join(filter(None, (error.more, end.log_tail)))
        return Ending(error.code, error.title, error.detail, error.hint, more, tuple(error.rows))
    what = "run" if isinstance(end, RunEnded) else end.job
    log = f"The whole log is {folder.console_log}."
    if end.outcome == "lost":
        tail = _end_of_log(folder)
        if _DISK_FULL.search(tail) or _is_full(folder):  # what kept the processes from a word of their own
            return _from_log(f"The {what} was lost.", tail if _DISK_FULL.search(tail) else _full_words(folder), log)
        return Ending(
            "lost",
            f"The {what} was lost: its processes ended without a word.",
            "The machine was switched off or restarted, or somebody ended them.",
            _kept(end, saved_step),
        )
    number = signal_of(end.signal, end.exit_code)
    fault = find_device_fault(end.log_tail) if number != SIGKILL else None
    if fault is not None:
        return Ending("device-fault", fault.title, fault.line, fault.hint, end.log_tail)
    short = _MEMORY_RAN_OUT.search(end.log_tail) if number != SIGKILL else None
    if short is not None:
        title = f"The {what} ended, since memory ran out."
        hint = f"{SAVE_MEMORY} {_kept(end, saved_step)}"
        return Ending("memory-ran-out", title, short.group().strip(), hint, end.log_tail)
    if number:
        crash = explain_signal(number, end.machine)
        hint = crash.hint.format(kept=_kept(end, saved_step))
        return Ending(crash.code, crash.title.format(what=what), crash.detail, hint, end.log_tail)
    return _from_log(f"The {what} ended on its own (exit code {end.exit_code}).", end.log_tail, log)


def _kept(end: RunEnded | JobEnded, saved_step: int | None) -> str:
    """Return what is kept of a run or a job that has ended, and how it goes on."""
    if isinstance(end, JobEnded):
        return "Start it again."
    if saved_step is None:
        return "What was saved is kept: resume the run to go on from its last checkpoint."
    if not saved_step:
        return "No checkpoint was saved yet, so the run can only be started again."
    return f"The checkpoint of step {count(saved_step)} is kept: resume the run to go on from there."


def _forced(end: RunEnded | JobEnded, saved_step: int | None) -> Ending:
    if isinstance(end, JobEnded):
        return Ending("forced", f"The {end.job} was ended before it was done.", _UNANSWERED, "Start it again.")
    return Ending(
        "forced",
        "The run was ended without saving its last steps.",
        _UNANSWERED,
        _kept(end, saved_step),
        end.log_tail,
    )


def comes_again(end: RunEnded | None, error: Problem | None) -> bool:
    """Tell whether a run that goes on with the same settings most likely fails at the same place."""
    if end is None or end.outcome != "failed" or end.forced:
        return False
    if error is not None:
        return error.code in REPEATED
    ran_out = signal_of(end.signal, end.exit_code) == SIGKILL and end.machine.get("oom_kills", 0) > 0
    return ran_out or _MEMORY_RAN_OUT.search(end.log_tail) is not None


def explain_silence(folder: RunFolder) -> Ending:
    """Explain a supervisor that died before it said anything, from what it printed."""
    tail = _full_words(folder) if _is_full(folder) else _end_of_log(folder)
    return _from_log("The run could not be started.", tail, f"The whole log is {folder.console_log}.")


def _full_words(folder: RunFolder) -> str:
    return f"No space left on device where {folder.path} lies."


def _is_full(folder: RunFolder) -> bool:
    """Tell whether the disk is full, which keeps the log from saying so."""
    free = free_bytes(folder.path)
    return free is not None and free < FULL_BYTES


def _end_of_log(folder: RunFolder) -> str:
    try:
        with os.fdopen(open_plain(folder.console_log), "rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def _from_log(title: str, tail: str, log: str) -> Ending:
    missing = _IMPORT_FAILED.search(tail)
    if missing:
        return Ending(
            "training-packages",
            "The training packages are missing or broken.",
            missing.group().strip(),
            f"Set them up again with: python3 packaging/start.py, then start the run once more. {log}",
            tail,
        )
    full = _DISK_FULL.search(tail)
    if full:
        return Ending(
            "disk-full",
            "The disk is full.",
            full.group().strip(),
            f"Make room on the disk of this workspace, then go on. Complete checkpoints are kept. {log}",
            tail,
        )
    return Ending("ended", title, _last_line(tail), log, tail)


def _last_line(tail: str) -> str:
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    return f"The last thing it printed: {lines[-1]}" if lines else "It printed nothing."
