"""The run folder: the only place that knows its file names; catalogue, launch, lock and requests."""

from orpo_studio.runs.catalogue import RunSummary, find_run, list_runs, summarize
from orpo_studio.runs.control import RunRequest, ask, pending, take
from orpo_studio.runs.folder import RunFolder, RunFolderError, create_run, is_free
from orpo_studio.runs.launch import Job, launch, mark_lost
from orpo_studio.runs.lock import RunLock, is_held
from orpo_studio.runs.support import write_support_archive

__all__ = [
    "Job",
    "RunFolder",
    "RunFolderError",
    "RunLock",
    "RunRequest",
    "RunSummary",
    "ask",
    "create_run",
    "find_run",
    "is_free",
    "is_held",
    "launch",
    "list_runs",
    "mark_lost",
    "pending",
    "summarize",
    "take",
    "write_support_archive",
]
