"""Whether the chosen files are still what is shown: looked at now and then, in the background."""

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from orpo_studio.gui.background import Task, run_in_background

if TYPE_CHECKING:
    from orpo_studio.data.standing import Standing
    from orpo_studio.gui.choices import DataChoice

EVERY_S = 3.0
_REST = 50
"""Between two looks so many times as long passes as a look took: many files on a slow disk are left alone."""


class SourceWatch(QObject):
    """Looks while it is told to, and tells when what it sees is new."""

    changed = Signal()

    def __init__(self, data: "DataChoice", parent: QObject) -> None:
        super().__init__(parent)
        self._data = data
        self._task: Task | None = None
        self._began = 0.0
        self._is_wanted = False
        self.standing: Standing | None = None
        """What was seen last; None before anything was."""
        self.name = ""
        """The source that is not as it was."""
        self._next = QTimer(self, singleShot=True)
        self._next.timeout.connect(self.look)
        data.changed.connect(self._on_data)

    def look(self) -> None:
        """Look now, and from then on every few seconds."""
        self._is_wanted = True
        prepared = self._data.prepared
        if prepared is None or not prepared.states or self._task is not None:
            return

        def work(_task: Task) -> "tuple[Standing, str]":
            from orpo_studio.data.standing import standing_of

            return standing_of(self._data.plan(), prepared)

        self._next.stop()
        self._began = time.monotonic()
        self._task = run_in_background(self, work, self._on_seen, lambda _error: self._rest())

    def stop(self) -> None:
        """Look no more until `look` is called."""
        self._is_wanted = False
        self._end()

    def _end(self) -> None:
        self._next.stop()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _on_data(self) -> None:
        self._end()
        self.standing, self.name = None, ""
        if self._is_wanted:
            self._next.start(round(1000 * EVERY_S))

    def _on_seen(self, seen: "tuple[Standing, str]") -> None:
        before = self.standing, self.name
        self.standing, self.name = seen
        self._rest()
        if before != seen:
            self.changed.emit()

    def _rest(self) -> None:
        self._task = None
        self._next.start(round(1000 * max(EVERY_S, _REST * (time.monotonic() - self._began))))
