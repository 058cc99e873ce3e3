"""The runs of the workspace, and who holds the card, kept up to date in the background."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from orpo_studio.gui.background import Task, run_in_background
from orpo_studio.gui.runs.face import state_face
from orpo_studio.runs import RunSummary, list_runs

if TYPE_CHECKING:
    from orpo_studio.runs.card import CardUse, CardWatch
    from orpo_studio.runs.obstacle import Obstacle

    _Found = tuple[list[RunSummary], CardUse, Obstacle | None]

REFRESH_MS = 3000


class RunList(QObject):
    """Summaries of all runs, newest first."""

    changed = Signal()
    looked = Signal()
    """The runs and the card were looked at, whether anything changed or not."""

    def __init__(self, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self.summaries: list[RunSummary] = []
        self._shown: list[tuple[object, ...]] = []
        """What was shown of them: time alone changes it where a run falls silent."""
        self.card: CardUse | None = None
        """Who holds the card; None before the first look."""
        self.obstacle: Obstacle | None = None
        """What is in the way of the first run in the queue, if any waits."""
        self.problem = ""
        self._watch: CardWatch | None = None
        self._task: Task | None = None
        self._again = self._was_dropped = False
        self._timer = QTimer(self, interval=REFRESH_MS)
        self._timer.timeout.connect(self._on_time)

    def start(self) -> None:
        """Begin to look, now and every few seconds."""
        self.refresh()
        self._timer.start()

    def stop(self) -> None:
        """Look no longer."""
        self._timer.stop()
        self._again = False
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def move(self, workspace: Path) -> None:
        """Show the runs of another workspace."""
        self.stop()
        self.workspace, self.summaries, self._shown = workspace, [], []
        self.changed.emit()
        self.start()

    def refresh(self) -> None:
        """Look now. What a look that is under way brings is older than what was done meanwhile: it is dropped, once."""
        if self._task is not None:
            self._again = True
            return
        workspace, known = self.workspace, self.summaries
        self._task = run_in_background(self, lambda _task: self._look(workspace, known), self._done, self._failed)

    def _on_time(self) -> None:
        if self._task is None:
            self.refresh()

    def _look(self, workspace: Path, known: list[RunSummary]) -> "_Found":
        from orpo_studio.runs.card import CardWatch  # psutil can wait until after the first paint
        from orpo_studio.runs.obstacle import find_obstacle

        if self._watch is None:
            self._watch = CardWatch()
        summaries, card = list_runs(workspace, known), self._watch.look()
        is_asked = any(summary.place for summary in summaries)
        return summaries, card, find_obstacle(summaries, card) if is_asked else None

    def _done(self, found: "_Found") -> None:
        self._task, self.problem = None, ""
        again, self._again = self._again, False
        if again and not self._was_dropped:
            self._was_dropped = True
            self.refresh()
            return
        self._was_dropped = False
        summaries, self.card, self.obstacle = found
        shown = [_shown(summary) for summary in summaries]
        if shown != self._shown:
            self.summaries, self._shown = summaries, shown
            self.changed.emit()
        self.looked.emit()
        if again:
            self.refresh()

    def _failed(self, error: Exception) -> None:
        self._task, self._again, self.problem = None, False, f"The runs in {self.workspace} cannot be listed: {error}."
        self.changed.emit()


def _shown(summary: RunSummary) -> tuple[object, ...]:
    """Return what a list shows of a run, to tell whether anything changed."""
    known = summary.folder.id, summary.title, summary.state, summary.stamp, summary.fold.job, summary.place
    return *known, state_face(summary)
