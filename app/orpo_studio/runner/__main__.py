"""``python -P -m orpo_studio.runner FOLDER JOB [REQUEST] [--only-if-queued]``, or ``--queue WORKSPACE``."""

import sys
from pathlib import Path

from orpo_studio.runs import Job, RunFolder
from orpo_studio.runs.console import forgive_full_console
from orpo_studio.runs.launch import ONLY_IF_QUEUED
from orpo_studio.runs.queue import KEEP_QUEUE


def main(arguments: list[str]) -> int:
    """Be the process that the arguments ask for; returns its exit code."""
    forgive_full_console()
    if arguments[0] == KEEP_QUEUE:
        from orpo_studio.runner.queue import keep_queue

        return keep_queue(Path(arguments[1]).resolve())
    from orpo_studio.runner.supervisor import supervise

    request = "".join(argument for argument in arguments[2:3] if argument != ONLY_IF_QUEUED)
    return supervise(
        RunFolder(Path(arguments[0]).resolve()),
        Job(arguments[1]),
        request=request,
        only_if_queued=ONLY_IF_QUEUED in arguments[2:],
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
