"""Ending the process at once when a stop is wanted, where nothing is half done that must be finished first."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orpo_studio.events import HoldingEventLog, JobEnded
from orpo_studio.runs import Job
from orpo_studio.trainer.context import JobContext

_LOOK_SECONDS = 0.1


@contextmanager
def leaving_at_once(context: JobContext, job: Job) -> Iterator[None]:
    """End the process as soon as a stop is wanted, even while a model is being loaded: nothing is half done here."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(_LOOK_SECONDS):
            if context.stop_wanted():
                _leave(context, job)
                return

    watcher = threading.Thread(target=watch, daemon=True, name="stop")
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()  # or both would say the end


def _leave(context: JobContext, job: Job) -> None:
    # A stream of its own: the job's belongs to the thread that works.
    with HoldingEventLog(context.folder.events_file) as log:
        log.append(JobEnded(job=job.value, outcome="stopped", exit_code=0))
    context.forget_stop()
    os._exit(0)
