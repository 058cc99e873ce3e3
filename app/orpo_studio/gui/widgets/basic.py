"""The plainest widgets, made the same way everywhere."""

import html
from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from orpo_studio.gui.theme import em


class _WrappedLabel(QLabel):
    """A wrapped label that a single long word, such as a path, does not make wider than its place."""

    def minimumSizeHint(self) -> QSize:
        return super().minimumSizeHint().boundedTo(QSize(em(12), 1 << 14))


def label(text: str = "", kind: str = "", *, wrap: bool = False, selectable: bool = False) -> QLabel:
    """Return a label; its text is never read as HTML.

    ``kind`` is title, heading, muted, failure, attention, chosen, rejected, tuned, base or nothing.
    """
    made = _WrappedLabel(text) if wrap else QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if kind:
        made.setProperty("kind", kind)
    if selectable:
        made.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
    return made


def tooltip(text: str) -> str:
    """Return a tooltip that says a text as it stands: Qt would take one that looks like HTML for HTML."""
    return f"<p>{html.escape(text).replace(chr(10), '<br>')}</p>" if text else ""


def set_kind(widget: QWidget, kind: str) -> None:
    """Change the ``kind`` of a widget and show it."""
    if widget.property("kind") != kind:
        widget.setProperty("kind", kind)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def button(text: str, clicked: Callable[[], object], kind: str = "", *, name: str = "", hint: str = "") -> QPushButton:
    """Return a push button; ``kind`` is main, link or nothing; ``name`` is what a screen reader says."""
    made = QPushButton(text)
    made.setAutoDefault(False)
    made.clicked.connect(lambda _checked=False: clicked())
    made.setAccessibleName(name or text)
    if kind:
        made.setProperty("kind", kind)
    if kind == "link":
        made.setCursor(Qt.CursorShape.PointingHandCursor)
        made.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
    if hint:
        made.setToolTip(tooltip(hint))
    return made


def card(*, spacing: float = 0.5) -> tuple[QFrame, QVBoxLayout]:
    """Return a framed card and the layout inside it."""
    frame = QFrame()
    frame.setProperty("kind", "card")
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(em(1), em(1), em(1), em(1))
    layout.setSpacing(em(spacing))
    return frame, layout


def line() -> QFrame:
    """Return a thin horizontal line."""
    made = QFrame()
    made.setProperty("kind", "line")
    made.setFixedHeight(1)
    return made
