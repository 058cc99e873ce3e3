"""One supervisor: takes the lock, starts the trainer, samples the machine, records the end nobody else recorded."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from orpo_studio.events import (
    EventLog,
    EventLogError,
    JobEnded,
    JobStarted,
    RunEnded,
    RunLaunched,
    RunState,
    read_events,
)
from orpo_studio.runs import Job, RunFolder, RunLock
from orpo_studio.runs.control import ask
from orpo_studio.runs.launch import mark_lost
from orpo_studio.runs.machine import MachineSampler
from orpo_studio.runs.support import versions

SAMPLE_SECONDS = 2.0
POLL_SECONDS = 0.1
TAIL_BYTES = 4000


def supervise(folder: RunFolder, job: Job) -> int:
    """Run one job from start to end. Returns the exit code of this process: 0 when the job completed or was stopped."""
    lock = RunLock(folder.lock_file)
    try:
        mark_lost(folder)
        if not lock.take():
            print(f"The run {folder.id} is already being worked on: its lock is held.", flush=True)
            return 3
        with EventLog(folder.events_file) as log:
            return _Supervisor(folder, job, log, lock).run()
    except OSError as error:  # a full or read-only disk: there is nowhere else to say it
        print(f"The events of {folder.id} could not be written: {error}", flush=True)
        return 4
    finally:
        lock.release()


class _Supervisor:
    def __init__(self, folder: RunFolder, job: Job, log: EventLog, lock: RunLock) -> None:
        self._folder, self._job, self._log, self._lock = folder, job, log, lock
        self._log_start = folder.console_log.stat().st_size if folder.console_log.exists() else 0

    def run(self) -> int:
        attempt = self._state().attempts + 1
        if self._job is Job.TRAIN:
            self._log.append(RunLaunched(attempt=attempt, versions=versions()))
        else:
            self._log.append(JobStarted(job=self._job.value))
        # The pipe is the trainer's life line: when this process dies, the trainer reads end-of-file and saves. Until
        # it has, the run must not count as lost, nor be resumed into the same folder: so it holds the lock as well.
        trainer = subprocess.Popen(
            [sys.executable, "-P", "-m", "orpo_studio.trainer", str(self._folder.path), self._job.value],
            stdin=subprocess.PIPE,
            pass_fds=self._lock.inheritable(),
        )
        self._forward_signals()
        code = self._wait(trainer)
        return self._record_end(code)

    def _forward_signals(self) -> None:
        """Turn a polite end of this process (log-out, shutdown, ``kill``) into a saved stop of the run."""

        def stop(_number: int, _frame: object) -> None:
            ask(self._folder, "stop")

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)

    def _wait(self, trainer: subprocess.Popen[bytes]) -> int:
        sampler = MachineSampler(trainer.pid)
        next_sample = time.monotonic()
        while True:
            try:
                return trainer.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                pass
            if time.monotonic() >= next_sample:
                next_sample += SAMPLE_SECONDS
                self._append_sample(sampler)

    def _append_sample(self, sampler: MachineSampler) -> None:
        try:
            self._log.append(sampler.sample())
        except EventLogError as error:  # a full disk must not end the supervisor: it has still to record the end
            print(f"A sample of the machine was not recorded: {error}", flush=True)

    def _record_end(self, code: int) -> int:
        state = self._state()
        said = state.ended is not None if self._job is Job.TRAIN else not state.job
        if not said:
            end = {
                "outcome": "failed",
                "exit_code": code,
                "signal": -code if code < 0 else None,
                "log_tail": self._log_tail(),
            }
            if self._job is Job.TRAIN:
                self._log.append(RunEnded.model_validate({**end, "step": state.latest.step}))
            else:
                self._log.append(JobEnded.model_validate({**end, "job": self._job.value}))
            return 1
        outcome = state.ended.outcome if self._job is Job.TRAIN and state.ended else None
        if self._job is not Job.TRAIN and state.job_ended is not None:
            outcome = state.job_ended.outcome
        return 0 if outcome in {"completed", "stopped"} else 1

    def _state(self) -> RunState:
        state = RunState()
        for event in read_events(self._folder.events_file):
            state.apply(event)
        return state

    def _log_tail(self) -> str:
        return _tail(self._folder.console_log, self._log_start)


def _tail(path: Path, start: int) -> str:
    """Return the last lines printed since ``start`` bytes, at most ``TAIL_BYTES``."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(start, end - TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
