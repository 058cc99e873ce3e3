"""The pairs to browse: the table with its controls above, the selected pair below."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelection, QItemSelectionModel, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from orpo_studio.gui.background import Task, run_in_background
from orpo_studio.gui.pairs.finding import Finding, Sort, Wanted
from orpo_studio.gui.pairs.table import FILE, PairTableModel, make_table
from orpo_studio.gui.pairs.tools import PairTools
from orpo_studio.gui.pairs.view import PairView
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label

if TYPE_CHECKING:
    import numpy as np

    from orpo_studio.data.ordering import Length, RowPlace
    from orpo_studio.data.pages import Pages, Split

_SORTS_OF_COLUMNS: "tuple[Length | None, ...]" = (None, "prompt", "chosen", "rejected", "total", "difference", None)


class PairBrowser(QWidget):
    """Shows the pairs of some pages; what takes time is done in the background."""

    failed = Signal(Exception)

    def __init__(self) -> None:
        super().__init__()
        self._pages: Pages | None = None
        self._split: Split | None = None
        self._only: np.ndarray | None = None
        self._selected: int | None = None
        self._going: Task | None = None
        self._files = 1, 0
        self.finding = Finding(self)
        self.tools = PairTools()
        self.nothing = label("", "muted", wrap=True)
        self.only_words = label("", "heading", wrap=True)
        self.show_all = button("Show all pairs", lambda: self.show_only(None, ""), "link")
        self.model = PairTableModel()
        self.table = make_table(self.model)
        self.view = PairView()
        self._build()
        self.finding.changed.connect(self._on_found)
        self.finding.failed.connect(self.failed)
        self.view.failed.connect(self.failed)
        self.tools.wanted.connect(self._look)
        self.tools.stopped.connect(self.finding.stop)
        self.tools.row_wanted.connect(self.go_to)
        self.table.selectionModel().selectionChanged.connect(self._on_selection)
        self.table.horizontalHeader().sectionClicked.connect(self._sort_by_column)
        self._show_sorting()

    def _build(self) -> None:
        self._only_row = QWidget()
        row = QHBoxLayout(self._only_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.only_words, 1)
        row.addWidget(self.show_all)
        self._only_row.hide()
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        over_table = QVBoxLayout(self.table.viewport())
        over_table.addWidget(self.nothing)
        above = QWidget()
        column = QVBoxLayout(above)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.5))
        column.addWidget(self._only_row)
        column.addWidget(self.tools)
        column.addWidget(self.table, 1)
        both = QSplitter(Qt.Orientation.Vertical)
        both.setChildrenCollapsible(False)
        both.setHandleWidth(em(1))
        both.addWidget(above)
        both.addWidget(self.view)
        both.setSizes([em(18), em(19)])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(both)
        for keys, field in (("Ctrl+F", self.tools.text), ("Ctrl+G", self.tools.row)):
            shortcut = QShortcut(QKeySequence(keys), self, context=Qt.ShortcutContext.WindowShortcut)
            shortcut.activated.connect(lambda field=field: (field.setFocus(), field.selectAll()))

    @property
    def is_settled(self) -> bool:
        """Whether all that is wanted is shown."""
        return self.tools.is_settled and not self.finding.is_running and self._going is None and self.view.is_settled

    # --- what is shown

    def show_pages(self, pages: "Pages | None", split: "Split | None" = None) -> None:
        """Show other pairs, with the text and the order that are wanted; the row of the source stays selected."""
        keep = self._source_row()
        self.finding.forget()
        if self._going is not None:
            self._going.cancel()
            self._going = None
        self._pages, self._split, self._only, self._selected = pages, split, None, None
        self._only_row.hide()
        self.tools.setEnabled(pages is not None)
        if pages is None:
            self.model.show_pairs(None, range(0))
            self.view.clear()
            return
        self._look()
        if keep is not None and self.model.rowCount():
            self.go_to(keep, quietly=True)

    def name_files(self, *, train: int, held_out: int) -> None:
        """Be told how many files pairs come from; where only one comes into question, it is not named on every row."""
        self._files = train, held_out
        self._show_files()

    def _show_files(self) -> None:
        train, held_out = self._files
        self.table.setColumnHidden(FILE, (train if self._only is None else train + held_out) < 2)

    def show_split(self, split: "Split | None") -> None:
        """Show another split of the same pairs."""
        if split != self._split or self._only is not None:
            self._split, self._only, self._selected = split, None, None
            self._only_row.hide()
            self._show_files()
            self._look()

    def show_only(self, positions: "np.ndarray | None", words: str) -> None:
        """Show only the pairs at some positions, ascending, and say which they are; or all of them again."""
        self._only = positions
        self.only_words.setText(words)
        self._only_row.setVisible(positions is not None)
        self._show_files()
        self._look()

    def go_to(self, row: int, *, quietly: bool = False) -> None:
        """Select the pair that stood in a row of the source, or the next one behind it.

        Where several do (of one row, or of rows of several files), going there again goes from one to the next.
        """
        pages, shown = self._pages, self._positions()
        if pages is None:
            return
        if self._going is not None:
            self._going.cancel()

        behind = -1 if quietly else max(self._current_rows(), default=-1)

        def find(_task: Task) -> "RowPlace | None":
            from orpo_studio.data.ordering import place_of_row, source_rows

            return place_of_row(source_rows(pages)[shown], row, behind)

        def arrive(found: "RowPlace | None") -> None:
            self._going = None
            if found is not None:
                self._select(found.place)
            if quietly:
                return
            if found is None:
                self.tools.say(f"No row {row:,} and none behind")
            elif found.row != row:
                self.tools.say(f"No row {row:,}, next is {found.row:,}")
            elif found.of > 1:
                self.tools.say(
                    f"Row {row:,}: {found.number} of {found.of}", "Enter goes on to the next pair of this row."
                )
            else:
                self._show_state()

        self._going = run_in_background(self, find, arrive, self._on_failed)

    def _on_failed(self, error: Exception) -> None:
        self._going = None
        self.failed.emit(error)

    # --- inside

    def _span(self) -> range:
        return range(0) if self._pages is None else self._pages.span(None if self._only is not None else self._split)

    def _positions(self) -> "np.ndarray":
        import numpy as np

        order = self.finding.order
        span = self._span()
        return np.arange(span.start, span.stop) if order is None else order

    def _look(self) -> None:
        self._show_sorting()
        if self._pages is not None:
            query = self.tools.query()
            wanted = Wanted(self._pages, self._span(), self._only, query, self.tools.sorting())
            self.view.mark_found(query)
            self.finding.look(wanted)
            if self.finding.is_running:
                self._show_state()

    def _on_found(self) -> None:
        running = self.finding.is_running
        before = self._selected
        self.model.show_pairs(self._pages, self._span(), self.finding.order)
        row = self.model.row_of(before) if before is not None else None
        if row is None and self.model.rowCount() and not self._current_rows():
            row = 0
        if row is not None:
            self._select(row)
        elif not self.model.rowCount() and not running:
            self._selected = None
            self.view.clear()
        self._show_state()

    def _show_state(self) -> None:
        of = len(self._span()) if self._only is None else len(self._only)
        finding = self.finding
        self.tools.show_state(running=finding.is_running, share=finding.share, found=finding.found, of=of)
        words = "" if self.model.rowCount() or finding.is_running else _nothing(of=of)
        self.nothing.setText(words)
        self.nothing.setVisible(bool(words))

    def _current_rows(self) -> list[int]:
        return [index.row() for index in self.table.selectionModel().selectedRows()]

    def _select(self, row: int) -> None:
        index = self.model.index(row, 0)
        if self._current_rows() != [row]:
            flags = QItemSelectionModel.SelectionFlag
            self.table.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        self.table.scrollTo(index, QAbstractItemView.ScrollHint.EnsureVisible)

    def _on_selection(self, selected: QItemSelection, _deselected: QItemSelection) -> None:
        if not selected.indexes():
            return
        position = self.model.position(selected.indexes()[0].row())
        if position is not None and position != self._selected and self._pages is not None:
            self._selected = position
            self.view.show_pair(self._pages, position)

    def _source_row(self) -> int | None:
        """Return where the selected pair stood in the source."""
        if self._selected is None or self._pages is None or not self._selected < len(self._pages):
            return None
        return self._pages.cells_at([self._selected])[0].source_row

    def _sort_by_column(self, column: int) -> None:
        by = _SORTS_OF_COLUMNS[column]
        now = self.tools.sorting()
        if by is None:
            self.tools.set_sorting(None)
        elif now is None or now.by != by:
            self.tools.set_sorting(Sort(by))
        else:
            self.tools.set_sorting(Sort(by, longest_first=False) if now.longest_first else None)
        self._show_sorting()

    def _show_sorting(self) -> None:
        """Mark the column that the pairs are ordered by."""
        sort = self.tools.sorting()
        column = None if sort is None else _SORTS_OF_COLUMNS.index(sort.by)
        self.model.mark_order(column, falling=sort is not None and sort.longest_first)


def _nothing(*, of: int) -> str:
    """Say why the table is empty."""
    return "No pair holds this text. Escape shows all of them again." if of else "There are no such pairs."
