"""Room on the disk: what the draft would take of it before its start, and whether it is full while a run goes on."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from orpo_studio import paths
from orpo_studio.config import Issue, RunSpec
from orpo_studio.gui.background import Task, run_in_background

if TYPE_CHECKING:
    from orpo_studio.data.prepared import PreparedData
    from orpo_studio.fit.disk import RunRoom
    from orpo_studio.models.card import ModelCard
    from orpo_studio.runs.room import Disk

SETTLE_MS = 300
"""The settings are looked at once typing has paused this long."""
AGAIN_MS = 5000
WORKSPACE = "workspace"
"""What an error for lack of room is named after: no setting of the run mends it, but another workspace does."""
_OPTION = "train.keep_checkpoints"
"""The option that is warned of where not all checkpoints find room."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the disk.

    Attributes:
        place: where runs are kept, or the folder of the run that is looked at.
        spec, card, prepared: the draft's settings, model and pairs; None where there is none yet, or for a run.
    """

    place: Path
    spec: RunSpec | None = None
    card: "ModelCard | None" = None
    prepared: "PreparedData | None" = None


@dataclass(frozen=True, slots=True)
class Found:
    """What the disk answered."""

    asked: Asked
    disk: "Disk"
    room: "RunRoom | None"


class DiskWatch(QObject):
    """Looks at the disk of what the pages show, in the background and one look at a time: a drive may not answer."""

    changed = Signal()
    """What is known of the room has changed by more than a little."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._asked: Asked | None = None
        self._found: Found | None = None
        self._task: Task | None = None
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._look)
        self._again = QTimer(self, interval=AGAIN_MS)
        self._again.timeout.connect(self._look)

    @property
    def room(self) -> "RunRoom | None":
        """What the draft takes beside what is free, as it was before the last edit; None where that is not known."""
        asked, found = self._asked, self._found
        if asked is None or found is None or asked.card is None or asked.card != found.asked.card:
            return None
        return found.room if asked.place == found.asked.place else None

    @property
    def is_full(self) -> bool:
        """Whether nothing more can be written where the shown run lies."""
        found = self._found
        return found is not None and found.asked.place == self._place and found.disk.is_full

    @property
    def is_busy(self) -> bool:
        """Whether the disk is being asked, or about to be."""
        return self._task is not None or self._settle.isActive()

    def watch(self) -> None:
        """Look now and then from now on."""
        self._again.start()

    def close(self) -> None:
        """Look no more."""
        self._again.stop()
        self._settle.stop()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def ask(self, asked: Asked) -> None:
        """Look at what is shown now, once typing has paused."""
        if asked != self._asked:
            self._asked = asked
            self._settle.start()

    def issues(self) -> list[Issue]:
        """Return a lack of room, as an addition to the issues of the settings."""
        room = self.room
        severity = room.severity if room is not None else None
        if room is None or severity is None:
            return []
        return [Issue(WORKSPACE if severity == "error" else _OPTION, room.problem(), severity)]

    @property
    def _place(self) -> Path | None:
        return self._asked.place if self._asked is not None else None

    def _look(self) -> None:
        asked = self._asked
        if asked is None or self._task is not None:  # a drive that does not answer must not take every thread
            return
        self._task = run_in_background(self, lambda _task: look(asked), self._on_found, self._on_failed)

    def _on_found(self, found: Found) -> None:
        before, self._found, self._task = self._shown(), found, None
        if found.asked != self._asked:
            self._look()
        if self._shown() != before:
            self.changed.emit()

    def _on_failed(self, _error: Exception) -> None:
        """Leave it: what cannot be read is told where it is chosen, and the system need not tell what is free."""
        before, self._found, self._task = self._shown(), None, None
        if self._shown() != before:
            self.changed.emit()

    def _shown(self) -> tuple[object, ...]:
        room = self.room
        return self.is_full, room and (room.in_words(), room.problem())


def look(asked: Asked) -> Found:
    """Ask the disk.

    Raises:
        OSError: it does not tell what is free, or the model's files cannot be read any more.
        ModelProblem: they are no model any more.
    """
    from orpo_studio.runs.room import disk_of

    disk = disk_of(asked.place)
    if asked.spec is None or asked.card is None:
        return Found(asked, disk, None)
    from orpo_studio.config.plan import make_plan
    from orpo_studio.fit.disk import room_for_run

    cache, prepared = disk_of(paths.cache_folder()), asked.prepared
    room = room_for_run(
        asked.spec,
        asked.card,
        make_plan(asked.spec, prepared.summary.train) if prepared is not None else None,
        pairs=prepared.folder if prepared is not None else None,
        free=disk.free,
        cache_free=cache.free if cache.device != disk.device else None,
    )
    return Found(asked, disk, room)
