"""The head of the report: how clean the preferences look, on which grounds, and what that means for ORPO."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.gui.doctor.base_model import BaseModelBox
from orpo_studio.gui.doctor.dial import Dial
from orpo_studio.gui.doctor.verdict import noise_in_words, verdict_of
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import label, set_kind
from orpo_studio.gui.workbench import Workbench

if TYPE_CHECKING:
    from orpo_studio.data.doctor.report import Report


class CleanlinessCard(QFrame):
    """Dial on the left, words beside it; at the right the grounds, and the base model to ask for more of them."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self.dial = Dial()
        self.word = label("", "title", selectable=True)
        self.noise = label("", wrap=True, selectable=True)
        self.meaning = label("", wrap=True, selectable=True)
        self.trust = label("", "muted", wrap=True, selectable=True)
        self.base_model = BaseModelBox(bench)
        self.grounds = QWidget()
        self._grounds = QVBoxLayout(self.grounds)
        self._grounds.setContentsMargins(0, 0, 0, 0)
        self._grounds.setSpacing(em(0.35))
        row = QHBoxLayout(self)
        row.setContentsMargins(em(1), em(1), em(1), em(1))
        row.setSpacing(em(1.5))
        row.addWidget(self.dial, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(_column(self.word, self.meaning, self.noise, self.trust), 5)
        self.ground_title = label("What the figure rests on", "heading")
        row.addLayout(_column(self.ground_title, self.grounds, self.base_model), 4)

    def show_report(self, report: "Report") -> None:
        """Show what a report says of all pairs together."""
        cleanliness = report.cleanliness
        verdict = verdict_of(cleanliness)
        self.dial.show_score(cleanliness.score, verdict.word, verdict.kind)
        self.word.setText(verdict.word)
        set_kind(self.word, "title")
        self.meaning.setText(verdict.meaning)
        self.noise.setText(noise_in_words(cleanliness))
        self.trust.setText(cleanliness.trust)
        self.trust.setVisible(bool(cleanliness.trust))
        while (item := self._grounds.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for ground in cleanliness.grounds:
            self._grounds.addWidget(label(f"•  {ground}", "muted", wrap=True, selectable=True))
        self.ground_title.setVisible(bool(cleanliness.grounds))


def _column(*widgets: QWidget) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(em(0.45))
    for shown in widgets:
        column.addWidget(shown)
    column.addStretch(1)
    return column
