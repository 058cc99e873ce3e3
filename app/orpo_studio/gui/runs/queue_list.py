"""The queue in the rail: there only while a run waits."""

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QVBoxLayout, QWidget

from orpo_studio.gui.runs.actions import RunActions
from orpo_studio.gui.runs.queue_model import QueueModel
from orpo_studio.gui.runs.row import ROW_EM
from orpo_studio.gui.runs.row_list import RowList
from orpo_studio.gui.theme import em, theme
from orpo_studio.gui.widgets.basic import label, line
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import RunSummary

_MOST_ROWS = 4
"""More are scrolled: the runs under them want their room."""


class QueueList(QWidget):
    """The waiting runs in the order in which they start, and why the first one waits."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.bench = bench
        self.model = QueueModel(bench.queue, self)
        self.view = RowList("Queue, the next run first", ROW_EM, bench.is_shown)
        self.view.setAccessibleDescription("Drag a run, or press Alt with an arrow key, to give it another place.")
        self.view.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.view.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.view.setModel(self.model)
        self.reason = label("", "muted", wrap=True)
        self.actions_ = RunActions(self.view, bench, self.marked, self._open, first=self._own_actions())
        self._arrange()
        self.view.clicked.connect(self._on_clicked)
        bench.queue.changed.connect(self.refresh)
        bench.subject_changed.connect(self._mark_subject)
        theme().changed.connect(self.view.viewport().update)
        self.refresh()

    def marked(self) -> RunSummary | None:
        """Return the run that the keyboard or the context menu means."""
        return self.model.summary(self.view.currentIndex())

    def refresh(self) -> None:
        """Show who waits and why."""
        rows = self.model.rowCount()
        self.setVisible(rows > 0)
        self.view.setFixedHeight(min(rows, _MOST_ROWS) * em(ROW_EM) + 2)
        self.reason.setText(self.bench.queue.reason_sentence)
        if not self.view.currentIndex().isValid():
            self._mark_subject()
        self.view.viewport().update()

    def move_marked(self, by: int) -> None:
        """Move the marked run up or down."""
        row = self.view.currentIndex().row()
        if row >= 0:
            self.model.moveRows(QModelIndex(), row, 1, QModelIndex(), row + by if by < 0 else row + by + 1)

    def _mark_subject(self) -> None:
        """Mark the run that the pages show."""
        follower = self.bench.follower
        self.view.mark(self.model.row_of(follower.folder.id) if follower else -1)

    def _own_actions(self) -> list[QAction]:
        made = []
        for text, keys, work in (
            ("Start anyway", "", self._start_anyway),
            ("Move up", "Alt+Up", lambda: self.move_marked(-1)),
            ("Move down", "Alt+Down", lambda: self.move_marked(1)),
        ):
            action = QAction(text, self.view)
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(lambda _checked=False, work=work: work())
            self.view.addAction(action)
            made.append(action)
        return made

    def _start_anyway(self) -> None:
        summary = self.marked()
        if summary is not None and self.bench.show_run(summary.folder) is not None:
            self.bench.start_anyway()

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(em(0.25))
        for widget, over in ((label("Queue", "heading"), em(0.4)), (self.reason, 0)):
            widget.setContentsMargins(em(1.05), over, em(0.9), 0)
            layout.addWidget(widget)
        layout.addSpacing(em(0.2))
        layout.addWidget(self.view)
        layout.addSpacing(em(0.15))
        layout.addWidget(line())

    def _on_clicked(self, index: QModelIndex) -> None:
        summary = self.model.summary(index)
        if summary is not None:
            self._open(summary)

    def _open(self, summary: RunSummary) -> None:
        self.bench.show_run(summary.folder)
