"""The rows that were set aside, each with its reason."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import label, tooltip

if TYPE_CHECKING:
    from orpo_studio.data.prepared import PreparedData

FILE = 3
"""Column of the file's name, which stands first, and only where there are several."""
MOST = 2000
"""Rows listed; the rest is counted, and all of them lie in the file."""


class SetAsideTable(QWidget):
    """File, row, reason and the beginning of each."""

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(em(0.5))
        self.note = label("", "muted", wrap=True, selectable=True)
        self.table = QTableWidget(0, 4)
        self.table.setAccessibleName("Rows set aside")
        self.table.setHorizontalHeaderLabels(["Row", "Reason", "Beginning of the row", "File"])
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(em(1.9))
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(FILE, QHeaderView.ResizeMode.Fixed)
        self.table.setColumnWidth(0, em(5))
        self.table.setColumnWidth(FILE, em(12))
        header.moveSection(FILE, 0)
        self.table.setColumnHidden(FILE, True)
        layout.addWidget(self.note)
        layout.addWidget(self.table, 1)

    def show_rows(self, prepared: "PreparedData") -> None:
        """Show what a conversion set aside."""
        total = sum(prepared.summary.set_aside.values())
        rows = prepared.set_aside(0, MOST)
        if not total:
            self.note.setText("No row was set aside: every row stands in a pair.")
        else:
            more = f" The first {MOST:,} are listed." if total > MOST else ""
            rows_are = "1 row is" if total == 1 else f"{total:,} rows are"
            self.note.setText(f"{rows_are} not trained on.{more} All of them: {prepared.set_aside_file}")
        self.table.setVisible(bool(total))
        self.table.setColumnHidden(FILE, len(prepared.summary.sources) < 2)
        self.table.setRowCount(len(rows))
        for place, row in enumerate(rows):
            cells = (f"{row.source_row:,}", row.words, " ".join(row.excerpt.split()), row.file)
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text[:200])
                item.setToolTip(tooltip(text[:2000]))
                self.table.setItem(place, column, item)
