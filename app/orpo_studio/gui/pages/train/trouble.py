"""What is told of a run that makes no progress or does not stop: how long, what follows when, and what can be done."""

import time

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from orpo_studio.events import RunState
from orpo_studio.gui.follower import RunFollower
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, card, label, set_kind
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs.live_words import Words, live_words

TICK_MS = 250
"""Shorter than the second that is shown, so that two clocks on one screen do not disagree."""
_QUICK_SECONDS = 3.0
"""A stop that is answered within this time needs no words."""


class TroubleCard(QFrame):
    """A card over the progress strip; hidden while all is well."""

    log_wanted = Signal()

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self._follower: RunFollower | None = None
        frame, layout = card(spacing=0.3)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(frame)
        self.sign = label("")
        self.title = label("", "heading", wrap=True)
        self.detail = label("", "muted", wrap=True)
        self.stop = button("Stop and save", lambda: bench.request("stop"), hint="Ctrl+.")
        self.end_now = button("", bench.end_now)
        self.show_log = button("Show console log", self.log_wanted.emit)
        row = QHBoxLayout()
        row.setSpacing(em(0.6))
        row.addWidget(self.sign)
        row.addWidget(self.title, 1)
        row.addWidget(self.show_log)
        row.addWidget(self.stop)
        row.addWidget(self.end_now)
        layout.addLayout(row)
        layout.addWidget(self.detail)
        self._tick = QTimer(self, interval=TICK_MS)
        self._tick.timeout.connect(self.refresh)
        self.hide()

    def show_run(self, follower: RunFollower | None) -> None:
        """Watch another run."""
        self._follower = follower
        self._tick.stop()
        self.hide()
        if follower is not None:
            self._tick.start()
            self.refresh()

    def refresh(self) -> None:
        """Show how it is now."""
        follower = self._follower
        words = _words(follower.fold, time.time()) if follower is not None and follower.is_live else None
        self.setVisible(words is not None)
        if words is None or follower is None:
            return
        self.sign.setText("◐" if words.is_calm else "▲")
        set_kind(self.sign, "tuned" if words.is_calm else "attention")
        self.title.setText(words.title)
        self.detail.setText(words.detail)
        self.setAccessibleName(words.title if words.is_calm else f"Attention: {words.title}")
        self.setAccessibleDescription(words.detail)
        self.end_now.setText(words.button)
        self.end_now.setAccessibleName(words.button)
        self.end_now.setVisible(bool(words.button))
        self.show_log.setVisible(words.speaks_of_log)
        self.stop.setVisible(follower.fold.stop is None)


def _words(fold: RunState, now: float) -> Words | None:
    words = live_words(fold, now)
    is_quick = fold.stop is not None and now - fold.stop_asked < _QUICK_SECONDS
    return None if words is not None and words.is_calm and is_quick else words
