"""The table of pairs: pages of 32 rows, read when they are looked at, in the source's order or another."""

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QHeaderView, QTableView

from orpo_studio.data.pages import CELL_LENGTH
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.table import row_table

if TYPE_CHECKING:
    import numpy as np

    from orpo_studio.data.pages import Pages, PairCells
    from orpo_studio.data.pair import Pair

PAGE = 32
"""Rows read at a time: about as many as are in view, since two pages are read where a view lies across."""
PAGE_OUT_OF_ORDER = 16
"""Rows that lie anywhere in the file cost more each: no more are read than are in view."""
PAGES_KEPT = 32
HEADINGS = ("Row", "Prompt", "Chosen", "Rejected", "Length", "Chosen − rejected", "File")
FILE = 6
"""Column of the file's name, which stands first, and only where there are several."""
NUMBERS = frozenset({0, 4, 5})
"""Columns that hold numbers."""
TIPS = (
    "Where the pair stood in the source. Click to go back to the source's order.",
    "The last thing asked. Click to order by the length of the prompt.",
    "The preferred answer. Click to order by its length.",
    "The other answer. Click to order by its length.",
    "Bytes of text of all three; in English about four make a token. Click to order by it.",
    "By how many bytes the chosen answer is longer than the rejected one. Click to order by it.",
    "The file that the row stood in.",
)
_NARROWEST = 0.22
"""Width of the narrowest letters, in em."""
_NOT_CUT = 8
"""Letters that are given beyond that, so that a text that goes on always ends in an ellipsis."""
Index = QModelIndex | QPersistentModelIndex


class PairTableModel(QAbstractTableModel):
    """Any number of pairs; only the pages in view are in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._pages: Pages | None = None
        self._span = range(0)
        self._order: np.ndarray | None = None
        self._cells: OrderedDict[int, list[PairCells]] = OrderedDict()
        self._sorted: tuple[int, bool] | None = None
        self._longest = [CELL_LENGTH] * len(HEADINGS)

    def cut_to_width(self, column: int, width: int) -> None:
        """Give no longer texts than a column so wide, in pixels, can show: laying them out is half of a painting."""
        self._longest[column] = min(CELL_LENGTH, _NOT_CUT + round(width / (em(1) * _NARROWEST)))

    def mark_order(self, column: int | None, *, falling: bool) -> None:
        """Mark the column that the pairs are ordered by; None for the source's order."""
        self._sorted = None if column is None else (column, falling)
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(HEADINGS) - 1)

    def show_pairs(self, pages: "Pages | None", span: range, order: "np.ndarray | None" = None) -> None:
        """Show a span of pairs, or those of an order, which lists positions; or none.

        Where an order only goes on from the one that is shown, the rows shown stay as they are.
        """
        if order is not None and self._goes_on(pages, order):
            if len(order) == self.rowCount():
                return
            self.beginInsertRows(QModelIndex(), self.rowCount(), len(order) - 1)
            self._cells.pop((self.rowCount() - 1) // self._page, None)  # the last page was not full
            self._order = order
            self.endInsertRows()
            return
        self.beginResetModel()
        self._pages, self._span, self._order = pages, span, order
        self._cells.clear()
        self.endResetModel()

    def _goes_on(self, pages: "Pages | None", order: "np.ndarray") -> bool:
        before = self._order
        if before is None or pages is not self._pages or not 0 < len(before) <= len(order):
            return False
        return bool((order[: len(before)] == before).all())

    @property
    def _page(self) -> int:
        return PAGE if self._order is None else PAGE_OUT_OF_ORDER

    @property
    def pages(self) -> "Pages | None":
        """What the pairs are read from."""
        return self._pages

    def position(self, row: int) -> int | None:
        """Return the position of the pair in a row; None where there is no such row."""
        if not 0 <= row < self.rowCount():
            return None
        return self._span[row] if self._order is None else int(self._order[row])

    def row_of(self, position: int) -> int | None:
        """Return the row that shows a position; None where none does."""
        if self._order is None:
            return self._span.index(position) if position in self._span else None
        found = (self._order == position).nonzero()[0]
        return int(found[0]) if len(found) else None

    def pair(self, row: int) -> "Pair | None":
        """Return a whole pair."""
        position = self.position(row)
        return None if position is None or self._pages is None else self._pages.pair(position)

    def rowCount(self, parent: Index | None = None) -> int:
        if self._pages is None or (parent is not None and parent.isValid()):
            return 0
        return len(self._span) if self._order is None else len(self._order)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(HEADINGS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            if self._sorted is None or self._sorted[0] != section:
                return HEADINGS[section]
            return f"{HEADINGS[section]} {'▾' if self._sorted[1] else '▴'}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return TIPS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _ALIGNMENTS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            column = index.column()
            return _text(self._row(index.row()), column)[: self._longest[column]]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _ALIGNMENTS[index.column()]
        return None

    def _row(self, row: int) -> "PairCells":
        number, place = divmod(row, self._page)
        cells = self._cells.get(number)
        if cells is None:
            if self._pages is None:
                raise IndexError(row)
            rows = slice(number * self._page, (number + 1) * self._page)
            positions = self._span[rows] if self._order is None else self._order[rows].tolist()
            cells = self._cells[number] = self._pages.cells_at(positions)
            if len(self._cells) > PAGES_KEPT:
                self._cells.popitem(last=False)
        return cells[place]


def _text(cells: "PairCells", column: int) -> str:
    _, chosen, rejected = cells.sizes
    if column == 0:
        return f"{cells.source_row:,}"
    if column == 4:
        return f"{sum(cells.sizes):,}"
    if column == 5:
        return f"{chosen - rejected:+,}".replace("-", "−") if chosen != rejected else "0"
    return cells.file if column == FILE else (cells.prompt, cells.chosen, cells.rejected)[column - 1]


def _alignment(column: int) -> int:
    side = Qt.AlignmentFlag.AlignRight if column in NUMBERS else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)


_ALIGNMENTS = tuple(_alignment(column) for column in range(len(HEADINGS)))


def make_table(model: PairTableModel) -> QTableView:
    """Return the view of a table of pairs: rows of one height, whole rows selected."""
    view = row_table(model, "Preference pairs", row_em=1.9)
    header = view.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    header.setSectionsClickable(True)
    for column, width in ((0, 5), (4, 5.5), (5, 10), (FILE, 10)):
        header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
        view.setColumnWidth(column, em(width))
    header.sectionResized.connect(lambda column, _before, width: model.cut_to_width(column, width))
    header.moveSection(FILE, 0)
    view.setColumnHidden(FILE, True)
    return view
