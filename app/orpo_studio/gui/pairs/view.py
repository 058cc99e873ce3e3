"""One pair as the model will see it: the chat template rendered, prompt, chosen and rejected told apart."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.gui.background import Task, on_main_thread, run_in_background
from orpo_studio.gui.pairs.pane import TextPane
from orpo_studio.gui.pairs.reading import Part, Reading, Sheet, lay_out, mark_found
from orpo_studio.gui.theme import em, theme
from orpo_studio.gui.widgets.basic import label

if TYPE_CHECKING:
    from orpo_studio.data.pages import Pages
    from orpo_studio.data.search import TextQuery

AT_ONCE = 4_000
"""A pair with no more bytes of text is shown at once, which takes less than a frame of the screen. A longer one is laid
out in a thread, and its texts are shown one after the other."""
_NOTHING = Sheet(Part(""), Part(""), Part(""))


class PairView(QWidget):
    """Prompt above, chosen and rejected side by side under it, each with its length in tokens."""

    failed = Signal(Exception)

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Pages, int] | None = None
        self._reading: Reading | None = None
        self._max_length = 0
        self._query: TextQuery | None = None
        self._task: Task | None = None
        self._waiting: list[Callable[[], None]] = []
        self._next = QTimer(self, singleShot=True, interval=0)
        self._next.timeout.connect(self._fill_next)
        self._prompt = TextPane("Prompt", "heading")
        self._chosen = TextPane("Chosen", "chosen", "✓")
        self._rejected = TextPane("Rejected", "rejected", "✕")
        self.prompt_head, self.prompt = self._prompt.head, self._prompt.text
        self.chosen_head, self.chosen = self._chosen.head, self._chosen.text
        self.rejected_head, self.rejected = self._rejected.head, self._rejected.text
        self.note = label("", "attention", wrap=True)
        self.note.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(em(0.5))
        layout.addWidget(self._prompt, 2)
        answers = QHBoxLayout()
        answers.setSpacing(em(1))
        answers.addWidget(self._chosen, 1)
        answers.addWidget(self._rejected, 1)
        layout.addLayout(answers, 3)
        layout.addWidget(self.note)
        theme().changed.connect(self._paint_again)

    @property
    def is_settled(self) -> bool:
        """Whether the pair is shown with all that is known of it."""
        return self._task is None and not self._waiting

    def read_as(self, reading: Reading | None, max_length: int) -> None:
        """Show pairs as another model reads them, or cut at another length."""
        if reading is not self._reading or max_length != self._max_length:
            self._reading, self._max_length = reading, max_length
            self._show()

    def mark_found(self, query: "TextQuery | None") -> None:
        """Mark a text that is looked for."""
        if query != self._query:
            self._query = query
            self._show()

    def clear(self) -> None:
        """Show no pair."""
        self._shown = None
        self._show()

    def show_pair(self, pages: "Pages", position: int) -> None:
        """Show the pair at a position: at once where it is short, as soon as it is read and laid out otherwise."""
        self._shown = (pages, position)
        self._show()

    def _show(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._shown is None:
            self._fill(_NOTHING)
            return
        pages, position = self._shown
        reading, max_length, query = self._reading, self._max_length, self._query
        if pages.text_bytes(position) <= AT_ONCE:
            self._fill(mark_found(lay_out(pages.pair(position), reading, max_length), query))
            return

        def work(task: Task) -> Sheet:
            pair = pages.pair(position)
            first = lay_out(pair, reading, max_length, count=False)
            on_main_thread(self, self._fill_if_current, task, mark_found(first, query))
            return mark_found(lay_out(pair, reading, max_length), query)

        self._task = run_in_background(self, work, self._on_laid_out, self._on_failed)

    def _fill_if_current(self, task: Task, sheet: Sheet) -> None:
        if task is self._task:
            self._fill(sheet, counting=self._reading is not None and self._reading.counter is not None)

    def _on_laid_out(self, sheet: Sheet) -> None:
        self._task = None
        self._fill(sheet)

    def _on_failed(self, error: Exception) -> None:
        self._task = None
        self.failed.emit(error)

    def _fill(self, sheet: Sheet, *, counting: bool = False) -> None:
        parts = (sheet.prompt, sheet.chosen, sheet.rejected)
        panes = (self._prompt, self._chosen, self._rejected)
        self.note.setText(sheet.note)
        self.note.setVisible(bool(sheet.note))
        self._waiting = [
            partial(pane.show_part, part, counting=counting) for pane, part in zip(panes, parts, strict=True)
        ]
        at_once = sum(len(part.text) for part in parts) <= AT_ONCE
        while at_once and self._waiting:
            self._waiting.pop(0)()
        self._next.start()

    def _fill_next(self) -> None:
        if self._waiting:
            self._waiting.pop(0)()
            self._next.start()

    def _paint_again(self) -> None:
        for pane in (self._prompt, self._chosen, self._rejected):
            pane.paint_again()
