"""``python -P -m orpo_studio.trainer FOLDER JOB``, with a pipe from the supervisor as standard input."""

import os
import signal
import sys
from pathlib import Path

from orpo_studio.runs import Job, RunFolder
from orpo_studio.trainer.context import Lifeline
from orpo_studio.trainer.environment import prepare_environment
from orpo_studio.trainer.jobs import run_job

if __name__ == "__main__":
    prepare_environment()
    lifeline = Lifeline()
    lifeline.watch(sys.stdin.fileno())
    # At log-out and shutdown every process gets this signal, not the supervisor alone.
    signal.signal(signal.SIGTERM, lambda _number, _frame: lifeline.cut())
    code = run_job(RunFolder(Path(sys.argv[1]).resolve()), Job(sys.argv[2]), lifeline)
    sys.stdout.flush()
    sys.stderr.flush()
    # Taking torch's libraries down takes seconds, in which the run's lock would still be held; every file is closed.
    os._exit(code)
