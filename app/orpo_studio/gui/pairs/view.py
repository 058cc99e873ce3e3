"""One pair as the model will see it: the chat template rendered, prompt, chosen and rejected told apart."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QTextEdit, QVBoxLayout, QWidget

from orpo_studio.gui.theme import em, fixed_font, theme
from orpo_studio.gui.widgets.basic import label

if TYPE_CHECKING:
    from orpo_studio.data.pair import Message, Pair
    from orpo_studio.models.card import ModelCard
    from orpo_studio.models.chat_template import ChatTemplate
    from orpo_studio.models.token_counter import TokenCounter

LONGEST = 200_000
"""Characters of one text that are shown; a field of megabytes must not hold the window."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is needed to read pairs as one model will: its template, its tokenizer and its end tokens."""

    template: "ChatTemplate"
    counter: "TokenCounter | None"
    specials: tuple[str, ...]
    bos_id: int | None
    eos_id: int

    @classmethod
    def of(cls, card: "ModelCard") -> "Reading":
        """Read template and tokenizer of a model; takes up to a second for a large tokenizer.

        Raises:
            ModelProblem: the template or the tokenizer cannot be used.
        """
        from orpo_studio.models.chat_template import ChatTemplate
        from orpo_studio.models.token_counter import TokenCounter

        counter = TokenCounter(card.path) if card.has_tokenizer else None
        bos = counter.id_of(card.bos_token) if counter and card.bos_token else None
        eos = counter.id_of(card.eos_token) if counter else None
        return cls(ChatTemplate.of(card), counter, tuple(card.special_tokens.values()), bos, -1 if eos is None else eos)


class PairView(QWidget):
    """Prompt above, chosen and rejected side by side under it, each with its length in tokens."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Pair, Reading | None, int] | None = None
        self.prompt_head, self.prompt = _pane("Prompt", "heading")
        self.chosen_head, self.chosen = _pane("Chosen", "chosen")
        self.rejected_head, self.rejected = _pane("Rejected", "rejected")
        self.note = label("", "attention", wrap=True)
        self.note.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(em(0.5))
        layout.addLayout(_column(self.prompt_head, self.prompt), 2)
        answers = QHBoxLayout()
        answers.setSpacing(em(1))
        answers.addLayout(_column(self.chosen_head, self.chosen), 1)
        answers.addLayout(_column(self.rejected_head, self.rejected), 1)
        layout.addLayout(answers, 3)
        layout.addWidget(self.note)
        theme().changed.connect(self._show_again)
        self.show_pair(None, None, 0)

    def show_pair(self, pair: "Pair | None", reading: Reading | None, max_length: int) -> None:
        """Show a pair, rendered by a model's template when one is chosen, as plain turns otherwise."""
        self._shown = None if pair is None else (pair, reading, max_length)
        if pair is None:
            for pane in (self.prompt, self.chosen, self.rejected):
                pane.clear()
            self._say("Prompt", "Chosen", "Rejected", "")
        elif reading is None:
            self._fill(turns(pair.prompt), turns(pair.chosen), turns(pair.rejected), ())
            self._say("Prompt", "Chosen", "Rejected", "Choose a base model to see the pair as that model will.")
        else:
            self._show_rendered(pair, reading, max_length)

    def _show_rendered(self, pair: "Pair", reading: Reading, max_length: int) -> None:
        from orpo_studio.data.rendering import count_tokens, render_pair, room_for_answer
        from orpo_studio.models.problem import ModelProblem

        try:
            rendered = render_pair(pair, reading.template)
        except ModelProblem as problem:
            self._fill(turns(pair.prompt), turns(pair.chosen), turns(pair.rejected), ())
            self._say("Prompt", "Chosen", "Rejected", f"{problem.title} {problem.detail}")
            return
        self._fill(rendered.prompt_text, rendered.chosen_text, rendered.rejected_text, reading.specials)
        if reading.counter is None:
            self._say("Prompt", "Chosen", "Rejected", "")
            return
        count = count_tokens(rendered, reading.counter, bos_id=reading.bos_id, eos_id=reading.eos_id)
        room = room_for_answer(count.prompt, max_length)
        note = ""
        if room == 0:
            note = f"The prompt alone fills the maximum length of {max_length} tokens: this pair is set aside."
        elif not count.fits(max_length):
            note = f"Answers are cut after {room} tokens, at the maximum length of {max_length}."
        self._say(
            f"Prompt · {count.prompt:,} tokens",
            f"Chosen · {count.chosen:,} tokens",
            f"Rejected · {count.rejected:,} tokens",
            note,
        )

    def _say(self, prompt: str, chosen: str, rejected: str, note: str) -> None:
        self.prompt_head.setText(prompt)
        self.chosen_head.setText(f"✓ {chosen}")
        self.rejected_head.setText(f"✕ {rejected}")
        self.note.setText(note)
        self.note.setVisible(bool(note))

    def _fill(self, prompt: str, chosen: str, rejected: str, specials: tuple[str, ...]) -> None:
        for pane, text in ((self.prompt, prompt), (self.chosen, chosen), (self.rejected, rejected)):
            cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}\n… {len(text) - LONGEST:,} more characters"
            pane.setCurrentCharFormat(QTextCharFormat())  # or the new text takes the look of the old text's beginning
            pane.setPlainText(cut)
            _mark(pane, specials)

    def _show_again(self) -> None:
        if self._shown is not None:
            self.show_pair(*self._shown)
        else:
            self.show_pair(None, None, 0)


def turns(messages: "list[Message]") -> str:
    """Return messages as plain turns, for when no template is at hand."""
    return "\n\n".join(f"{message['role']}:\n{message['content']}" for message in messages)


def _pane(name: str, kind: str) -> tuple[QLabel, QTextEdit]:
    pane = QTextEdit(readOnly=True)
    pane.setAcceptRichText(False)
    pane.setFont(fixed_font())
    pane.setTabChangesFocus(True)
    pane.setAccessibleName(name)
    pane.setMinimumHeight(em(3))
    pane.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    pane.setLineWrapMode(QTextEdit.LineWrapMode.WidgetWidth)
    return label(name, kind), pane


def _column(head: QLabel, pane: QTextEdit) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(em(0.25))
    column.addWidget(head)
    column.addWidget(pane, 1)
    return column


def _mark(pane: QTextEdit, specials: tuple[str, ...]) -> None:
    """Set special tokens apart, so that a missing or a doubled one is seen."""
    look = QTextCharFormat()
    look.setForeground(QColor(theme().colors.muted))
    look.setBackground(QColor(theme().colors.raised))
    document = pane.document()
    for token in {token for token in specials if token}:
        found = document.find(token)
        while not found.isNull():
            found.mergeCharFormat(look)
            found = document.find(token, found)
    start = pane.textCursor()
    start.movePosition(QTextCursor.MoveOperation.Start)
    pane.setTextCursor(start)
