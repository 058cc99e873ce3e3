"""Garbage that refers to itself is collected on the main thread alone.

Python collects it in whichever thread happens to allocate. Objects of Qt among it are then deleted there, while the
main thread uses others: the one waits for Python with a lock of Qt's in hand, the other for that lock with Python in
hand, and the window stands still for good.
"""

import gc

from PySide6.QtCore import QObject, QTimer

_EVERY_MS = 200


class GarbageCollector(QObject):
    """Collects in Python's place, by the same counts and thresholds, while it is there and not stopped."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self, interval=_EVERY_MS)
        self._timer.timeout.connect(_collect)
        self._timer.start()

    def stop(self) -> None:
        """Leave it to Python again."""
        self._timer.stop()
        gc.enable()


def _collect() -> None:
    """Collect the oldest generation that is due, with the younger ones."""
    counts = zip(gc.get_count(), gc.get_threshold(), strict=True)
    due = [generation for generation, (count, threshold) in enumerate(counts) if count > threshold > 0]
    if due:
        gc.collect(due[-1])
