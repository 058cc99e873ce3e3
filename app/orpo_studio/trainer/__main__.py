"""``python -P -m orpo_studio.trainer FOLDER JOB [REQUEST]``, with a pipe from the supervisor as standard input."""

import os
import signal
import sys
from pathlib import Path

from orpo_studio.runs import Job, RunFolder, take
from orpo_studio.runs.console import forgive_full_console
from orpo_studio.trainer.context import Lifeline
from orpo_studio.trainer.environment import prepare_environment
from orpo_studio.trainer.heartbeat import Heartbeat, print_stack_on_request
from orpo_studio.trainer.jobs import run_job
from orpo_studio.trainer.problems import LeaveNow


def _on_terminate(folder: RunFolder, lifeline: Lifeline) -> None:
    """Leave at once where the supervisor says so; else save and stop: at log-out all processes get this signal."""
    if take(folder, "leave"):
        raise LeaveNow
    lifeline.cut()


if __name__ == "__main__":
    forgive_full_console()
    prepare_environment()
    run, line = RunFolder(Path(sys.argv[1]).resolve()), Lifeline()
    line.watch(sys.stdin.fileno())
    signal.signal(signal.SIGTERM, lambda _number, _frame: _on_terminate(run, line))
    print_stack_on_request()
    heartbeat = Heartbeat(run.heartbeat)
    heartbeat.beat()  # from here on the supervisor may ask for the stack
    code = run_job(run, Job(sys.argv[2]), line, heartbeat.beat, request="".join(sys.argv[3:4]))
    sys.stdout.flush()
    sys.stderr.flush()
    # Taking torch's libraries down takes seconds, in which the run's lock would still be held; every file is closed.
    os._exit(code)
