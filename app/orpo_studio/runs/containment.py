"""Whether a run's folder holds all that is its own, so that work on it stays inside.

A run may come from somebody else. A link in it could lead what is appended, replaced, deleted or exported to files of
the person's that are none of the run's. Nothing a run consists of is ever a link, so one is reason enough to refuse.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from orpo_studio.plain_files import is_plain_folder
from orpo_studio.runs.folder import RunFolder, RunFolderError

MOST_ENTRIES = 20_000
"""More files and folders than any run has: looking at them all would hold up whoever waits."""


def require_contained(folder: RunFolder) -> None:
    """Refuse a run whose folder holds anything but files and folders.

    Raises:
        RunFolderError: there is a link, a pipe or a device in it, or there are far too many entries.
    """
    for count, entry in enumerate(_entries(folder.path)):
        if count >= MOST_ENTRIES:
            raise RunFolderError(
                "too-many-files",
                f"The folder of the run “{folder.title()}” holds far too many files, so nothing was started in it.",
                f"More than {MOST_ENTRIES:,} are in {folder.path}. A run has some hundreds.",
                "Move what does not belong to the run elsewhere.",
            )
        if entry.is_file(follow_symlinks=False) or is_plain_folder(Path(entry.path)):
            continue
        where = Path(entry.path).relative_to(folder.path).as_posix()
        is_link = entry.is_symlink() or entry.is_dir(follow_symlinks=False)  # the latter a junction of Windows
        raise RunFolderError(
            "leads-outside",
            f"The folder of the run “{folder.title()}” is not self-contained, so nothing was started in it.",
            f"{where} in it is {'a link' if is_link else 'neither a file nor a folder'}. Through it, files outside of "
            "the run could be overwritten, deleted or copied into an export.",
            "Put what it leads to in its place, if you know and trust it; otherwise delete it.",
        )


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
