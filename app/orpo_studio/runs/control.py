"""Requests to a running trainer: one small file each in ``control/``.

A file and no pipe or signal: it works from any process, on any system, and outlives the window that asked.
"""

import errno
import json
import os
from dataclasses import dataclass
from typing import Any, Literal, get_args

from orpo_studio.plain_files import LINK, is_plain_folder, read_plain
from orpo_studio.runs.folder import RunFolder

MOST_BYTES = 1_000_000
"""A request has the prompts of a person at most."""

RequestName = Literal["stop", "pause", "checkpoint", "sample", "end_now", "leave"]
"""``end_now`` is for the supervisor: a stop goes on to its next stage at once. With ``leave`` it has the trainer end
without saving. The others are the person's to the trainer.
"""
REQUESTS: tuple[RequestName, ...] = get_args(RequestName)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request with its details, such as the prompts of a sample."""

    name: str
    details: dict[str, Any]


def ask(folder: RunFolder, name: RequestName, **details: Any) -> None:
    """Leave a request for the run's trainer; it is seen after the present step.

    Raises:
        OSError: the folder cannot be written, or ``control`` is a link.
    """
    folder.control.mkdir(exist_ok=True)
    if not is_plain_folder(folder.control):  # somebody else's run: this would be written wherever it leads
        raise OSError(errno.ELOOP, LINK, str(folder.control))
    path = folder.control / f"{name}.{os.urandom(8).hex()}"
    if not details:
        path.touch()  # takes no room: a full disk must not keep a stop from being heard
        return
    beside = path.with_name(f".{path.name}")
    try:
        beside.write_text(json.dumps(details), encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def pending(folder: RunFolder, name: RequestName) -> bool:
    """Tell whether such a request waits. Costs one listing of a nearly empty folder."""
    try:
        return any(entry.startswith(f"{name}.") for entry in os.listdir(folder.control))  # noqa: PTH208 - each step
    except (FileNotFoundError, NotADirectoryError):
        return False


def take(folder: RunFolder, name: RequestName) -> list[RunRequest]:
    """Remove and return the waiting requests of a kind; one that cannot be read counts without details."""
    taken: list[RunRequest] = []
    if not is_plain_folder(folder.control):
        return taken
    for path in sorted(folder.control.glob(f"{name}.*")):
        try:
            details = json.loads(read_plain(path, MOST_BYTES))
        except (OSError, ValueError, RecursionError):
            details = {}
        path.unlink(missing_ok=True)
        taken.append(RunRequest(name, details if isinstance(details, dict) else {}))
    return taken
