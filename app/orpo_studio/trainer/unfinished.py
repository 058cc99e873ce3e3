"""What an export under way writes and where, noted in the run: the next one finishes or clears what a kill left.

Exports go where the person says, so that without the note a half-written model of gigabytes would lie about for ever,
and one that was killed after its last rename would be there without the run knowing of it.
"""

import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from orpo_studio.events import ExportFinished
from orpo_studio.plain_files import is_plain_folder, read_plain
from orpo_studio.trainer.context import JobContext

_NOTE = "under_way.json"
_MARK = ".export_under_way"
_MOST_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An export under way.

    Attributes:
        kind: what is exported.
        target: the folder that it is for.
        proof: figures of the check, once it is whole.
        size_bytes: of all its files, once it is whole; 0 before.
    """

    kind: Literal["adapter", "merged"]
    target: str
    proof: dict[str, float] = field(default_factory=dict)
    size_bytes: int = 0

    @property
    def beside(self) -> Path:
        """The folder in which it comes to be."""
        target = Path(self.target)
        return target.with_name(f".{target.name}.writing")

    def begin(self) -> None:
        """Make the folder, with the mark that it is an export under way."""
        self.beside.mkdir(parents=True)
        (self.beside / _MARK).touch()

    def unmark(self) -> None:
        """Take the mark away, right before it is given its place."""
        (self.beside / _MARK).unlink()

    def is_ours(self) -> bool:
        """Tell whether the folder is an export under way. A note alone may come with a run of somebody else."""
        return is_plain_folder(self.beside) and (self.beside / _MARK).is_file()

    def finished(self, home: Path) -> ExportFinished:
        """Return what is said of it at its end.

        Where it lies in the run's folder ``home``, its place is relative to that, so that it is found when that moves.
        """
        target = Path(self.target)
        told = target.relative_to(home).as_posix() if target.is_relative_to(home) else self.target
        return ExportFinished(kind=self.kind, folder=told, size_bytes=self.size_bytes, proof=self.proof)


def note(context: JobContext, export: Unfinished) -> None:
    """Note an export before anything of it is written, and again before it is given its place.

    Where the run's folder cannot be written, it is exported without: the target may lie on another disk.
    """
    path = context.folder.export / _NOTE
    beside = path.with_name(f".{path.name}")
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        beside.write_text(json.dumps(asdict(export)), encoding="utf-8")
        beside.replace(path)


def forget(context: JobContext) -> None:
    """Take the note away, once there is nothing left to finish or clear."""
    with suppress(OSError):
        (context.folder.export / _NOTE).unlink(missing_ok=True)


def settle(context: JobContext) -> Unfinished | None:
    """Clear what a killed export left half written, or say that it is finished where it lacked only that.

    Returns:
        The export that turned out to be finished, if any.
    """
    export = _read(context.folder.export / _NOTE)
    if export is None:
        return None
    is_whole = export.size_bytes > 0 and not export.beside.exists() and Path(export.target).is_dir()
    if export.is_ours():
        shutil.rmtree(export.beside, ignore_errors=True)
    finished = export.finished(context.folder.path)
    is_new = is_whole and finished not in [_unnumbered(said) for said in context.state.exports]
    if is_new:
        context.say(finished)
    forget(context)
    return export if is_new else None


def _unnumbered(said: ExportFinished) -> ExportFinished:
    return said.model_copy(update={"seq": 0, "time": 0.0})


def _read(path: Path) -> Unfinished | None:
    try:
        known: dict[str, Any] = json.loads(read_plain(path, _MOST_BYTES))
        kind: Literal["adapter", "merged"] = "merged" if known["kind"] == "merged" else "adapter"
        found = Unfinished(kind, str(known["target"]), dict(known["proof"]), int(known["size_bytes"]))
        return found if Path(found.target).is_absolute() and Path(found.target).name else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
