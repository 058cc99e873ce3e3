"""The pace of drawing: at most thirty times a second, one chart a tick, and only what changed."""

from typing import Protocol

from PySide6.QtCore import QObject, QTimer

_PERIOD_MS = 33
_RAPID_MS = 200
"""While a run is read again, or writes faster than anybody reads: the time is better spent on getting there."""
_SOON_MS = 4


class Refreshable(Protocol):
    """What a clock drives."""

    def refresh(self) -> None:
        """Draw the present state."""

    def isVisible(self) -> bool:
        """Whether anybody could see it."""


class RefreshClock(QObject):
    """Calls `refresh` of the charts that asked for it, one a tick in the order of asking; stops when none did.

    Charts that show something else than they should (another run, or nothing yet) ask to be drawn soon: these come
    first, each in a turn of its own, without the pace that live values are held to.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.is_rapid = False
        """Whether far more arrives than can be told apart."""
        self._waiting: dict[Refreshable, bool] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._tick)

    @property
    def active(self) -> bool:
        """Whether a chart waits to be drawn."""
        return bool(self._waiting)

    @property
    def catching_up(self) -> bool:
        """Whether a chart that waits shows another run, or nothing, instead of what it was fed."""
        return any(self._waiting.values())

    def request(self, chart: Refreshable, *, soon: bool = False) -> None:
        """Ask for a refresh. A chart out of sight is not drawn; it asks again when it is shown."""
        if not chart.isVisible():
            return
        self._waiting[chart] = soon or self._waiting.get(chart, False)
        if soon or not self._timer.isActive():
            self._start()

    def forget(self, chart: Refreshable) -> None:
        """Drop a chart that is about to be deleted."""
        self._waiting.pop(chart, None)

    def _tick(self) -> None:
        while self._waiting:
            chart = next((chart for chart, soon in self._waiting.items() if soon), next(iter(self._waiting)))
            del self._waiting[chart]
            if chart.isVisible():
                chart.refresh()
                break
        if self._waiting:
            self._start()

    def _start(self) -> None:
        self._timer.start(_SOON_MS if self.catching_up else _RAPID_MS if self.is_rapid else _PERIOD_MS)
