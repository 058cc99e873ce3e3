"""One job from start to end: whatever happens in it, its end is said in words."""

import gc
import traceback
from collections.abc import Callable
from typing import Literal

from orpo_studio.events import EventLogError, HoldingEventLog, JobEnded, RunEnded, RunState, read_events
from orpo_studio.runs import Job, RunFolder, take
from orpo_studio.trainer.context import JobContext, Lifeline, Outcome
from orpo_studio.trainer.durable import recover_folder
from orpo_studio.trainer.problems import LeaveNow, StopNow, explain, let_go

_SPARE_BYTES = 16 * 1024**2
"""Kept free from the beginning, never touched, so that there is memory to say that memory ran out."""


def run_job(
    folder: RunFolder, job: Job, lifeline: Lifeline, beat: Callable[[], None] = lambda: None, request: str = ""
) -> int:
    """Do a job on a run. Returns the exit code: 0 when it completed or was stopped, 1 when it failed.

    Args:
        folder: the run.
        job: what to do.
        lifeline: tells when to save and stop.
        beat: called whenever the work makes progress.
        request: name of the file that says what exactly is asked, where there is one.
    """
    try:
        with HoldingEventLog(folder.events_file) as log:
            return _run(folder, job, log, lifeline, beat, request=request)
    except EventLogError:
        traceback.print_exc()  # the stream cannot even be opened: the supervisor records the end when it can
        return 2


def _run(
    folder: RunFolder, job: Job, log: HoldingEventLog, lifeline: Lifeline, beat: Callable[[], None], *, request: str
) -> int:
    state = read_state(folder)
    context = None
    spare = bytearray(_SPARE_BYTES)
    try:
        recover_folder(folder.adapter)
        context = JobContext(folder, folder.read_spec(), log, state, lifeline, beat, request)
        outcome = _dispatch(context, job)
        _say_end(folder, job, log, outcome)
    except StopNow:
        if context is not None:
            context.tell_whether_cut_off()
        outcome = "paused" if context is not None and context.only_pause_wanted() else "stopped"
        for answered in ("stop", "pause"):
            take(folder, answered)
        _say_end(folder, job, log, outcome)
    except LeaveNow:
        _say_forced_end(folder, job, log)
        return 1
    except Exception as error:  # noqa: BLE001 - the boundary of the process: everything becomes words
        traceback.print_exc()
        del spare
        let_go(error)
        log.append(explain(error, _stage(folder)))
        _say_end(folder, job, log, "failed", exit_code=1)
        return 1
    return 0


def read_state(folder: RunFolder) -> RunState:
    """Return what the run has said so far."""
    state = RunState()
    for event in read_events(folder.events_file):
        state.apply(event)
    return state


def _stage(folder: RunFolder) -> str:
    """Return the name of the stage that is under way, or the empty string."""
    stage = read_state(folder).stage
    return stage.name if stage is not None else ""


def _dispatch(context: JobContext, job: Job) -> Outcome:
    # Importing makes hundreds of thousands of objects that stay: looking for garbage among them again and again takes
    # a tenth of the time until the work begins.
    gc.disable()
    try:
        work = _work_of(job)
    finally:
        gc.enable()
    return work(context) or "completed"


def _work_of(job: Job) -> Callable[[JobContext], Outcome | None]:
    # Imported here, so that a trainer that dies at import still says so in words.
    match job:
        case Job.TRAIN:
            from orpo_studio.trainer.train import train

            return train
        case Job.EVALUATE:
            from orpo_studio.trainer.evaluate import evaluate

            return evaluate
        case Job.EXPORT:
            from orpo_studio.trainer.export import export

            return export
        case Job.PROBE:
            from orpo_studio.trainer.probe import probe

            return probe
        case Job.MARGINS:
            from orpo_studio.trainer.margins import ask_base_model

            return ask_base_model


def _say_end(
    folder: RunFolder,
    job: Job,
    log: HoldingEventLog,
    outcome: Outcome | Literal["failed"],
    exit_code: int = 0,
) -> None:
    log.settle()  # what was reached is read from the stream
    paused = outcome == "paused"
    kind = "stopped" if outcome == "paused" else outcome
    if job is Job.TRAIN:
        step = read_state(folder).latest.step
        log.append(RunEnded(outcome=kind, step=step, exit_code=exit_code, paused=paused))
    else:
        log.append(JobEnded(job=job.value, outcome=kind, exit_code=exit_code))


def _say_forced_end(folder: RunFolder, job: Job, log: HoldingEventLog) -> None:
    log.settle()
    if job is Job.TRAIN:
        log.append(RunEnded(outcome="failed", step=read_state(folder).latest.step, exit_code=1, forced=True))
    else:
        log.append(JobEnded(job=job.value, outcome="failed", exit_code=1, forced=True))
