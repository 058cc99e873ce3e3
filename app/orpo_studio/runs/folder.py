"""One run's folder."""

import errno
import os
import re
import shutil
import time
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from orpo_studio.config import NewerSchemaError, RunSpec, SpecError, read_name, read_newer_spec, read_spec
from orpo_studio.config.toml import write_spec
from orpo_studio.plain_files import is_plain_folder
from orpo_studio.runs.lock import is_held
from orpo_studio.words import one_line, printable

RESULT_WEIGHTS = ("adapter_model.safetensors", "model.safetensors", "model.safetensors.index.json")
"""Files of which one is there when training has left a result: the adapter, or the model after full fine-tuning."""


NEWER = "newer-version"
"""Code of the error that a newer version of the program made a run."""


class RunFolderError(Exception):
    """A run's folder cannot be made, read or used; in words for the person.

    Attributes:
        code: short name for programs.
        title: what happened.
        detail: why.
        hint: what to do.
    """

    def __init__(self, code: str, title: str, detail: str, hint: str) -> None:
        super().__init__(f"{title} {detail} {hint}".strip())
        self.code, self.title, self.detail, self.hint = code, title, detail, hint


@dataclass(frozen=True, slots=True)
class LookedAt:
    """A specification as far as this version knows it, good to be shown.

    Attributes:
        spec: it; what is not known has its default.
        newer: why the run may only be looked at, where a newer version made it.
        unread: full names of the options whose values cannot be read here.
    """

    spec: RunSpec
    newer: RunFolderError | None = None
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The places inside ``<workspace>/runs/<id>``."""

    path: Path

    @property
    def id(self) -> str:
        """The run's name among the runs: the folder's own."""
        return self.path.name

    @property
    def spec_file(self) -> Path:
        """The whole specification, resolved and frozen."""
        return self.path / "run.toml"

    @property
    def events_file(self) -> Path:
        """The stream of events."""
        return self.path / "events.jsonl"

    @property
    def console_log(self) -> Path:
        """What the processes print."""
        return self.path / "console.log"

    @property
    def lock_file(self) -> Path:
        """Held by the supervisor while it lives."""
        return self.path / "run.lock"

    @property
    def heartbeat(self) -> Path:
        """An empty file, touched by the trainer when it makes progress."""
        return self.path / "heartbeat"

    @property
    def control(self) -> Path:
        """Requests from outside, one small file each."""
        return self.path / "control"

    @property
    def data(self) -> Path:
        """The run's converted pairs and what was set aside."""
        return self.path / "data"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints from which the run can go on."""
        return self.path / "checkpoints"

    @property
    def adapter(self) -> Path:
        """The trained adapter, or the trained model after full fine-tuning."""
        return self.path / "adapter"

    @property
    def evaluation(self) -> Path:
        """Measurements and answers."""
        return self.path / "evaluation"

    @property
    def export(self) -> Path:
        """What is shipped, where no other folder is named."""
        return self.path / "export"

    def has_result(self) -> bool:
        """Tell whether training has left a trained adapter or model."""
        return any((self.adapter / name).is_file() for name in RESULT_WEIGHTS)

    def result_bytes(self) -> int:
        """Return what the trained adapter or model takes on disk; 0 where there is none."""
        return sum(path.stat().st_size for path in self.adapter.rglob("*") if path.is_file())

    def title(self) -> str:
        """Read the name that a person has given the run; where it has none, it is called by its folder."""
        return one_line(printable(read_name(self.spec_file))) or self.id

    def read_spec(self) -> RunSpec:
        """Read the specification.

        Raises:
            RunFolderError: it is missing or broken, or was written by a newer version.
        """
        try:
            return read_spec(self.spec_file)
        except NewerSchemaError:
            raise made_by_newer(self, "Its settings are written in a form that this version does not know.") from None
        except SpecError as error:
            raise RunFolderError(
                "unreadable-run",
                f"The run “{self.title()}” cannot be opened.",
                str(error),
                "Its folder is untouched. Look at run.toml in it, or delete the run.",
            ) from None

    def read_to_look_at(self) -> LookedAt:
        """Read the specification as far as this version knows it, and why the run may only be looked at, if so.

        Raises:
            RunFolderError: it is missing or broken.
        """
        try:
            return LookedAt(self.read_spec())
        except RunFolderError as error:
            if error.code != NEWER:
                raise
            spec, unread = read_newer_spec(self.spec_file)
            return LookedAt(spec, error, unread)

    def is_newer(self) -> bool:
        """Tell whether a newer version of the program made the run, so that nothing may be written into it."""
        try:
            self.read_spec()
        except RunFolderError as error:
            return error.code == NEWER
        return False

    def delete(self) -> None:
        """Remove the folder with everything in it.

        Raises:
            RunFolderError: somebody works on it, or the system refuses.
        """
        if is_held(self.lock_file):
            raise RunFolderError(
                "still-running",
                f"The run “{self.title()}” is being worked on, so it was not deleted.",
                "It is in use from this window, another one or a terminal.",
                "Stop it, wait until it has ended, then delete it.",
            )
        if not is_plain_folder(self.path) and self.path.is_dir():
            raise RunFolderError(
                "cannot-delete",
                f"The run “{self.title()}” was not deleted: it is only a link to a folder elsewhere.",
                f"It leads to {self.path.resolve()}.",
                "Delete that folder or remove the link yourself.",
            )
        try:
            shutil.rmtree(self.path)
        except OSError as error:
            raise RunFolderError(
                "cannot-delete",
                f"The run “{self.title()}” could not be deleted.",
                f"{self.path}, at {error.filename}: {error.strerror}.",
                "Its disk is read-only, or the folder is not yours to change. Allow writing there, then try again."
                if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}
                else "Close programs that use its files, then try again.",
            ) from None


def unreadable_events(folder: RunFolder, error: OSError) -> RunFolderError:
    """Return what to tell where a run's events cannot be read."""
    return RunFolderError(
        "unreadable-run",
        f"The run “{folder.title()}” cannot be read.",
        f"{folder.events_file}: {error.strerror or error}.",
        "Allow reading there. Its folder is untouched.",
    )


