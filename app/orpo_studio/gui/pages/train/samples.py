"""Sample answers as they are made: the newest first, the marked one in full, base and tuned side by side."""

from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPlainTextEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from orpo_studio import words
from orpo_studio.events import SampleAnswer
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label
from orpo_studio.gui.widgets.table import row_table

MOST_SAMPLES = 500
"""Answers that are shown at most; all are in the run's events."""
_PAUSE_MS = 50
"""The newest answer is laid out once for all that come together: hundreds when a run is read again."""
_TITLES = ("Step", "Prompt", "Base", "Tuned so far")
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Sample:
    """A prompt with the answers of base and tuned model at a step; an answer not made yet is None."""

    step: int
    prompt: str
    base: str | None = None
    tuned: str | None = None


class SamplesModel(QAbstractTableModel):
    """Samples, newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.samples: list[Sample] = []
        self._base: dict[str, str] = {}

    def reset(self) -> None:
        """Forget all."""
        self.beginResetModel()
        self.samples, self._base = [], {}
        self.endResetModel()

    def take(self, answer: SampleAnswer) -> None:
        """Add an answer: to the row of its prompt and step where that waits for it, else in a row of its own."""
        if answer.source == "base":
            self._base[answer.prompt] = answer.answer
        for row, sample in enumerate(self.samples):
            if sample.step != answer.step:
                break  # those of one step stand together, above all earlier ones
            if sample.prompt != answer.prompt:
                continue
            if answer.source == "base":
                self._put(row, replace(sample, base=answer.answer))
                return
            if sample.tuned in {None, answer.answer}:  # a resumed run says again what it said behind its checkpoint
                self._put(row, replace(sample, tuned=answer.answer))
                return
        made = Sample(answer.step, answer.prompt, self._base.get(answer.prompt))
        if answer.source == "tuned":
            made = replace(made, tuned=answer.answer)
        self.beginInsertRows(QModelIndex(), 0, 0)
        self.samples.insert(0, made)
        self.endInsertRows()
        if len(self.samples) > MOST_SAMPLES:
            self.beginRemoveRows(QModelIndex(), MOST_SAMPLES, MOST_SAMPLES)
            del self.samples[MOST_SAMPLES:]
            self.endRemoveRows()

    def _put(self, row: int, sample: Sample) -> None:
        self.samples[row] = sample
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(_TITLES) - 1))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.samples)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(_TITLES)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        sample = self.samples[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            texts = (words.count(sample.step), sample.prompt, sample.base or "", sample.tuned or "")
            return words.one_line(texts[index.column()])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        return _alignment(section) if role == Qt.ItemDataRole.TextAlignmentRole else None


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column == 0 else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


class SamplesCard(QFrame):
    """The table, the marked sample in full, and a line to ask the model something of one's own."""

    prompt_given = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self.model = SamplesModel()
        self.table = self._make_table()
        self.empty = label(
            "Answers appear here at each evaluation, and whenever you ask for a sample.", "muted", wrap=True
        )
        self.ask = QLineEdit(placeholderText="Ask the model as trained so far")
        self.ask.setAccessibleName("Prompt of your own")
        self.ask.returnPressed.connect(self._give_prompt)
        self.ask_button = button("Ask", self._give_prompt, name="Ask the model this prompt")
        self.full = QWidget()
        self.prompt, self.base, self.tuned = _reader("Prompt"), _reader("Answer of the base"), _reader("Tuned answer")
        self._soon = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._soon.timeout.connect(self._mark_newest)
        self._arrange()
        self.table.selectionModel().currentChanged.connect(self._show_full)
        self.model.rowsInserted.connect(self._on_new)
        self.model.dataChanged.connect(self._show_full)
        self.reset()

    def reset(self) -> None:
        """Forget the run that was shown."""
        self.model.reset()
        self._soon.stop()
        self._follows = True
        self.ask.clear()
        self._refresh()

    def take(self, answer: SampleAnswer) -> None:
        """Add an answer."""
        self.model.take(answer)

    def allow_asking(self, *, allowed: bool) -> None:
        """Say whether a trainer is there to answer."""
        self.ask.setVisible(allowed)
        self.ask_button.setVisible(allowed)

    def _make_table(self) -> QTableView:
        table = row_table(self.model, "Sample answers, newest first", row_em=2)
        head = table.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        head.resizeSection(0, em(4))
        table.setFixedHeight(em(11))
        table.clicked.connect(lambda index: setattr(self, "_follows", index.row() == 0))
        return table

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(em(1), em(1), em(1), em(1))
        layout.setSpacing(em(0.6))
        head = QHBoxLayout()
        head.addWidget(label("Sample answers", "heading"))
        head.addStretch(1)
        self.ask.setMinimumWidth(em(18))
        head.addWidget(self.ask)
        head.addWidget(self.ask_button)
        grid = QGridLayout(self.full)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(em(0.4))
        for column, (title, reader) in enumerate(
            (("Prompt", self.prompt), ("Base", self.base), ("Tuned so far", self.tuned))
        ):
            grid.addWidget(label(title, "muted"), 0, column)
            grid.addWidget(reader, 1, column)
            grid.setColumnStretch(column, 1)
        for part in (self.empty, self.table, self.full):
            layout.addWidget(part)
        layout.insertLayout(0, head)

    def _refresh(self) -> None:
        some = bool(self.model.samples)
        self.empty.setVisible(not some)
        self.table.setVisible(some)
        self.full.setVisible(some)

    def _on_new(self) -> None:
        self._refresh()
        if self._follows:
            self._soon.start()

    def _mark_newest(self) -> None:
        if self._follows and self.model.samples:
            self.table.setCurrentIndex(self.model.index(0, 0))

    def _show_full(self) -> None:
        row = self.table.currentIndex().row()
        if not 0 <= row < len(self.model.samples):
            return
        sample = self.model.samples[row]
        for reader, text in ((self.prompt, sample.prompt), (self.base, sample.base), (self.tuned, sample.tuned)):
            if reader.toPlainText() != (text or ""):
                reader.setPlainText(text or "")

    def _give_prompt(self) -> None:
        text = self.ask.text().strip()
        if text:
            self.prompt_given.emit(text)
            self.ask.clear()


def _reader(name: str) -> QPlainTextEdit:
    made = QPlainTextEdit(readOnly=True)
    made.setAccessibleName(name)
    made.setTabChangesFocus(True)
    made.setFixedHeight(em(8))
    return made
