"""What a run warned of: the newest in full, the earlier ones behind a fold, so that the charts keep their place."""

from collections.abc import Callable, Collection, Iterable, Sequence

import shiboken6
from PySide6.QtWidgets import QVBoxLayout, QWidget

from orpo_studio.events import Problem
from orpo_studio.gui.notice import notice_of
from orpo_studio.gui.notices import NoticeCard
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button
from orpo_studio.words import count

Actions = Sequence[tuple[str, Callable[[], object]]]


class WarningCards(QWidget):
    """Cards of a run's warnings, newest first, the last of each kind; what repeats itself takes its own place.

    Args:
        pinned: codes of warnings that stay while they are true: no newer one puts them behind the fold, and they
            cannot be closed.
    """

    def __init__(self, pinned: Collection[str]) -> None:
        super().__init__()
        self._pinned = pinned
        self._cards: dict[str, NoticeCard] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(em(0.5))
        self._fold = button("", self._toggle, "link")
        self._is_open = False
        self._layout.addWidget(self._fold)
        self._refresh()

    def take(self, warning: Problem, actions: Actions = ()) -> None:
        """Show a warning."""
        self._remove(warning.code)
        made = NoticeCard(notice_of(warning), closable=warning.code not in self._pinned, actions=actions)
        made.destroyed.connect(self._refresh)
        self._cards[warning.code] = made
        self._layout.insertWidget(0, made)
        made.show()
        self._refresh()

    def settle(self, codes: Iterable[str]) -> None:
        """Take warnings away that are no longer true."""
        for code in codes:
            self._remove(code)
        self._refresh()

    def clear(self) -> None:
        """Take all away."""
        self._is_open = False
        self.settle(list(self._cards))

    def _remove(self, code: str) -> None:
        made = self._cards.pop(code, None)
        if made is not None and shiboken6.isValid(made):  # the person may have closed it
            made.hide()
            made.deleteLater()

    def _toggle(self) -> None:
        self._is_open = not self._is_open
        self._refresh()

    def _refresh(self) -> None:
        if not shiboken6.isValid(self):  # its last card ends with the window
            return
        left = {code: made for code, made in self._cards.items() if shiboken6.isValid(made)}
        others = [made for code, made in left.items() if code not in self._pinned]
        for made in others:
            made.setVisible(self._is_open or made is others[-1])
        earlier = len(others) - 1
        words = "1 earlier warning" if earlier == 1 else f"{count(earlier)} earlier warnings"
        self._fold.setText(f"Hide {words}" if self._is_open else f"Show {words}")
        self._fold.setAccessibleName(self._fold.text())
        self._fold.setVisible(earlier > 0)
        self.setVisible(bool(left))
