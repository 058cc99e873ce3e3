"""The table of all runs."""

from PySide6.QtCore import QModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QStackedLayout,
    QTableView,
    QWidget,
)

from orpo_studio.gui.pages.page import Page
from orpo_studio.gui.runs.actions import RunActions
from orpo_studio.gui.runs.model import COLUMNS, SORT_ROLE, RunsModel
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, card, label
from orpo_studio.gui.widgets.table import row_table
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import RunSummary


class RunsPage(Page):
    """All runs side by side, to compare, open, reuse and tidy up."""

    step = "runs"
    title = "Runs"
    purpose = "All runs of this workspace, side by side."

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self.model = RunsModel(bench.runs, self)
        self.sorted = QSortFilterProxyModel(self)
        self.sorted.setSourceModel(self.model)
        self.sorted.setSortRole(SORT_ROLE)
        self.sorted.setFilterKeyColumn(-1)
        self.sorted.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.table = self._make_table()
        self.actions_ = RunActions(self.table, bench, self.marked, self._open)
        self._add_controls()
        self._stack = QStackedLayout()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._make_empty())
        self.body.addLayout(self._stack, 1)
        self.table.doubleClicked.connect(self._on_double_click)
        self.table.selectionModel().currentChanged.connect(self._on_marked)
        self.model.modelReset.connect(self.refresh)
        bench.runs.changed.connect(self.refresh)
        self.refresh()

    def marked(self) -> RunSummary | None:
        """Return the run that is marked in the table."""
        return self.model.summary(self.sorted.mapToSource(self.table.currentIndex()))

    def refresh(self) -> None:
        """Show the present runs."""
        self._stack.setCurrentIndex(0 if self.model.rowCount() else 1)
        self.purpose_label.setText(self.bench.runs.problem or f"{self.purpose} They lie in {self.bench.workspace}.")
        self._on_marked()

    def _make_table(self) -> QTableView:
        table = row_table(self.sorted, "All runs", row_em=2.2)
        table.setProperty("kind", "roomy")
        head = table.horizontalHeader()
        head.setMinimumSectionSize(em(3.5))
        head.setResizeContentsPrecision(100)  # rows looked at; more would cost time with many runs
        for column, shown in enumerate(COLUMNS):
            mode = QHeaderView.ResizeMode.Interactive if shown.is_name else QHeaderView.ResizeMode.ResizeToContents
            head.setSectionResizeMode(column, mode)
            head.resizeSection(column, em(6.5))
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.setSortingEnabled(True)
        table.sortByColumn(len(COLUMNS) - 1, Qt.SortOrder.DescendingOrder)
        return table

    def _add_controls(self) -> None:
        self.filter = QLineEdit(placeholderText="Filter by name, model, data or state", clearButtonEnabled=True)
        self.filter.setAccessibleName("Filter the runs")
        self.filter.textChanged.connect(self.sorted.setFilterFixedString)
        row = QHBoxLayout()
        row.addWidget(self.filter, 1)
        for action in self.actions_.all():
            made = button(action.text(), action.trigger)
            action.changed.connect(lambda made=made, action=action: made.setEnabled(action.isEnabled()))
            row.addWidget(made)
        self.body.addLayout(row)

    def _make_empty(self) -> QWidget:
        frame, layout = card()
        layout.addStretch(1)
        for text, kind in (
            ("No runs yet.", "heading"),
            ("Each training you start becomes a run, with its settings, curves and results, and stays here.", "muted"),
        ):
            layout.addWidget(label(text, kind), 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(button("Try the demo", self._try_demo), 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(1)
        return frame

    def _try_demo(self) -> None:
        self.bench.use_demo()
        self.step_wanted.emit("train")

    def _on_marked(self) -> None:
        self.actions_.refresh()

    def _on_double_click(self, index: QModelIndex) -> None:
        summary = self.model.summary(self.sorted.mapToSource(index))
        if summary is not None:
            self._open(summary)

    def _open(self, summary: RunSummary) -> None:
        if self.bench.show_run(summary.folder) is not None:
            self.step_wanted.emit("train")
