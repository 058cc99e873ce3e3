"""The waiting runs as a Qt model whose rows can be dragged to another place."""

from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, Qt

from orpo_studio import words
from orpo_studio.gui.runs import face
from orpo_studio.gui.runs.model import OUTCOME_ROLE, SUMMARY_ROLE, Index
from orpo_studio.gui.runs.queue import RunQueue
from orpo_studio.gui.widgets.basic import tooltip
from orpo_studio.runs import RunSummary
from orpo_studio.runs.queue import ordinal


class QueueModel(QAbstractListModel):
    """The runs that wait, the next one first."""

    def __init__(self, queue: RunQueue, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue = queue
        self._shown = list(queue.waiting)
        queue.changed.connect(self._update)

    def summary(self, index: Index) -> RunSummary | None:
        """Return the run of a row."""
        return self._shown[index.row()] if index.isValid() and index.row() < len(self._shown) else None

    def row_of(self, run_id: str) -> int:
        """Return the row of a run, or -1."""
        return next((row for row, summary in enumerate(self._shown) if summary.folder.id == run_id), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        summary = self.summary(index)
        if summary is None:
            return None
        place = ordinal(index.row() + 1)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return words.one_line(summary.title)
            case Qt.ItemDataRole.ToolTipRole:
                waits = f"Waits, {place} in the queue"
                why = f": {self._queue.reason}." if self._queue.reason and index.row() == 0 else "."
                return tooltip(f"{waits}{why}\n{face.tooltip(summary)}")
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{place} in the queue, {face.spoken(summary)}"
            case _ if role == SUMMARY_ROLE:
                return summary
            case _ if role == OUTCOME_ROLE:
                return place
        return None

    # --- dragging

    def flags(self, index: Index) -> Qt.ItemFlag:
        # A row is dropped between others, so that the ground takes drops and rows do not.
        return super().flags(index) | (
            Qt.ItemFlag.ItemIsDragEnabled if index.isValid() else Qt.ItemFlag.ItemIsDropEnabled
        )

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def moveRows(self, parent: Index, row: int, count: int, to_parent: Index, to_row: int) -> bool:
        """Move one row in front of another, as a drag and the keyboard do."""
        if count != 1 or parent.isValid() or to_parent.isValid() or to_row in {row, row + 1}:
            return False
        if not (0 <= row < len(self._shown) and 0 <= to_row <= len(self._shown)):
            return False
        moved = self._shown[row]
        self._queue.move(moved.folder, to_row - 1 if to_row > row else to_row)
        return True

    def _update(self) -> None:
        new = list(self._queue.waiting)
        if len(new) == len(self._shown) and {s.folder for s in new} == {s.folder for s in self._shown}:
            self.layoutAboutToBeChanged.emit()
            before = self.persistentIndexList()
            runs = [self._shown[index.row()].folder for index in before]
            self._shown = new
            self.changePersistentIndexList(before, [self.index(self.row_of(folder.id), 0) for folder in runs])
            self.layoutChanged.emit()
            return
        self.beginResetModel()
        self._shown = new
        self.endResetModel()
