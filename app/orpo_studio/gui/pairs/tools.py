"""The row of controls over the table of pairs: find text, order by length, go to a row."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QIntValidator, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from orpo_studio.gui.pairs.finding import Sort
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.bar import SlimBar
from orpo_studio.gui.widgets.basic import button
from orpo_studio.gui.widgets.check import CheckBox
from orpo_studio.gui.widgets.combo import ComboBox
from orpo_studio.gui.widgets.elided import ElidedLabel

if TYPE_CHECKING:
    from orpo_studio.data.search import TextQuery

_PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("in all texts", ("prompt", "chosen", "rejected")),
    ("in prompts", ("prompt",)),
    ("in chosen answers", ("chosen",)),
    ("in rejected answers", ("rejected",)),
)
_SORTS: tuple[tuple[str, Sort | None], ...] = (
    ("In the source's order", None),
    ("Longest prompt first", Sort("prompt")),
    ("Shortest prompt first", Sort("prompt", longest_first=False)),
    ("Longest chosen first", Sort("chosen")),
    ("Shortest chosen first", Sort("chosen", longest_first=False)),
    ("Longest rejected first", Sort("rejected")),
    ("Shortest rejected first", Sort("rejected", longest_first=False)),
    ("Longest pair first", Sort("total")),
    ("Shortest pair first", Sort("total", longest_first=False)),
    ("Chosen longer first", Sort("difference")),
    ("Rejected longer first", Sort("difference", longest_first=False)),
)
ROW_TIP = "Go to a row of the source (Ctrl+G). Enter again goes to the next pair of the same row."
_PAUSE_MS = 250
"""A search begins once typing has paused this long."""
_PATIENCE_MS = 150
"""Progress of a search shows after so long; most are over by then."""


class PairTools(QWidget):
    """Find, order, go."""

    wanted = Signal()
    """Another text or another order."""
    row_wanted = Signal(int)
    """Go to a row of the source."""
    stopped = Signal()
    """The search is to end."""

    def __init__(self) -> None:
        super().__init__()
        self.text = _SearchField()
        self.text.setPlaceholderText("Find text")
        self.text.setClearButtonEnabled(True)
        self.text.setAccessibleName("Find text in the pairs")
        self.text.setToolTip("Find text in the pairs (Ctrl+F). Escape shows all of them again.")
        self.case = CheckBox("Match case")
        self.case.setToolTip("Capital and small letters differ")
        self.parts = _combo("Where to find the text", [text for text, _ in _PARTS], em(11))
        self.status = ElidedLabel("", "muted")
        # Of one width, whatever it says: counts that change would lay the whole page out anew each time.
        self.status.setFixedWidth(em(12))
        self.bar = SlimBar("Searching")
        self.bar.setRange(0, 1000)
        self.bar.setFixedWidth(em(6))
        self.stop = button("Stop", self.stopped.emit, "link", name="Stop searching")
        self.sort = _combo("Order of the pairs", [text for text, _ in _SORTS], em(13))
        self.row = QLineEdit(placeholderText="Go to row")
        self.row.setAccessibleName("Go to a row of the source")
        self.row.setToolTip(ROW_TIP)
        self.row.setValidator(QIntValidator(1, 2**31 - 1, self.row))
        self.row.setFixedWidth(em(6.5))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(em(0.5))
        for widget in (self.text, self.case, self.parts, self.bar, self.stop, self.status, self.sort, self.row):
            layout.addWidget(widget, 1 if widget is self.text else 0)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self.wanted)
        self._patience = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._patience.timeout.connect(lambda: self._show_progress(shown=True))
        self.text.textChanged.connect(lambda _text: self._pause.start())
        self.text.returnPressed.connect(self._at_once)
        self.case.toggled.connect(lambda _on: self._of_a_search())
        self.parts.currentIndexChanged.connect(lambda _place: self._of_a_search())
        self.sort.currentIndexChanged.connect(lambda _place: self._at_once())
        self.row.returnPressed.connect(lambda: self.row_wanted.emit(int(self.row.text())))
        self._show_progress(shown=False)

    @property
    def is_settled(self) -> bool:
        """Whether nothing that was typed is still waiting."""
        return not self._pause.isActive()

    def query(self) -> "TextQuery | None":
        """Return what is looked for; None where nothing is."""
        from orpo_studio.data.search import TextQuery

        text = self.text.text()
        if not text:
            return None
        return TextQuery(text, _PARTS[self.parts.currentIndex()][1], match_case=self.case.isChecked())

    def sorting(self) -> Sort | None:
        """Return the order; None for that of the source."""
        return _SORTS[self.sort.currentIndex()][1]

    def set_sorting(self, sort: Sort | None) -> None:
        """Choose an order, as if the person had chosen it."""
        self.sort.setCurrentIndex([known for _, known in _SORTS].index(sort))

    def clear(self) -> None:
        """Look for nothing."""
        self.text.clear()
        self._at_once()

    def reset(self) -> None:
        """Look for nothing, in the source's order, without a word: other data is shown."""
        self.text.clear()
        self.row.clear()
        with QSignalBlocker(self.sort):
            self.sort.setCurrentIndex(0)
        self._pause.stop()

    def show_state(self, *, running: bool, share: float, found: int, of: int) -> None:
        """Say how far a search is and what it has found."""
        if not running:
            self._patience.stop()
            self._show_progress(shown=False)
        elif not self._patience.isActive() and self.stop.isHidden():
            self._patience.start()
        self.bar.setUpdatesEnabled(False)  # or the bar paints at once, and with it all that waits to be painted
        self.bar.setValue(round(share * 1000))
        self.bar.setUpdatesEnabled(True)
        searched = bool(self.text.text())
        words = f"{found:,} of {of:,} match"
        if running:
            words = f"{found:,} found" if searched else "Sorting…"
        elif searched and share < 1:
            words = f"{found:,} in the first {share:.0%}"
        self.status.setText(words if searched or running else f"{of:,} pairs")
        self.status.setAccessibleName(self.status.text())

    def say(self, words: str, more: str = "") -> None:
        """Say something in place of the counts, until they change; ``more`` is for those who cannot see the field."""
        self.status.setText(words)
        self.status.setAccessibleName(f"{words}. {more}".strip())

    def _show_progress(self, *, shown: bool) -> None:
        self.bar.setVisible(shown)
        self.stop.setVisible(shown)

    def _of_a_search(self) -> None:
        if self.text.text():
            self._at_once()

    def _at_once(self) -> None:
        self._pause.stop()
        self.wanted.emit()


class _SearchField(QLineEdit):
    """A field that Escape empties."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            self.returnPressed.emit()
        else:
            super().keyPressEvent(event)


def _combo(name: str, texts: list[str], width: int) -> ComboBox:
    combo = ComboBox()
    combo.addItems(texts)
    combo.setAccessibleName(name)
    combo.setToolTip(name)
    combo.setFixedWidth(width)
    return combo
