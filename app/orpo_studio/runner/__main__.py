"""``python -P -m orpo_studio.runner FOLDER JOB``."""

import sys
from pathlib import Path

from orpo_studio.runner.supervisor import supervise
from orpo_studio.runs import Job, RunFolder
from orpo_studio.runs.console import forgive_full_console

if __name__ == "__main__":
    forgive_full_console()
    sys.exit(supervise(RunFolder(Path(sys.argv[1]).resolve()), Job(sys.argv[2])))
