"""The small editor in which a person says which column is which, with the pairs that come of it at once."""

from collections import Counter
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QDoubleValidator
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QHeaderView, QLineEdit, QVBoxLayout, QWidget

from orpo_studio.config import find_option
from orpo_studio.gui.background import Task, run_in_background
from orpo_studio.gui.notice import notice_of
from orpo_studio.gui.pairs.table import PairTableModel, make_table
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label, set_kind
from orpo_studio.gui.widgets.combo import ComboBox

if TYPE_CHECKING:
    from orpo_studio.data.mapping import Mapping
    from orpo_studio.data.peek import Peek
    from orpo_studio.data.plan import Portion
    from orpo_studio.data.rows import NumberedRow

COLUMNS, ROLES, RANKING = "data.columns", "data.roles", "data.ranking"
PREFERENCE, LEAST_GAP = "data.preference", "data.least_gap"
_PARTS = (
    ("prompt", "Prompt", "What is asked. Leave it open where chosen and rejected are whole conversations."),
    ("chosen", "Chosen", "The preferred answer."),
    ("rejected", "Rejected", "The other answer."),
    ("system", "System", "The system prompt, if there is one."),
)
_WITH_ANSWERS = frozenset({"input", "history", "chosen_score", "rejected_score"})
GUESSED = (
    "▲ The columns were not recognized. This is a guess by their names: see below whether the prompts and the answers "
    "are what they should be, or choose others."
)
_PAUSE_MS = 200


