"""A list of runs in the rail, one painted row each."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QAbstractItemView, QListView

from orpo_studio.gui.runs.row import RunRow
from orpo_studio.gui.theme import em


class RowList(QListView):
    """Without a frame, scrolled by pixels, as wide as the rail.

    Args:
        name: what a screen reader says.
        height: wanted, in em.
    """

    def __init__(self, name: str, height: float) -> None:
        super().__init__()
        self._height = height
        self.setItemDelegate(RunRow(self))
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

    def sizeHint(self) -> QSize:
        """Return the size that it would like to have."""
        return QSize(em(14), em(self._height))
