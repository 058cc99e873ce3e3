"""The runs of the workspace, kept up to date in the background."""

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from orpo_studio.gui.background import Task, run_in_background
from orpo_studio.runs import RunSummary, list_runs

REFRESH_MS = 3000


class RunList(QObject):
    """Summaries of all runs, newest first."""

    changed = Signal()

    def __init__(self, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self.summaries: list[RunSummary] = []
        self.problem = ""
        self._task: Task | None = None
        self._timer = QTimer(self, interval=REFRESH_MS)
        self._timer.timeout.connect(self.refresh)

    def start(self) -> None:
        """Begin to look, now and every few seconds."""
        self.refresh()
        self._timer.start()

    def stop(self) -> None:
        """Look no longer."""
        self._timer.stop()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def move(self, workspace: Path) -> None:
        """Show the runs of another workspace."""
        self.stop()
        self.workspace, self.summaries = workspace, []
        self.changed.emit()
        self.start()

    def refresh(self) -> None:
        """Look once, unless a look is under way."""
        if self._task is None:
            workspace, known = self.workspace, self.summaries
            self._task = run_in_background(self, lambda _task: list_runs(workspace, known), self._done, self._failed)

    def _done(self, summaries: list[RunSummary]) -> None:
        self._task, self.problem = None, ""
        if [_face(s) for s in summaries] != [_face(s) for s in self.summaries]:
            self.summaries = summaries
            self.changed.emit()

    def _failed(self, error: Exception) -> None:
        self._task, self.problem = None, f"The runs in {self.workspace} cannot be listed: {error}."
        self.changed.emit()


def _face(summary: RunSummary) -> tuple[object, ...]:
    """Return what a list shows of a run, to tell whether anything changed."""
    return summary.folder.id, summary.title, summary.state, summary.fold.last_seq, summary.fold.job