class ColumnsEditor(QDialog):
    """Combo boxes over the first pairs; nothing changes until it is applied."""

    applied = Signal(dict)
    """Values by option."""

    def __init__(self, parent: QWidget, portion: "Portion", mapping: "Mapping") -> None:
        super().__init__(parent)
        self.setWindowTitle("Columns")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(em(62), em(42))
        self._portion = portion
        self._rows: list[NumberedRow] = []
        self._known: dict[str, str] = {}
        self._task: Task | None = None
        self._may_guess = self._is_guess = False
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._read_as)
        self._build()
        self._show(mapping)
        self._read()

    @property
    def is_settled(self) -> bool:
        """Whether the preview shows what is chosen."""
        return self._task is None and not self._pause.isActive()

    def values(self) -> dict[str, object]:
        """Return the values of the options."""
        gap = self.least_gap.text().replace(",", ".")
        return {
            COLUMNS: self.columns.text().strip(),
            ROLES: self.roles.text().strip(),
            RANKING: self.ranking.currentData(),
            PREFERENCE: self.preference.currentData(),
            LEAST_GAP: float(gap) if gap else 0.0,
        }

    # --- building

    def _build(self) -> None:
        self.evidence = label("Reading the first rows…", wrap=True, selectable=True)
        self.parts: dict[str, ComboBox] = {}
        fields = QGridLayout()
        fields.setHorizontalSpacing(em(1))
        fields.setVerticalSpacing(em(0.5))
        for place, (part, title, help_text) in enumerate(_PARTS):
            combo = ComboBox()
            combo.setAccessibleName(f"Column of the {title.lower()}")
            combo.setToolTip(help_text)
            combo.currentIndexChanged.connect(lambda _place: self._on_part())
            self.parts[part] = combo
            kind = part if part in {"chosen", "rejected"} else "heading"
            fields.addWidget(label(title, kind), 0, place)
            fields.addWidget(combo, 1, place)
        self.columns = self._field(COLUMNS, "recognized; by hand: prompt=question, answers=replies, scores=stars")
        self.roles = self._field(ROLES, "recognized; by hand: user=Customer, assistant=Agent")
        self.ranking = self._choice(RANKING)
        self.preference = self._choice(PREFERENCE)
        self.least_gap = self._field(LEAST_GAP, "0")
        self.least_gap.setValidator(QDoubleValidator(0, 1e9, 6, self.least_gap))
        more = QGridLayout()
        more.setHorizontalSpacing(em(1))
        more.setVerticalSpacing(em(0.5))
        more.setColumnStretch(1, 1)
        more.setColumnStretch(3, 1)
        more.addWidget(label(find_option(COLUMNS).title), 0, 0)
        more.addWidget(self.columns, 0, 1, 1, 3)
        for row, side, name, widget in (
            (1, 0, ROLES, self.roles),
            (1, 2, LEAST_GAP, self.least_gap),
            (2, 0, RANKING, self.ranking),
            (2, 2, PREFERENCE, self.preference),
        ):
            more.addWidget(label(find_option(name).title), row, side)
            more.addWidget(widget, row, side + 1)
        self.model = PairTableModel()
        self.table = make_table(self.model)
        self.table.setAccessibleName("The first pairs")
        self.table.horizontalHeader().setSectionsClickable(False)
        for column in (4, 5):
            self.table.setColumnHidden(column, True)
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.counts = label("", "muted", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(em(1.5), em(1.25), em(1.5), em(1.25))
        layout.setSpacing(em(1))
        layout.addWidget(label("Which column is which", "title"))
        layout.addWidget(self.evidence)
        layout.addLayout(fields)
        layout.addLayout(more)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.counts)
        layout.addLayout(self._buttons())

    def _buttons(self) -> QHBoxLayout:
        self.recognize = button("Recognize by itself", self._forget, hint="Forget what was said by hand")
        self.cancel = button("Cancel", self.reject)
        self.apply = button("Apply", self._apply, "main")
        row = QHBoxLayout()
        row.setSpacing(em(0.75))
        row.addWidget(self.recognize)
        row.addStretch(1)
        row.addWidget(self.cancel)
        row.addWidget(self.apply)
        return row

    def _field(self, name: str, placeholder: str) -> QLineEdit:
        option = find_option(name)
        field = QLineEdit(placeholderText=placeholder)
        field.setAccessibleName(option.title)
        field.setToolTip(option.help)
        field.textEdited.connect(lambda _text: self._pause.start())
        return field

    def _choice(self, name: str) -> ComboBox:
        option = find_option(name)
        combo = ComboBox()
        combo.setAccessibleName(option.title)
        combo.setToolTip(option.help)
        for value, title in option.choices.items():
            combo.addItem(title, value)
        combo.currentIndexChanged.connect(lambda _place: self._pause.start())
        return combo

    # --- inside

    def _show(self, mapping: "Mapping") -> None:
        self.columns.setText(mapping.columns)
        self.roles.setText(mapping.roles)
        self.least_gap.setText(f"{mapping.least_gap:g}" if mapping.least_gap else "")
        for combo, value in ((self.ranking, mapping.ranking), (self.preference, mapping.preference)):
            with QSignalBlocker(combo):
                combo.setCurrentIndex(combo.findData(value))

    def _forget(self) -> None:
        from orpo_studio.data.mapping import Mapping

        self._show(Mapping())
        self._read_as()

    def _on_part(self) -> None:
        """Write what the combo boxes say as the text that is kept."""
        from orpo_studio.data.mapping import columns_text

        said = {part: str(combo.currentData() or "") for part, combo in self.parts.items()}
        kept = self._known
        if said["chosen"] and said["rejected"]:  # what goes with ranked lists or votes does not go with these
            kept = {part: column for part, column in kept.items() if part in _WITH_ANSWERS}
        self.columns.setText(columns_text({part: column for part, column in {**kept, **said}.items() if column}))
        self.columns.setCursorPosition(0)
        self._pause.start()

    def _read(self) -> None:
        portion = self._portion

        def work(_task: Task) -> "list[NumberedRow]":
            from orpo_studio.data.peek import first_rows

            return first_rows(portion)

        self._task = run_in_background(self, work, self._on_rows, self._on_problem)

    def _on_rows(self, rows: "list[NumberedRow]") -> None:
        self._rows = rows
        self._may_guess = True
        self._read_as()

    def _guess(self) -> bool:
        """Begin with a guess by the names of the columns where nothing is recognized; tell whether there is one."""
        from orpo_studio.data.rows import Unreadable
        from orpo_studio.data.sketch import suggest

        if not self._may_guess or self.columns.text().strip() or self.roles.text().strip():
            return False
        self._may_guess = False
        guess = suggest([row for _, row in self._rows if not isinstance(row, Unreadable)])
        if not guess.columns:
            return False
        self._is_guess = True
        self.columns.setText(guess.columns)
        self.columns.setCursorPosition(0)
        self.roles.setText(guess.roles)
        self._read_as()
        return True

    def _read_as(self) -> None:
        from orpo_studio.data.mapping import Mapping

        self._pause.stop()
        values, portion, rows = self.values(), self._portion, self._rows
        mapping = Mapping(*(values[name] for name in (COLUMNS, ROLES, RANKING, PREFERENCE, LEAST_GAP)))  # type: ignore[arg-type]
        if self._task is not None:
            self._task.cancel()

        def work(_task: Task) -> "Peek":
            from orpo_studio.data.peek import read_as

            return read_as(portion, rows, mapping)

        self._task = run_in_background(self, work, self._on_peek, self._on_problem)

    def _on_peek(self, seen: "Peek") -> None:
        from orpo_studio.data.pages import ListPages

        self._task = None
        self._offer(seen.columns, dict(seen.recognition.parts))
        set_kind(self.evidence, "attention" if self._is_guess else "")
        self.evidence.setText(GUESSED if self._is_guess else seen.recognition.evidence)
        self._is_guess = False
        pages = ListPages(seen.pairs)
        self.model.show_pairs(pages, pages.span())
        self.counts.setText(_counts(seen))
        self.apply.setEnabled(bool(seen.pairs) or seen.recognition.single is not None)

    def _on_problem(self, error: Exception) -> None:
        from orpo_studio.data.peek import columns_of

        self._task = None
        if self._guess():
            return
        self._is_guess = False
        self._offer(columns_of(self._rows), {})
        problem = notice_of(error)
        set_kind(self.evidence, "failure")
        self.evidence.setText(" ".join(part for part in (problem.title, problem.detail, problem.hint) if part))
        self.model.show_pairs(None, range(0))
        self.counts.setText("")
        self.apply.setEnabled(False)

    def _offer(self, columns: tuple[str, ...], recognized: dict[str, str]) -> None:
        """Offer the columns that are there, with what is said by hand, or recognized, as the choice."""
        from orpo_studio.data.mapping import column_parts
        from orpo_studio.data.problem import DataProblem

        try:
            said = column_parts(self.columns.text())
        except DataProblem:
            said = {part: str(combo.currentData()) for part, combo in self.parts.items() if combo.currentData()}
        parts = said or recognized
        self._known = dict(parts)
        for part, combo in self.parts.items():
            with QSignalBlocker(combo):
                combo.clear()
                combo.addItem("–", "")
                for column in dict.fromkeys([*columns, *([parts[part]] if part in parts else [])]):
                    combo.addItem(column[:80], column)
                combo.setCurrentIndex(max(0, combo.findData(parts.get(part, ""))))

    def _apply(self) -> None:
        self.applied.emit(self.values())
        self.accept()


def _counts(seen: "Peek") -> str:
    """Say what becomes of the first rows."""
    if seen.recognition.single is not None and not seen.set_aside:
        return f"The first {seen.rows:,} rows are single answers; they become pairs when all have been read."
    words = f"The first {seen.rows:,} rows make {len(seen.pairs):,} pairs."
    if not seen.set_aside:
        return words
    reasons = Counter(row.words for row in seen.set_aside).most_common(2)
    listed = " ".join(f"{count:,} × {reason}" for reason, count in reasons)
    return f"{words} {len(seen.set_aside):,} are set aside: {listed}"
