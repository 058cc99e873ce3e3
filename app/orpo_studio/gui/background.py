"""One idiom for work that must not hold the event loop.

``run_in_background(owner, work, done, failed)``: ``work`` runs in a thread of Qt's pool and must not touch a widget;
``done`` or ``failed`` is called back on the owner's thread, and never after the owner is gone.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal, Slot

Result = TypeVar("Result")


class Cancelled(Exception):  # noqa: N818 - an answer to a wish, not an error
    """Raised by work that saw its task cancelled; neither ``done`` nor ``failed`` is called."""


class Task:
    """A piece of work under way."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Ask the work to end, and drop its result."""
        self._cancelled.set()

    def is_cancelled(self) -> bool:
        """Tell whether somebody asked for the end; long work looks here now and then."""
        return self._cancelled.is_set()


class _Bridge(QObject):
    """Carries results across threads by a queued signal; a child of the owner, so it dies with it."""

    finished = Signal(object, object)


class _Work(QRunnable, Generic[Result]):
    def __init__(self, work: Callable[[Task], Result], task: Task, bridge: _Bridge) -> None:
        super().__init__()
        self._work, self._task, self._bridge = work, task, bridge

    @Slot()
    def run(self) -> None:
        try:
            result, error = self._work(self._task), None
        except Exception as caught:  # noqa: BLE001 - a thread's boundary: the owner decides what it means
            result, error = None, caught
        try:
            self._bridge.finished.emit(result, error)
        except RuntimeError:  # the owner was deleted meanwhile, and the bridge with it
            return


def run_in_background(
    owner: QObject,
    work: Callable[[Task], Result],
    done: Callable[[Result], None],
    failed: Callable[[Exception], None],
) -> Task:
    """Run ``work`` in a thread and bring its result, or what it raised, back to the owner's thread."""
    task = Task()
    bridge = _Bridge(owner)

    def deliver(result: object, error: object) -> None:
        bridge.deleteLater()
        if task.is_cancelled() or isinstance(error, Cancelled):
            return
        if isinstance(error, Exception):
            failed(error)
        else:
            done(result)  # type: ignore[arg-type] # a signal carries plain objects

    bridge.finished.connect(deliver, Qt.ConnectionType.QueuedConnection)
    QThreadPool.globalInstance().start(_Work(work, task, bridge))
    return task