def made_by_newer(folder: RunFolder, detail: str) -> RunFolderError:
    """Return why a run may be looked at and no more: what it says is not all understood here."""
    return RunFolderError(
        NEWER,
        f"The run “{folder.title()}” was made by a newer ORPO Studio.",
        detail,
        "It is shown as far as this version understands it, and left as it is. Update ORPO Studio to work with it.",
    )


def create_run(workspace: Path, spec: RunSpec) -> RunFolder:
    """Make the folder of a new run with its ``run.toml``.

    Raises:
        RunFolderError: the workspace cannot be written (read-only, full).
    """
    runs = workspace / "runs"
    folder = None
    try:
        runs.mkdir(parents=True, exist_ok=True)
        folder = _make_unique(runs, f"{time.strftime('%Y%m%d-%H%M%S')}-{_slug(spec.name) or 'run'}")
        folder.control.mkdir()
        write_spec(spec, folder.spec_file)
    except OSError as error:
        if folder is not None:  # half a run is none
            shutil.rmtree(folder.path, ignore_errors=True)
        raise RunFolderError(
            "workspace-not-writable",
            "The run could not be created.",
            f"{workspace} cannot be written: {error.strerror or error}.",
            "Make room on this disk, or choose another workspace."
            if error.errno in {errno.ENOSPC, errno.EDQUOT}
            else "Choose another workspace, or allow writing there.",
        ) from None
    return folder


def _make_unique(runs: Path, name: str) -> RunFolder:
    for attempt in range(1, 1000):
        path = runs / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return RunFolder(path)
    raise FileExistsError(17, os.strerror(17), str(runs / name))


def _slug(name: str) -> str:
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name.lower()).strip("-")[:40].rstrip("-")


def is_free(target: Path) -> bool:
    """Tell whether something may be exported to a place: nothing is there, or an empty folder."""
    return not target.exists() or (target.is_dir() and not any(target.iterdir()))
