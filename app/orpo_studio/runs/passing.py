"""A run folder that is no run, and is gone when its one job is: a probe's, or a question's to the base model.

It lies in the person's cache folder and not in the workspace: no list of runs looks there, a workspace on a slow or
shared disk is left alone, and whatever a killed window leaves there can be made again by anyone.
"""

import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from orpo_studio import paths
from orpo_studio.config import RunSpec
from orpo_studio.events import JobEnded, Problem, RunEnded
from orpo_studio.runs.ending import Ending, explain_end, explain_silence
from orpo_studio.runs.folder import RunFolder, RunFolderError, create_run
from orpo_studio.runs.launch import Job
from orpo_studio.runs.lock import is_held

LEAVE_SECONDS = 60.0
"""How long the processes may take to leave after the end was said."""
_YOUNG_SECONDS = 600.0
"""A folder without a lock may belong to a supervisor that is just starting, for as long."""


@dataclass(frozen=True, slots=True)
class PassingJob:
    """A job that leaves no run.

    Attributes:
        job: what the supervisor is started for; also the name of the folder in the cache.
        name: what it is called in sentences, such as ``probe``.
        cannot: what to say where its folder cannot be made.
    """

    job: Job
    name: str
    cannot: str

    def make(self, spec: RunSpec) -> RunFolder:
        """Make the folder, and remove those that windows left which were closed or killed under way.

        Raises:
            RunFolderError: the cache folder cannot be written.
        """
        home = paths.cache_folder() / self.job.value
        for path in (home / "runs").glob("*/"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _YOUNG_SECONDS and not is_held(RunFolder(path).lock_file):
                    shutil.rmtree(path, ignore_errors=True)
        try:
            return create_run(home, spec)
        except RunFolderError as error:
            raise RunFolderError(
                f"cannot-{self.job.value}",
                self.cannot,
                error.detail,
                "Make room on the disk of this folder and allow writing there, then try again.",
            ) from None

    def explain(self, folder: RunFolder, end: RunEnded | JobEnded | None, error: Problem | None) -> Ending | None:
        """Explain why it brought no figures; None where it did, or was stopped on request.

        The console log is kept beside the folders where the words speak of it, since the folder goes.

        Args:
            folder: of the job.
            end: the event that ended it; None where its supervisor said nothing.
            error: the last error that was said, if any.
        """
        ending = explain_silence(folder) if end is None else explain_end(folder, end, error)
        if ending is None:
            return None
        if ending.code == "unexpected":
            ending = replace(ending, hint=f"The whole log is {folder.console_log}.")
        kept = folder.path.parent.parent / "console.log"
        title = ending.title
        for said in ("run", self.job.value):
            title = title.replace(f"The {said} ", f"The {self.name} ")
        parts: dict[str, Any] = {"title": title}
        for name in ("detail", "hint"):  # these speak of a log that is about to be gone
            words: str = getattr(ending, name)
            parts[name] = words.replace(str(folder.console_log), str(kept))
            if parts[name] != words:
                with suppress(OSError):
                    shutil.copyfile(folder.console_log, kept)
        return replace(ending, **parts)


def remove_passing(folder: RunFolder, process: "subprocess.Popen[bytes] | None") -> None:
    """Remove such a folder once its processes have left it; what cannot be removed goes before the next job."""
    if process is not None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LEAVE_SECONDS)
    if not is_held(folder.lock_file):
        shutil.rmtree(folder.path, ignore_errors=True)
