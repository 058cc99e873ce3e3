"""Following a run or a job to its end from the events, and what Ctrl+C means meanwhile."""

import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from orpo_studio.cli.full_disk import FullDisk
from orpo_studio.cli.output import Output
from orpo_studio.cli.progress import Progress, progress_for
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.events import (
    AnyEvent,
    EvaluationFinished,
    EventTail,
    ExportFinished,
    JobEnded,
    JobStarted,
    Problem,
    RunEnded,
    RunLaunched,
    RunState,
    SampleAnswer,
)
from orpo_studio.runs import Job, RunFolder, RunFolderError, ask, is_held, launch, mark_lost
from orpo_studio.runs.again import changes_for
from orpo_studio.runs.ending import Ending, explain_end, explain_silence
from orpo_studio.runs.folder import made_by_newer
from orpo_studio.runs.force import end_now
from orpo_studio.runs.launch import EXIT_HELD, already_running
from orpo_studio.runs.live_words import lost_by_ending

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 3.0
"""How long a supervisor started a moment ago by somebody else may take until it shows."""
LEAVE_SECONDS = 60.0
"""How long the processes may take to leave after the end was said."""
TWO_PRESSES_SECONDS = 1.0
"""Ctrl+C pressed twice within this time is one wish: the second one costs what is not saved."""
STOPS_AND_SAVES = "Stopping after this step, then saving. Press Ctrl+C again to end it at once, without saving."


@dataclass(slots=True)
class Followed:
    """What was seen of one run or job.

    Attributes:
        state: all events of the run added up.
        end: the event that ended it; None when it was left going.
        error: the last error said since its start.
        samples, evaluation, export: what it brought since its start.
        interrupts: how often Ctrl+C was pressed.
    """

    state: RunState = field(default_factory=RunState)
    end: RunEnded | JobEnded | None = None
    error: Problem | None = None
    samples: list[SampleAnswer] = field(default_factory=list)
    evaluation: EvaluationFinished | None = None
    export: ExportFinished | None = None
    interrupts: int = 0

    def apply(self, event: AnyEvent) -> None:
        """Take in the next event."""
        self.state.apply(event)
        match event:
            case RunLaunched() | JobStarted():
                self.end, self.error, self.samples = None, None, []
                self.evaluation, self.export = None, None
            case RunEnded() | JobEnded():
                self.end = event
            case Problem(severity="error"):
                self.error = event
            case SampleAnswer():
                self.samples.append(event)
            case EvaluationFinished():
                self.evaluation = event
            case ExportFinished():
                self.export = event


def work(folder: RunFolder, job: Job, output: Output, **request: Any) -> Followed:
    """Start a job on a run and follow it to its end.

    The first Ctrl+C asks it to stop and save; each further one goes on to the next stage of the stop.

    Raises:
        RunFolderError: it could not be started.
        CommandError: it failed, or was stopped or left by Ctrl+C; in words.
    """
    seen = follow_job(folder, job, output, STOPS_AND_SAVES, **request)
    _raise_unless_done(folder, seen)
    return seen


def follow_job(folder: RunFolder, job: Job, output: Output, stopping: str, **request: Any) -> Followed:
    """Start a job and follow it to its end, however it ends.

    Args:
        folder: the run.
        job: what to do.
        output: where progress goes.
        stopping: what to say at the first Ctrl+C.
        request: details of the job.

    Raises:
        RunFolderError: it could not be started.
    """
    mark_lost(folder)  # or the new supervisor does, and that older end would be taken for this job's
    tail, seen = EventTail(folder.events_file), Followed()
    for event in _all_new(tail):
        seen.apply(event)
    if seen.state.unknown:
        raise made_by_newer(folder, f"Not known here: {', '.join(sorted(seen.state.unknown)[:3])}.")
    seen.end = None
    process = launch(folder, job, patience=0.5, **request)
    with progress_for(output, folder, seen.state) as progress:
        _follow(folder, tail, seen, progress, process, on_interrupt="stop", stopping=stopping)
    return seen


def watch(folder: RunFolder, output: Output) -> Followed:
    """Follow whatever goes on in a run until it ends; Ctrl+C leaves it alone.

    Raises:
        CommandError: it failed, or was never started; in words.
    """
    _await_start(folder)
    tail, seen = EventTail(folder.events_file), Followed()
    for event in _all_new(tail):
        seen.apply(event)
    with progress_for(output, folder, seen.state) as progress:
        _follow(folder, tail, seen, progress, None, on_interrupt="leave")
    if seen.end is not None:
        _raise_unless_done(folder, seen)
    return seen


