"""A supervisor that loses patience within moments, as a real one does within minutes."""

import os
import subprocess
import sys

from orpo_studio.runs import Job, RunFolder

_SCRIPT = """
import sys
from pathlib import Path
from orpo_studio.runner.stopping import StopLimits
from orpo_studio.runner.supervisor import Limits, supervise
from orpo_studio.runs import Job, RunFolder

limits = Limits(float(sys.argv[3]), StopLimits(float(sys.argv[4]), float(sys.argv[5])))
sys.exit(supervise(RunFolder(Path(sys.argv[1])), Job(sys.argv[2]), limits))
"""


def start_impatient(
    folder: RunFolder, job: Job = Job.TRAIN, *, silent: float = 0.5, asked: float = 0.5, terminated: float = 0.5
) -> "subprocess.Popen[bytes]":
    """Start a supervisor in a session of its own.

    Args:
        folder: the run.
        job: what to do.
        silent: seconds without a sign of life that it tells.
        asked: seconds that it gives a stop.
        terminated: seconds that it gives the trainer to leave.
    """
    times = [str(seconds) for seconds in (silent, asked, terminated)]
    with folder.console_log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _SCRIPT, str(folder.path), job.value, *times],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
