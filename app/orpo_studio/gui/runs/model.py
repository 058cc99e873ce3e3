"""The runs as a Qt model, for the list in the rail and for the table of all runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from orpo_studio import words
from orpo_studio.gui.runlist import RunList
from orpo_studio.gui.runs import face
from orpo_studio.gui.theme import theme
from orpo_studio.gui.widgets.basic import tooltip
from orpo_studio.runs import RunSummary
from orpo_studio.runs.queue import ordinal

Index = QModelIndex | QPersistentModelIndex
SUMMARY_ROLE = int(Qt.ItemDataRole.UserRole)
SORT_ROLE = SUMMARY_ROLE + 1
OUTCOME_ROLE = SUMMARY_ROLE + 2
"""The result of a run in a few characters, or its state."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, what it shows, and what it is sorted by."""

    title: str
    text: Callable[[RunSummary], str]
    key: Callable[[RunSummary], Any]
    is_number: bool = False
    hint: str = ""
    is_name: bool = False
    is_state: bool = False
    """A state has its color, as in the rail."""
    """Names are as long as people make them: such columns are cut to the room there is."""


def _lambda(summary: RunSummary) -> float:
    return summary.spec.recipe.lambda_ if summary.spec else -1.0


def _state(summary: RunSummary) -> str:
    shown = face.state_face(summary)
    place = f", {ordinal(summary.place)}" if summary.place else ""
    return f"{shown.sign}  {shown.word}{place}"


def _model(summary: RunSummary) -> str:
    return face.place_name(summary.spec.model.path) if summary.spec else ""


def _data(summary: RunSummary) -> str:
    return face.place_name(summary.spec.data.source) if summary.spec else ""


def _loss(summary: RunSummary) -> float | None:
    return summary.fold.latest.values.get("loss")


def _steps(summary: RunSummary) -> str:
    step, total = summary.fold.latest.step, summary.fold.total_steps
    return f"{words.count(step)} of {words.count(total)}" if total else ""


def _shown(value: float | None, write: Callable[[float], str]) -> str:
    return "" if value is None else write(value)


def _below_all(value: float | None) -> float:
    return -1e300 if value is None else value


COLUMNS = (
    Column("Run", lambda s: s.title, lambda s: s.title.casefold(), is_name=True),
    Column("State", _state, lambda s: face.state_face(s).word, is_state=True),
    Column("λ", lambda s: words.figure(s.spec.recipe.lambda_) if s.spec else "", _lambda, is_number=True),
    Column("Model", _model, _model, is_name=True),
    Column("Data", _data, _data, is_name=True),
    Column("Steps", _steps, lambda s: s.fold.latest.step, is_number=True),
    Column("Loss", lambda s: _shown(_loss(s), words.figure), lambda s: _below_all(_loss(s)), is_number=True),
    Column(
        "Accuracy",
        face.gain,
        lambda s: _below_all(face.accuracy(s, "after")),
        is_number=True,
        hint="Share of held-out pairs whose chosen answer is preferred, before and after training",
    ),
    Column("Made", lambda s: _made(s.folder.id), lambda s: s.folder.id),
)


def _made(run_id: str) -> str:
    """Return when a run was made, from the beginning of its id (``20260131-142500-…``)."""
    day, _, rest = run_id.partition("-")
    if len(day) != 8 or not day.isdigit() or not rest[:4].isdigit():
        return ""
    return f"{day[:4]}-{day[4:6]}-{day[6:]} {rest[:2]}:{rest[2:4]}"


def _alignment(column: Column) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


class RunsModel(QAbstractTableModel):
    """Newest first, with or without those in the queue.

    Rows keep their identity while only their figures change, so that selections last.
    """

    def __init__(self, runs: RunList, parent: QObject | None = None, *, with_queue: bool = True) -> None:
        super().__init__(parent)
        self._runs, self._with_queue = runs, with_queue
        self._summaries = self._wanted()
        runs.changed.connect(self._update)

    def summary(self, index: Index) -> RunSummary | None:
        """Return the run of a row."""
        return self._summaries[index.row()] if index.isValid() and index.row() < len(self._summaries) else None

    def row_of(self, run_id: str) -> int:
        """Return the row of a run, or -1."""
        return next((row for row, summary in enumerate(self._summaries) if summary.folder.id == run_id), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._summaries)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        summary = self.summary(index)
        if summary is None:
            return None
        column = COLUMNS[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return words.one_line(column.text(summary))
            case Qt.ItemDataRole.ToolTipRole:
                return tooltip(face.tooltip(summary))
            case Qt.ItemDataRole.AccessibleTextRole:
                return face.spoken(summary) if index.column() == 0 else f"{column.title}: {column.text(summary)}"
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(column)
            case Qt.ItemDataRole.ForegroundRole if column.is_state:
                return QColor(getattr(theme().colors, face.state_face(summary).tint))
            case _ if role == SUMMARY_ROLE:
                return summary
            case _ if role == OUTCOME_ROLE:
                return face.outcome(summary) or ("" if summary.spec is None else face.state_face(summary).word)
            case _ if role == SORT_ROLE:
                return column.key(summary)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        if role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[section].hint
        return _alignment(COLUMNS[section]) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def _wanted(self) -> list[RunSummary]:
        return [summary for summary in self._runs.summaries if self._with_queue or not summary.place]

    def _update(self) -> None:
        new = self._wanted()
        before = [summary.folder.id for summary in self._summaries]
        after = [summary.folder.id for summary in new]
        if before == after:
            self._summaries = new
            if new:
                self.dataChanged.emit(self.index(0, 0), self.index(len(new) - 1, len(COLUMNS) - 1))
            return
        self.beginResetModel()
        self._summaries = new
        self.endResetModel()
