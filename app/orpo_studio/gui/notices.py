"""Where notices appear: a strip over the page, not a dialog; errors stay until closed."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from orpo_studio.gui.notice import Notice
from orpo_studio.gui.theme import em, fixed_font
from orpo_studio.gui.widgets.basic import button, card, label


class NoticeCard(QFrame):
    """One notice: what happened, why, what to do; the detail behind a fold, with a copy button."""

    def __init__(
        self, notice: Notice, *, closable: bool = True, actions: Sequence[tuple[str, Callable[[], object]]] = ()
    ) -> None:
        """Make a card; ``actions`` are the texts of further buttons and what these do, what helps most first."""
        super().__init__()
        self.notice = notice
        self.buttons: list[QPushButton] = []
        frame, layout = card(spacing=0.3)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(frame)
        sign = {"error": "✕", "warning": "▲", "info": "●"}[notice.severity]
        kind = {"error": "failure", "warning": "attention", "info": "muted"}[notice.severity]
        head = QHBoxLayout()
        head.setSpacing(em(0.6))
        head.addWidget(label(sign, kind))
        head.addWidget(label(notice.title, "heading", wrap=True, selectable=True), 1)
        layout.addLayout(head)
        # What to do weighs more than why, where there is something to do.
        for text, text_kind in ((notice.detail, "muted" if notice.hint else ""), (notice.hint, "")):
            if text:
                layout.addWidget(label(text, text_kind, wrap=True, selectable=True))
        if actions:
            self._add_actions(layout, actions)
        foot = QHBoxLayout()
        foot.setSpacing(em(1))
        if notice.more:
            self._more = QPlainTextEdit(notice.more, readOnly=True)
            self._more.setFont(fixed_font())
            self._more.setMaximumHeight(em(12))
            self._more.setAccessibleName("Details")
            self._more.hide()
            layout.addWidget(self._more)
            self._fold = button("Show details", self._toggle, "link")
            foot.addWidget(self._fold)
        foot.addWidget(button("Copy", self._copy, "link", name="Copy this message"))
        foot.addStretch(1)
        if closable:
            foot.addWidget(button("Close", self.deleteLater, "link", name="Close this message"))
        layout.addLayout(foot)
        self.setAccessibleName(f"{notice.severity}: {notice.title}")
        self.setAccessibleDescription(f"{notice.detail} {notice.hint}")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def _add_actions(self, layout: QVBoxLayout, actions: Sequence[tuple[str, Callable[[], object]]]) -> None:
        row = QHBoxLayout()
        row.setSpacing(em(0.75))
        row.setContentsMargins(0, em(0.3), 0, em(0.3))
        self.buttons = [button(text, act) for text, act in actions]
        for made in self.buttons:
            row.addWidget(made)
        row.addStretch(1)
        layout.addLayout(row)

    def _toggle(self) -> None:
        shown = self._more.isHidden()
        self._more.setVisible(shown)
        self._fold.setText("Hide details" if shown else "Show details")

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.notice.as_text())


class NoticeStrip(QWidget):
    """The notices not closed yet, newest first, at most three."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(em(1.5), 0, em(1.5), 0)
        self._layout.setSpacing(em(0.5))

    def cards(self) -> list[NoticeCard]:
        """Return the notices shown."""
        items = (self._layout.itemAt(index) for index in range(self._layout.count()))
        return [card for item in items if item and isinstance(card := item.widget(), NoticeCard)]

    def show_notice(self, notice: Notice) -> None:
        """Show a notice; the same one is not shown twice."""
        shown = self.cards()
        if any(existing.notice == notice for existing in shown):
            return
        self._layout.insertWidget(0, NoticeCard(notice))
        for old in shown[2:]:
            old.deleteLater()

    def clear(self) -> None:
        """Close all."""
        for shown in self.cards():
            shown.deleteLater()
