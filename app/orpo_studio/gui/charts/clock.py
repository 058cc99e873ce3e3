"""The pace of drawing: at most thirty times a second, one chart a tick, and only what changed."""

from typing import Protocol

from PySide6.QtCore import QObject, QTimer

_PERIOD_MS = 33


class Refreshable(Protocol):
    """What a clock drives."""

    def refresh(self) -> None:
        """Draw the present state."""

    def isVisible(self) -> bool:
        """Whether anybody could see it."""


class RefreshClock(QObject):
    """Calls `refresh` of the charts that asked for it, one a tick in the order of asking; stops when none did."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: dict[Refreshable, None] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(_PERIOD_MS)
        self._timer.timeout.connect(self._tick)

    @property
    def active(self) -> bool:
        """Whether a tick is due."""
        return self._timer.isActive()

    def request(self, chart: Refreshable) -> None:
        """Ask for a refresh. A chart out of sight is not drawn; it asks again when it is shown."""
        if chart.isVisible():
            self._waiting[chart] = None
            if not self._timer.isActive():
                self._timer.start()

    def forget(self, chart: Refreshable) -> None:
        """Drop a chart that is about to be deleted."""
        self._waiting.pop(chart, None)

    def _tick(self) -> None:
        while self._waiting:
            chart = next(iter(self._waiting))
            del self._waiting[chart]
            if chart.isVisible():
                chart.refresh()
                return
        self._timer.stop()
