"""What is asked of a job: a file of its own for each, whose name the job is started with.

Two windows may ask something of one run in the same moment, and only one of them gets the lock: with one file for all,
the job would do what the other one asked for. And a file of a known name could lie there already, in a run that came
from somebody else, and have something written at a place of their choosing.
"""

import json
import os
import re
import time
from contextlib import suppress
from typing import Any

from orpo_studio.plain_files import is_plain_folder, read_plain
from orpo_studio.runs.control import MOST_BYTES
from orpo_studio.runs.folder import RunFolder, RunFolderError

_NAME = re.compile(r"request\.[0-9a-f]{16}")
_HOUR = 3600.0


def leave_request(folder: RunFolder, request: dict[str, Any]) -> str:
    """Write what is asked of a job that is about to be started, and return the name to start it with.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.control.mkdir(exist_ok=True)
    name = f"request.{os.urandom(8).hex()}"
    with (folder.control / name).open("x", encoding="utf-8") as file:
        json.dump(request, file)
    return name


def read_request(folder: RunFolder, name: str) -> dict[str, Any]:
    """Return what was asked of a job; nothing where it was started without a name.

    Raises:
        RunFolderError: the file is gone or damaged.
    """
    if not name:
        return {}
    try:
        if not _NAME.fullmatch(name):
            raise ValueError("This is no name of a request.")
        details = json.loads(read_plain(folder.control / name, MOST_BYTES))
        if not isinstance(details, dict):
            raise TypeError("It holds something else than a request.")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise RunFolderError(
            "unreadable-request",
            "What was asked for cannot be read.",
            f"{name}: {error}",
            "Ask again; the file is then written anew.",
        ) from error
    return details


def remove_request(folder: RunFolder, name: str) -> None:
    """Remove what was asked, once it is done, and what killed jobs have left."""
    if not is_plain_folder(folder.control):
        return
    for path in folder.control.glob("request.*"):
        with suppress(OSError):
            if path.name == name or time.time() - path.lstat().st_mtime > _HOUR:
                path.unlink()
