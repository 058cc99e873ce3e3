"""The remedies in force: what was done to the data as it is shown, each with a way to take it back."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label
from orpo_studio.words import count


class RemediesInForce(QFrame):
    """Hidden where there are none."""

    taken_back = Signal(str)
    """Name of the remedy that is not wanted any more."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)  # without one it would be a window of its own when it shows itself
        self.setProperty("kind", "card")
        self.take_back: dict[str, QWidget] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(em(1), em(0.75), em(1), em(0.75))
        self._column.setSpacing(em(0.4))
        self._column.addWidget(label("Remedies in force", "heading"))
        self._note = label("", "muted", wrap=True)
        self._column.addWidget(self._note)
        self._rows: list[QWidget] = []

    def show_remedies(self, remedies: Sequence[tuple[str, str]], set_aside: int, *, editable: bool) -> None:
        """Show remedies by name and words.

        Args:
            remedies: name and what it does, of each, in the order in which they are applied.
            set_aside: how many rows all of them set aside.
            editable: whether they can be taken back.
        """
        for row in self._rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows, self.take_back = [], {}
        for name, words in remedies:
            self._add(name, words, editable)
        pairs = "pair was" if set_aside == 1 else "pairs were"
        told = f" {count(set_aside)} {pairs} set aside." if set_aside else ""
        self._note.setText(
            f"Your file is unchanged: the remedies made a new version of it, which the run trains on.{told}"
        )
        self.setVisible(bool(remedies))

    def _add(self, name: str, words: str, editable: bool) -> None:
        box = QWidget()
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(em(0.75))
        row.addWidget(label(f"✓ {words}", wrap=True, selectable=True), 1)
        if editable:
            back = button("Take back", lambda: self.taken_back.emit(name), "link", name=f"Take back: {words}")
            self.take_back[name] = back
            row.addWidget(back)
        self._column.addWidget(box)
        self._rows.append(box)
