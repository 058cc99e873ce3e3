"""Widgets made one a turn of the event loop: a dozen cards at once would hold the window for a tenth of a second."""

from collections import deque
from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, QTimer


class OneByOne(QObject):
    """Calls made in order, one each turn; new ones take the place of those not made yet."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._calls: deque[Callable[[], object]] = deque()
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._next)

    @property
    def is_done(self) -> bool:
        """Whether all calls were made."""
        return not self._calls

    def begin(self, calls: Iterable[Callable[[], object]]) -> None:
        """Make these calls instead of what is left."""
        self._calls = deque(calls)
        self._timer.start()

    def _next(self) -> None:
        if self._calls:
            self._calls.popleft()()
        if not self._calls:
            self._timer.stop()
