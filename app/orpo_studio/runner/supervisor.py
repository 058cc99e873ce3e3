"""One supervisor: takes the lock, starts the trainer, watches over it, records the end nobody else recorded."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from orpo_studio.events import (
    EventLog,
    EventLogError,
    EventTail,
    JobEnded,
    JobStarted,
    Machine,
    RunEnded,
    RunLaunched,
    RunState,
)
from orpo_studio.events.types import Event
from orpo_studio.plain_files import open_plain
from orpo_studio.runner.awake import awake
from orpo_studio.runner.console import note, without_notes
from orpo_studio.runner.notification import notify_of_end
from orpo_studio.runner.pulse import Pulse
from orpo_studio.runner.sampling import Sampling
from orpo_studio.runner.silence import SilenceWatch
from orpo_studio.runner.stopping import StopLadder, StopLimits
from orpo_studio.runner.trainer_process import TrainerProcess
from orpo_studio.runs import Job, RunFolder, RunFolderError, RunLock
from orpo_studio.runs.catalogue import fold_events
from orpo_studio.runs.containment import require_contained
from orpo_studio.runs.control import ask
from orpo_studio.runs.heartbeat import SILENT_SECONDS
from orpo_studio.runs.job_request import read_request, remove_request
from orpo_studio.runs.launch import EXIT_HELD, mark_lost
from orpo_studio.runs.machine import GIB, memory_limit, oom_kills
from orpo_studio.runs.queue import is_alone
from orpo_studio.runs.support import versions

POLL_SECONDS = 0.1
TAIL_BYTES = 4000
_REPLAY_BYTES = 1 << 20
_WORD_SECONDS = 10.0
"""Something is said at least as often, so that others see that this process lives: a sample, or an empty one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient a supervisor is.

    Attributes:
        silent: least seconds without progress of the trainer that are told.
        stop: how long the stages of a stop wait for an answer.
    """

    silent: float = SILENT_SECONDS
    stop: StopLimits = field(default_factory=StopLimits)


BUSY, NOT_WRITABLE, NOT_QUEUED = EXIT_HELD, 4, 5
"""Exit codes of a supervisor that started nothing."""


def supervise(
    folder: RunFolder, job: Job, limits: Limits | None = None, *, request: str = "", only_if_queued: bool = False
) -> int:
    """Run one job from start to end.

    Args:
        folder: the run.
        job: what to do.
        limits: how patient to be; by default as a person would.
        request: name of the file that says what exactly is asked, where there is one.
        only_if_queued: start nothing where the run waits in the queue no longer, since somebody else has started it, or
            where another run of the workspace has come to life meanwhile: it goes on waiting then.

    Returns:
        The exit code of this process: 0 when the job completed or was stopped.
    """
    lock = RunLock(folder.lock_file)
    began = time.monotonic()
    try:
        require_contained(folder)
        mark_lost(folder)
        if not lock.take():
            print(f"The run {folder.id} is already being worked on: its lock is held.", flush=True)
            return BUSY
        if only_if_queued and fold_events(folder.events_file).place is None:
            print(f"The run {folder.id} waits in the queue no longer.", flush=True)
            return NOT_QUEUED
        if only_if_queued and not is_alone(folder):
            print(f"The run {folder.id} waits on: another one is under way.", flush=True)
            return BUSY
        with EventLog(folder.events_file) as log:
            supervisor = _Supervisor(folder, job, log, lock, limits or Limits(), request=request)
            code = supervisor.run()
    except RunFolderError as error:
        print(error, flush=True)
        return 4
    except OSError as error:  # a full or read-only disk: there is nowhere else to say it
        print(f"The events of {folder.id} could not be written: {error}", flush=True)
        return NOT_WRITABLE
    finally:
        remove_request(folder, request)
        lock.release()
    # Without the lock: a desktop that does not answer must not hold up what comes next.
    notify_of_end(folder, job, supervisor.state, time.monotonic() - began)
    return code


class _Supervisor:
    def __init__(
        self, folder: RunFolder, job: Job, log: EventLog, lock: RunLock, limits: Limits, *, request: str
    ) -> None:
        self._folder, self._job, self._log, self._lock, self._limits = folder, job, log, lock, limits
        self._request = request
        self._log_start = folder.console_log.stat().st_size if folder.console_log.exists() else 0
        self._tail = EventTail(folder.events_file)
        self._failed = ""
        self._last_sample: dict[str, float] = {}
        self._oom_kills = oom_kills()
        self.state = RunState()

    def run(self) -> int:
        self._read_events()
        attempt = self.state.attempts + 1
        if self._job is Job.TRAIN:
            self._log.append(RunLaunched(attempt=attempt, versions=versions()))
        else:
            self._log.append(JobStarted(job=self._job.value, kind=self._kind()))
        # The pipe is the trainer's life line: when this process dies, the trainer reads end-of-file and saves. Until
        # it has, the run must not count as lost, nor be resumed into the same folder: so it holds the lock as well.
        with contextlib.suppress(OSError):  # an earlier trainer's says nothing of this one
            self._folder.heartbeat.unlink(missing_ok=True)
        trainer = subprocess.Popen(
            [sys.executable, "-P", "-m", "orpo_studio.trainer", *self._arguments()],
            stdin=subprocess.PIPE,
            pass_fds=self._lock.inheritable(),
        )
        self._forward_signals(trainer)
        process = TrainerProcess(trainer)
        pulse = Pulse(process, self._folder.heartbeat, self._limits.silent)
        silence = SilenceWatch(pulse, process, self._say)
        ladder = StopLadder(self._folder, pulse, process, self._say, self._limits.stop)
        with awake(f"{self._folder.id} is under way") as look_at_inhibitor:
            sampling = Sampling(trainer.pid)
            looked = sampled = time.monotonic()
            while (code := _wait(trainer)) is None:
                now = time.monotonic()
                pulse.look(now - looked)
                self._look(silence, ladder, now - looked)
                looked = now
                look_at_inhibitor()
                sample = sampling.newest()
                if sample is None and now - sampled > _WORD_SECONDS:
                    sample = Machine(values={})
                if sample is not None:
                    self._last_sample = {**self._last_sample, **sample.values}
                    sampled = now
                    self._say(sample)
            sampling.end()
        return self._record_end(code, forced=ladder.is_forced)

    def _look(self, silence: SilenceWatch, ladder: StopLadder, elapsed: float) -> None:
        try:
            self._read_events()
            if not self._is_said():
                silence.look()
            ladder.look(elapsed, answered=self._answered())
        except OSError as error:  # a disk or a network drive that fails must not end the one who looks after the rest
            if str(error) != self._failed:
                self._failed = str(error)
                note(f"A look at the run failed: {error}")

    def _arguments(self) -> list[str]:
        return [str(self._folder.path), self._job.value, *([self._request] if self._request else [])]

    def _kind(self) -> str:
        """Return which kind of export is asked for, so that those who watch know; nothing for another job."""
        try:
            return str(read_request(self._folder, self._request).get("kind", ""))
        except RunFolderError:  # the trainer tells it, in words
            return ""

    def _forward_signals(self, trainer: "subprocess.Popen[bytes]") -> None:
        """Turn a polite end of this process (log-out, shutdown, ``kill``) into a saved stop of the run."""

        def stop(_number: int, _frame: object) -> None:
            try:
                ask(self._folder, "stop")
            except OSError:  # the disk is full; the signal says the same
                trainer.terminate()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)

    def _say(self, event: Event) -> None:
        try:
            self._log.append(event)
        except EventLogError as error:  # a full disk must not end the supervisor: it has still to record the end
            note(f"{type(event).__name__} was not recorded: {error}")

    def _record_end(self, code: int, *, forced: bool) -> int:
        self._read_events()
        state = self.state
        if not self._is_said():
            end = {
                "outcome": "failed",
                "exit_code": code,
                "signal": -code if code < 0 else None,
                "log_tail": without_notes(_tail(self._folder.console_log, self._log_start)),
                "forced": forced,
                "machine": self._machine_at_end(),
            }
            if self._job is Job.TRAIN:
                self._log.append_last(RunEnded.model_validate({**end, "step": state.latest.step}))
            else:
                self._log.append_last(JobEnded.model_validate({**end, "job": self._job.value}))
            self._read_events()
            return 1
        outcome = state.ended.outcome if self._job is Job.TRAIN and state.ended else None
        if self._job is not Job.TRAIN and state.job_ended is not None:
            outcome = state.job_ended.outcome
        return 0 if outcome in {"completed", "stopped"} else 1

    def _is_said(self) -> bool:
        """Whether the trainer has said its end."""
        return self.state.ended is not None if self._job is Job.TRAIN else not self.state.job

    def _answered(self) -> Literal["", "stop", "pause"]:
        if self._job is not Job.TRAIN or not self.state.stopping:
            return ""
        return "pause" if self.state.pausing else "stop"

    def _machine_at_end(self) -> dict[str, float]:
        """Return the last sample of the machine, with what tells whether memory ran out."""
        if not self._last_sample:
            return {}
        found = {**self._last_sample, "memory_total_gib": memory_limit() / GIB}
        if self._oom_kills is not None and (kills := oom_kills()) is not None:
            found["oom_kills"] = float(kills - self._oom_kills)
        return found

    def _read_events(self) -> None:
        """Take in what the trainer, or an earlier one, has said since the last time."""
        before = -1
        while self._tail.offset != before:
            before = self._tail.offset
            for event in self._tail.poll(_REPLAY_BYTES):
                self.state.apply(event)


def _wait(trainer: "subprocess.Popen[bytes]") -> int | None:
    """Return the trainer's exit code, or None while it lives."""
    try:
        return trainer.wait(POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _tail(path: Path, start: int) -> str:
    """Return the last lines printed since ``start`` bytes, at most ``TAIL_BYTES``."""
    try:
        with os.fdopen(open_plain(path), "rb") as file:
            end = file.seek(0, 2)
            file.seek(max(start, end - TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
