"""The table of pairs: pages of 64 rows, read when they are looked at."""

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QHeaderView, QTableView

from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.table import row_table

if TYPE_CHECKING:
    from orpo_studio.data.pages import PairCells, PairPages, Split
    from orpo_studio.data.pair import Pair

PAGE = 64
PAGES_KEPT = 32
HEADINGS = ("Row", "Prompt", "Chosen", "Rejected")
Index = QModelIndex | QPersistentModelIndex


class PairTableModel(QAbstractTableModel):
    """Any number of pairs; only the pages in view are in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._pages: PairPages | None = None
        self._split: Split | None = None
        self._cells: OrderedDict[int, list[PairCells]] = OrderedDict()

    def show_pairs(self, pages: "PairPages | None", split: "Split | None") -> None:
        """Show the pairs of a split, or all of them, or none."""
        self.beginResetModel()
        self._pages, self._split = pages, split
        self._cells.clear()
        self.endResetModel()

    def pair(self, row: int) -> "Pair | None":
        """Return a whole pair."""
        if self._pages is None or not 0 <= row < self.rowCount():
            return None
        return self._pages.page(row, 1, self._split)[0]

    def rowCount(self, parent: Index | None = None) -> int:
        if self._pages is None or (parent is not None and parent.isValid()):
            return 0
        return self._pages.count(self._split)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(HEADINGS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADINGS[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            cells = self._row(index.row())
            return (str(cells.source_row), cells.prompt, cells.chosen, cells.rejected)[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if index.column() == 0 else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def _row(self, row: int) -> "PairCells":
        number, place = divmod(row, PAGE)
        cells = self._cells.get(number)
        if cells is None:
            if self._pages is None:
                raise IndexError(row)
            cells = self._pages.cells(number * PAGE, PAGE, self._split)
            self._cells[number] = cells
            if len(self._cells) > PAGES_KEPT:
                self._cells.popitem(last=False)
        return cells[place]


def make_table(model: PairTableModel) -> QTableView:
    """Return the view of a table of pairs: rows of one height, whole rows selected."""
    view = row_table(model, "Preference pairs", row_em=1.9)
    header = view.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
    view.setColumnWidth(0, em(4))
    return view
