"""One finding: severity in sign and word, how many pairs, why it matters, what to do, and one click to do it."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from orpo_studio.gui.doctor.verdict import SIGNS, amount
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label, tooltip
from orpo_studio.gui.widgets.elided import ElidedButton
from orpo_studio.words import one_line

if TYPE_CHECKING:
    from orpo_studio.data.doctor.report import Finding

MOST_EXAMPLES = 3
_LONGEST_EXAMPLE = 160
_LONGEST_WHERE = 300
TREATED = "Its remedy is in force. What is still found is what it leaves: look at these pairs by hand."


class FindingCard(QFrame):
    """Its head is always there; the rest is shown when the head is pressed.

    No remedy is offered where nothing can be edited, or where it is in force already.
    """

    rows_wanted = Signal(object)
    """The finding whose pairs are to be shown."""
    remedy_wanted = Signal(str)
    """Name of the remedy to take."""

    def __init__(self, finding: "Finding", *, editable: bool, is_treated: bool = False) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self.finding = finding
        self._is_open = False
        self._editable = editable
        self._is_treated = is_treated
        self.details: QWidget | None = None
        sign, word, kind = SIGNS[finding.severity]
        self.severity = label(f"{sign} {word}", kind)
        self.severity.setMinimumWidth(em(5.6))
        self.title = label(finding.title, "heading", wrap=True)
        self.head = button("", self.toggle, "link")
        self.amount = label(amount(finding), "muted")
        self.show_rows: QPushButton | None = None
        self.remedy: QPushButton | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(em(1), em(0.6), em(1), em(0.6))
        self._column.setSpacing(em(0.5))
        row = QHBoxLayout()
        row.setSpacing(em(0.75))
        for shown in (self.severity, self.amount, self.head):
            row.addWidget(shown, 0, Qt.AlignmentFlag.AlignTop)
        row.insertWidget(1, self.title, 1)
        self._column.addLayout(row)
        self._show_head()

    @property
    def is_open(self) -> bool:
        """Whether why and advice are shown."""
        return self._is_open

    def toggle(self) -> None:
        """Open or close it."""
        self.set_open(not self._is_open)

    def set_open(self, is_open: bool) -> None:
        """Show or hide why, advice and buttons."""
        self._is_open = is_open
        self._show_head()
        if is_open and self.details is None:
            self.details = self._make_details()
            self._column.addWidget(self.details)
        if self.details is not None:
            self.details.setVisible(is_open)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Open or close it by a click anywhere on its head."""
        is_head = self.details is None or not self._is_open or event.position().y() < self.details.y()
        if is_head and event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.toggle()

    def _show_head(self) -> None:
        _sign, word, _kind = SIGNS[self.finding.severity]
        self.head.setText("▾" if self._is_open else "▸")
        how_many = f", {self.amount.text()}" if self.amount.text() else ""
        self.head.setAccessibleName(f"{word}: {self.finding.title}{how_many}, {'shown' if self._is_open else 'hidden'}")

    def _make_details(self) -> QWidget:
        finding = self.finding
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(em(6.35), 0, 0, em(0.3))
        column.setSpacing(em(0.45))
        for text, kind in ((finding.why, "muted"), (finding.advice, "")):
            if text:
                column.addWidget(label(text, kind, wrap=True, selectable=True))
        for example in finding.examples[:MOST_EXAMPLES]:
            column.addWidget(label(f"“{one_line(example, _LONGEST_EXAMPLE)}”", "muted", wrap=True, selectable=True))
        if where := finding.where():
            column.addWidget(label(one_line(where, _LONGEST_WHERE), "muted", wrap=True, selectable=True))
        buttons = QHBoxLayout()
        buttons.setSpacing(em(0.75))
        if finding.rows:
            self.show_rows = button(
                "Show pairs", lambda: self.rows_wanted.emit(finding), name=f"Show pairs: {finding.title}"
            )
            buttons.addWidget(self.show_rows)
        remedy = finding.remedy if self._editable and not self._is_treated else None
        if remedy is not None:
            self.remedy = ElidedButton(remedy.title, lambda: self.remedy_wanted.emit(remedy.name))
            self.remedy.setToolTip(tooltip(f"{remedy.title}\n{remedy.words}"))
            self.remedy.setAccessibleDescription(remedy.words)
            buttons.addWidget(self.remedy)
        buttons.addStretch(1)
        if buttons.count() > 1:
            column.addLayout(buttons)
        note = TREATED if self._is_treated else remedy.words if remedy is not None else ""
        if note:
            column.addWidget(label(note, "muted", wrap=True, selectable=True))
        return box
