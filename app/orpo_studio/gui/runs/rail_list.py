"""The runs in the rail."""

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from orpo_studio.gui.runs.actions import RunActions
from orpo_studio.gui.runs.model import RunsModel
from orpo_studio.gui.runs.row_list import RowList
from orpo_studio.gui.theme import em, theme
from orpo_studio.gui.widgets.basic import button, label
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import RunSummary


class RunListView(QWidget):
    """The runs that do not wait in the queue, newest first.

    A click or Enter turns the pages to one; the way to the table of all stands above.
    """

    all_wanted = Signal()
    """The table of all runs is asked for."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.bench = bench
        self.model = RunsModel(bench.runs, self, with_queue=False)
        self.view = RowList("Runs, newest first", 16, bench.is_shown)
        self.view.setModel(self.model)
        self.actions_ = RunActions(self.view, bench, self.marked, self._open)
        self.empty = label("", "muted", wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.empty.setContentsMargins(em(1.05), em(0.3), em(0.8), 0)
        self._arrange()
        self.view.clicked.connect(self._on_clicked)
        self.model.modelReset.connect(self.refresh)
        bench.runs.changed.connect(self.refresh)
        bench.subject_changed.connect(self.refresh)
        theme().changed.connect(self.view.viewport().update)
        self.refresh()

    def marked(self) -> RunSummary | None:
        """Return the run that the keyboard or the context menu means."""
        return self.model.summary(self.view.currentIndex())

    def refresh(self) -> None:
        """Mark the run that is looked at, and say what belongs here while there is none."""
        follower = self.bench.follower
        self.view.mark(self.model.row_of(follower.folder.id) if follower else -1)
        self.empty.setText(self.bench.runs.problem or "No runs yet. The first one appears here when it starts.")
        self._stack.setCurrentIndex(0 if self.model.rowCount() else 1)

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(em(1.05), em(0.4), em(0.9), em(0.2))
        head.addWidget(label("Runs", "heading"))
        head.addStretch(1)
        self.all_button = button(
            "All", self.all_wanted.emit, "link", name="All runs in a table", hint="All runs in a table (Ctrl+7)"
        )
        head.addWidget(self.all_button)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addLayout(self._stack, 1)

    def _on_clicked(self, index: QModelIndex) -> None:
        summary = self.model.summary(index)
        if summary is not None:
            self._open(summary)

    def _open(self, summary: RunSummary) -> None:
        self.bench.show_run(summary.folder)
        self.refresh()
