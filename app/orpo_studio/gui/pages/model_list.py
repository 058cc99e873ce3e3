"""The models this window knows: the demo and the recent ones, each described in the background."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from orpo_studio.config import DEMO
from orpo_studio.gui.background import Task, run_in_background
from orpo_studio.gui.theme import em, theme
from orpo_studio.gui.widgets.basic import tooltip
from orpo_studio.runs.inputs import model_folder
from orpo_studio.words import count, parameters, size

if TYPE_CHECKING:
    from orpo_studio.models.card import ModelCard

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Model", "Parameters", "Size", "Context", "State")
_ROOM = {2: 24, 3: 29}
"""Width of the table, in em, from which on the size and the context are shown."""
DEMO_NAME = "Demo model"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model's place, and what was found there; neither while it is being read."""

    path: str
    card: "ModelCard | None" = None
    problem: Exception | None = None

    @property
    def name(self) -> str:
        """The folder's name."""
        return DEMO_NAME if self.path == DEMO else model_folder(self.path).name or self.path

    @property
    def is_missing(self) -> bool:
        """Whether the folder is not there any more."""
        from orpo_studio.models.problem import ModelProblem

        return isinstance(self.problem, ModelProblem) and self.problem.code == "not-a-folder"

    @property
    def state(self) -> str:
        """The state in a word or two."""
        if self.card is not None:
            return "Ready"
        if self.problem is None:
            return "Reading…"
        return "Missing" if self.is_missing else "Not usable"


class KnownModels(QAbstractTableModel):
    """A row for each known model, in a steady order: the demo, then the others, new ones first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[KnownModel] = []
        self._tasks: dict[str, Task] = {}
        theme().changed.connect(self._on_theme)

    def show_paths(self, recent: Sequence[str]) -> None:
        """Show the demo and the recent ones; those already known keep their places."""
        wanted = [DEMO, *(path for path in recent if path != DEMO)]
        known = {row.path: row for row in self._rows}
        if set(wanted) == set(known):
            return
        new = [path for path in wanted if path not in known]
        kept = [row for row in self._rows if row.path in wanted]
        self.beginResetModel()
        self._rows = [*kept[:1], *(KnownModel(path) for path in new), *kept[1:]]
        self.endResetModel()
        for path in new:
            self._read(path)

    def row_of(self, path: str) -> int:
        """Return the row of a path, or -1."""
        return next((place for place, row in enumerate(self._rows) if row.path == path), -1)

    def model_at(self, row: int) -> KnownModel | None:
        """Return the model of a row, if there is such a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _cell(row, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            why = f"\n\n{row.problem}" if row.problem is not None else ""
            return tooltip(f"{model_folder(row.path)}{why}")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == len(COLUMNS) - 1 and row.card is None:
            return QColor(theme().colors.attention if row.problem is not None else theme().colors.muted)
        return None

    def _read(self, path: str) -> None:
        folder = model_folder(path)

        def work(_task: Task) -> "ModelCard":
            from orpo_studio.models.card import inspect_model

            return inspect_model(folder)

        self._tasks[path] = run_in_background(
            self, work, lambda card: self._found(path, card=card), lambda error: self._found(path, problem=error)
        )

    def _found(self, path: str, *, card: "ModelCard | None" = None, problem: Exception | None = None) -> None:
        self._tasks.pop(path, None)
        place = self.row_of(path)
        if place >= 0:
            self._rows[place] = replace(self._rows[place], card=card, problem=problem)
            self.dataChanged.emit(self.index(place, 0), self.index(place, len(COLUMNS) - 1))

    def _on_theme(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(COLUMNS) - 1))


class KnownModelsTable(QTableView):
    """Shows them, one row chosen at a time; where it is narrow, the name keeps the room and figures give way."""

    def __init__(self, model: KnownModels) -> None:
        super().__init__()
        self.setModel(model)
        self.setAccessibleName("Known models")
        self.setProperty("kind", "roomy")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(em(2.2))
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for column, least in _ROOM.items():
            self.setColumnHidden(column, event.size().width() < em(least))


def _cell(row: KnownModel, column: int) -> str:
    card = row.card
    if column == 0:
        return row.name
    if column == len(COLUMNS) - 1:
        return row.state
    if card is None:
        return ""
    return (parameters(card.parameters), size(card.size_bytes), count(card.context) if card.context else "–")[
        column - 1
    ]


def _alignment(column: int) -> Qt.AlignmentFlag:
    is_number = 0 < column < len(COLUMNS) - 1
    return (Qt.AlignmentFlag.AlignRight if is_number else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter
