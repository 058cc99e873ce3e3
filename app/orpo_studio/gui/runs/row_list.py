"""A list of runs in the rail, one painted row each."""

from collections.abc import Callable

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QColor, QDragLeaveEvent, QDragMoveEvent, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractItemView, QListView

from orpo_studio.gui.runs.row import RunRow
from orpo_studio.gui.theme import em, theme
from orpo_studio.runs import RunSummary


class RowList(QListView):
    """Without a frame, scrolled by pixels, as wide as the rail.

    Args:
        name: what a screen reader says.
        height: wanted, in em.
        is_shown: tells whether a run is the one that the pages show.
    """

    def __init__(self, name: str, height: float, is_shown: Callable[[RunSummary], bool]) -> None:
        super().__init__()
        self._height = height
        self._drop_line: int | None = None
        self.setDropIndicatorShown(False)  # its own is drawn instead, as wide as the rows
        self.setItemDelegate(RunRow(self, is_shown))
        self.setAccessibleName(name)
        self.setUniformItemSizes(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setStyleSheet("QListView { border: none; border-radius: 0; }")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setMouseTracking(True)

    def mark(self, row: int) -> None:
        """Mark a row as the current one, or none where it is below 0."""
        if row >= 0:
            self.setCurrentIndex(self.model().index(row, 0))
        else:
            self.selectionModel().clear()
        self.viewport().update()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        super().dragMoveEvent(event)
        self._show_drop_line(self._line_at(event.position().toPoint()) if event.isAccepted() else None)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        super().dragLeaveEvent(event)
        self._show_drop_line(None)

    def dropEvent(self, event: QDropEvent) -> None:
        super().dropEvent(event)
        self._show_drop_line(None)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._drop_line is not None:
            painter = QPainter(self.viewport())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(theme().colors.accent), 2))
            painter.drawLine(em(0.4), self._drop_line, self.viewport().width() - em(0.4), self._drop_line)

    def _line_at(self, place: QPoint) -> int:
        """Return where a run dropped at a place would come: above or below the row there, or behind the last one."""
        index = self.indexAt(place)
        row = self.visualRect(index if index.isValid() else self.model().index(self.model().rowCount() - 1, 0))
        line = row.top() if index.isValid() and place.y() < row.center().y() else row.bottom() + 1
        return min(max(line, 1), self.viewport().height() - 1)

    def _show_drop_line(self, line: int | None) -> None:
        if line != self._drop_line:
            self._drop_line = line
            self.viewport().update()

    def sizeHint(self) -> QSize:
        """Return the size that it would like to have."""
        return QSize(em(14), em(self._height))