def _follow(
    folder: RunFolder,
    tail: EventTail,
    seen: Followed,
    progress: Progress,
    process: subprocess.Popen[bytes] | None,
    *,
    on_interrupt: Literal["stop", "leave"],
    stopping: str = "",
) -> None:
    disk = FullDisk(folder.path, progress)
    with _taken_interrupts() as interrupts:
        while True:
            alive = _is_worked_on(folder, process)
            new = _all_new(tail)  # after the look at the process: what it said last is never missed
            for event in new:
                seen.apply(event)
            progress.update(new, seen.state)
            disk.look(has_spoken=bool(new))
            if seen.end is not None and not (process is None and _goes_on(seen, alive=alive)):
                break
            if not alive and not new and not mark_lost(folder):
                break
            if interrupts.is_new():
                seen.interrupts += 1
                if on_interrupt == "leave" or _is_killed(seen.state):  # there is nothing left to do but to wait
                    return
                _go_on_stopping(folder, seen, progress, stopping)
            time.sleep(POLL_SECONDS)
    if process is not None:
        _await_exit(process)
        if process.returncode == EXIT_HELD:  # what was seen since is another's
            raise already_running(folder)


def _go_on_stopping(folder: RunFolder, seen: Followed, progress: Progress, stopping: str) -> None:
    if seen.interrupts == 1:
        ask(folder, "stop")
        progress.note(stopping)
    else:
        progress.note(f"Ending it now. {lost_by_ending(seen.state)}")
        end_now(folder)


def _is_killed(state: RunState) -> bool:
    return state.stop is not None and state.stop.stage == "killed"


def _is_worked_on(folder: RunFolder, process: "subprocess.Popen[bytes] | None") -> bool:
    """Tell whether a process works on the run; where its supervisor was killed, the trainer still saves."""
    if process is None:
        return is_held(folder.lock_file)
    code = process.poll()
    return code is None or (code < 0 and is_held(folder.lock_file))


def _goes_on(seen: Followed, *, alive: bool) -> bool:
    """Tell whether a run that is watched has something under way although an older end was read."""
    return alive and (bool(seen.state.job) or seen.state.ended is None)


def _all_new(tail: EventTail) -> list[AnyEvent]:
    found: list[AnyEvent] = []
    before = -1
    while tail.offset != before:
        before = tail.offset
        found += tail.poll()
    return found


def _await_start(folder: RunFolder) -> None:
    """Give a supervisor that somebody has just started the time to show."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and not folder.events_file.exists() and not is_held(folder.lock_file):
        if not folder.console_log.exists():
            break
        time.sleep(POLL_SECONDS)
    if not folder.events_file.exists() and not is_held(folder.lock_file):
        if folder.console_log.exists():
            raise _failure(explain_silence(folder), folder)
        words = ErrorWords("not-started", f"The run {folder.id} was never started.", hint="Start it in the window.")
        raise CommandError(words, run=folder.id)


def _await_exit(process: subprocess.Popen[bytes]) -> None:
    """Wait until the lock is free, so that the next job can begin."""
    try:
        process.wait(LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        return


def _raise_unless_done(folder: RunFolder, seen: Followed) -> None:
    run = {"run": folder.id, "folder": folder.path}
    if seen.end is None and seen.interrupts > 1:
        words = ErrorWords(
            "left-running",
            f"The run {folder.id} goes on in the background.",
            "It was told to end and has not ended yet.",
            f"Follow it with: orpo-studio watch {folder.id}",
        )
        raise CommandError(words, exit_code=130, **run)
    if seen.end is None:
        raise _failure(explain_silence(folder), folder)
    ending = explain_end(folder, seen.end, seen.error, seen.state.saved_step)
    if ending is not None:
        raise _failure(ending, folder, exit_code=130 if seen.end.forced and seen.interrupts else 1)
    if seen.interrupts:
        words = ErrorWords(
            "interrupted",
            f"Stopped at step {seen.state.latest.step} and saved.",
            hint=f"Go on with: orpo-studio train --resume {folder.id}",
        )
        raise CommandError(words, exit_code=130, **run)


def _failure(ending: Ending, folder: RunFolder, exit_code: int = 1) -> CommandError:
    hint = "\n".join([ending.hint, *_commands(ending, folder)])
    words = ErrorWords(ending.code, ending.title, ending.detail, hint)
    context: dict[str, Any] = {"run": folder.id, "folder": folder.path}
    if ending.rows:
        context["rows"] = ending.rows
    return CommandError(words, exit_code=exit_code, **context)


def _commands(ending: Ending, folder: RunFolder) -> list[str]:
    """Return the commands that start the run again with what may mend it."""
    try:
        changes = changes_for(folder.read_spec(), ending.code, ending.rows)
    except RunFolderError:
        return []
    file = shlex.quote(str(folder.spec_file))
    return [f"{change.title}: orpo-studio train {file} {change.as_settings()}" for change in changes]


class _Interrupts:
    """Ctrl+C as it is pressed; two at once are one."""

    def __init__(self) -> None:
        self._wishes = self._seen = 0
        self._last = -TWO_PRESSES_SECONDS

    def press(self, *_signal: object) -> None:
        now = time.monotonic()
        if now - self._last >= TWO_PRESSES_SECONDS:
            self._wishes += 1
            self._last = now

    def is_new(self) -> bool:
        """Tell whether there is one that was not told before."""
        if self._wishes == self._seen:
            return False
        self._seen += 1
        return True


@contextmanager
def _taken_interrupts() -> Iterator[_Interrupts]:
    """Take Ctrl+C instead of raising in the middle of something."""
    interrupts = _Interrupts()
    before = signal.signal(signal.SIGINT, interrupts.press)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
