"""Answers side by side: the prompt over the base model's answer and the tuned model's."""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from orpo_studio.gui.answers.pairing import AnswerPair
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import card, label

MOST = 50
LONGEST = 4000
_PAUSE_MS = 50
"""The whole column is made anew for each change: once for all answers of an evaluation."""
LONGEST_PROMPT = 600
"""More of a prompt would push the answers out of sight."""


class Comparison(QScrollArea):
    """A scrolling column of answer pairs."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Answers side by side")
        self._shown: list[AnswerPair] = []
        self._wanted: list[AnswerPair] = []
        self._soon = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._soon.timeout.connect(self._show_wanted)
        self.clear()

    def clear(self) -> None:
        """Show none."""
        self.show_answers([])

    def show_answers(self, answers: list[AnswerPair]) -> None:
        """Show pairs of answers, in the order given: soon, since more may follow, and only where they can be seen."""
        self._wanted = answers
        if self.isVisible():
            self._soon.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Show what came out of sight."""
        super().showEvent(event)
        self._show_wanted()

    def _show_wanted(self) -> None:
        answers = self._wanted
        if answers == self._shown and self.widget() is not None:
            return
        self._shown = answers
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, em(0.5), 0)
        column.setSpacing(em(0.75))
        for pair in answers[:MOST]:
            column.addWidget(_pair_card(pair))
        column.addStretch(1)
        self.setWidget(inside)


def _pair_card(pair: AnswerPair) -> QFrame:
    frame, layout = card()
    layout.addWidget(label(_cut(pair.prompt, LONGEST_PROMPT), "heading", wrap=True, selectable=True))
    grid = QGridLayout()
    grid.setHorizontalSpacing(em(1.5))
    grid.setVerticalSpacing(em(0.25))
    sides = (
        ("● Base", "base", pair.base, "The base model was not asked."),
        (f"◆ Tuned, step {pair.step}", "tuned", pair.tuned, "Not answered yet."),
    )
    for column, (head, kind, answer, missing) in enumerate(sides):
        grid.addWidget(label(head, kind), 0, column)
        words = label(
            _cut(answer) if answer else "(an empty answer)" if answer == "" else missing, wrap=True, selectable=True
        )
        words.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        if not answer:
            words.setProperty("kind", "muted")
        grid.addWidget(words, 1, column)
        grid.setColumnStretch(column, 1)
    layout.addLayout(grid)
    return frame


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
